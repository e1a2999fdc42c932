import numpy as np
import pytest

from fastrtc_webrtc.testing import media


def test_a_tone_is_as_loud_and_as_high_as_it_should_be() -> None:
    sound = media.tone(440, 0.5, peak=5000)
    assert sound.shape == (1, 24_000)
    assert media.loudest_hz(sound) == pytest.approx(440, abs=0.5)
    assert media.level(sound) == pytest.approx(5000, rel=0.01)
    assert media.tone_level(sound, 440) == pytest.approx(5000, rel=0.01)
    assert media.tone_level(sound, 900) < 5


def test_one_tone_among_others() -> None:
    sound = media.tone(440, 0.5, peak=5000) + media.tone(1000, 0.5, peak=2000)
    assert media.loudest_hz(sound) == pytest.approx(440, abs=0.5)
    assert media.tone_level(sound, 1000) == pytest.approx(2000, rel=0.01)


def test_decibels() -> None:
    assert media.decibels(1.0) == 0.0
    assert media.decibels(0.5) == pytest.approx(-6.02, abs=0.01)
    assert media.decibels(0.0) == -180.0


def test_silence() -> None:
    assert media.level(media.silence(1.0)) == 0.0
    assert media.level(media.silence(0.0)) == 0.0
    assert media.beep_onsets(media.silence(1.0)) == []


def test_beeps_are_found_where_they_are() -> None:
    times = [0.0, 0.3, 1.2]
    sound = media.beeps(times, 1.25, rate=24_000)
    assert sound.shape == (1, 30_000)
    assert media.beep_onsets(sound, 24_000) == pytest.approx(times, abs=0.005)


def test_colors() -> None:
    picture = media.flat_picture((10, 200, 30), (64, 48))
    assert picture.shape == (48, 64, 3)
    assert media.mean_color(picture) == (10, 200, 30)


@pytest.mark.parametrize("size", [(320, 240), (640, 480), (162, 122)])
def test_every_number_is_read_again(size: tuple[int, int]) -> None:
    for number in (0, 1, 2, 1000, media.HIGHEST_NUMBER):
        picture = media.numbered_picture(number, size)
        assert picture.shape == (size[1], size[0], 3)
        noise = np.random.default_rng(number).integers(-20, 20, picture.shape)
        blurred = np.clip(picture + noise, 0, 255).astype(np.uint8)
        assert media.read_number(blurred) == number


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_shows_no_number(level: int) -> None:
    assert media.read_number(media.flat_picture((level, level, level))) is None


@pytest.mark.parametrize("number", [-1, media.HIGHEST_NUMBER + 1])
def test_numbers_that_do_not_fit(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        media.numbered_picture(number)
