import numpy as np
import pytest
from benchmarks import sound


@pytest.mark.parametrize("number", range(len(sound.TONES)))
def test_a_frame_of_a_reply_tells_its_number(number: int) -> None:
    frame = sound.from_int16(sound.tone(number, 0.02, 24_000))
    assert sound.heard_tone(frame, 24_000) == number


def test_silence_is_no_reply() -> None:
    assert sound.heard_tone(np.zeros(480, np.float32), 24_000) is None


@pytest.mark.parametrize("shift", [-500, 0, 1234])
def test_a_copy_is_found_where_it_was_taken(shift: int) -> None:
    whole = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    part = whole[shift : shift + 3000] if shift >= 0 else np.pad(whole[:2500], (-shift, 0))
    assert sound.offset_of(part, whole) == shift


def test_resampling_keeps_pitch_and_level() -> None:
    low = sound.from_int16(sound.tone(3, 0.5, 22_050))
    high = sound.resampled(low, 22_050, 24_000)
    assert high.size == 12_000
    assert sound.heard_tone(high, 24_000) == 3
    assert sound.rms(high) == pytest.approx(sound.rms(low), rel=0.01)


@pytest.mark.parametrize("kind", ["white", "pink"])
def test_noise_has_its_level(kind: sound.Noise) -> None:
    made = sound.noise(kind, 24_000, -40, np.random.default_rng(0))
    assert sound.decibels(sound.rms(made)) == pytest.approx(-40, abs=0.1)
