import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_vad.levels import UNHEARD, Levels, Quiet

WINDOW = 0.032
FRAME = 0.008
VOICE = 0.01
HUSH = 1e-9


def decibels(level: float) -> float:
    return VOICE * 10 ** (level / 10)


def heard(*runs: tuple[int, float, bool]) -> Levels:
    """Levels that were told runs of windows, each of one power."""
    levels = Levels(WINDOW)
    for count, power, voiced in runs:
        for _ in range(count):
            levels.push([power] * 4, voiced=voiced)
    return levels


def test_quiet_begins_in_the_middle_of_its_first_frame() -> None:
    levels = heard((64, HUSH, False), (20, VOICE, True))
    assert levels.push([VOICE] * 4, voiced=True).seconds == 0
    assert levels.push([VOICE, VOICE, VOICE, HUSH], voiced=True).seconds == pytest.approx(FRAME / 2)
    assert levels.push([HUSH] * 4, voiced=False).seconds == pytest.approx(4.5 * FRAME)
    assert levels.push([HUSH, VOICE, HUSH, HUSH], voiced=False).seconds == pytest.approx(
        1.5 * FRAME
    )


@pytest.mark.parametrize(("level", "is_quiet"), [(-34.5, False), (-35.5, True)])
def test_quiet_is_35_db_below_speech(level: float, is_quiet: bool) -> None:
    levels = heard((64, HUSH, False), (20, VOICE, True))
    assert (levels.push([decibels(level)] * 4, voiced=False).seconds > 0) == is_quiet


@pytest.mark.parametrize(("level", "is_quiet"), [(6.5, False), (5.5, True)])
def test_quiet_is_less_than_6_db_above_the_noise(level: float, is_quiet: bool) -> None:
    levels = heard((64, decibels(-33), False), (20, VOICE, True))
    assert (levels.push([decibels(-33 + level)] * 4, voiced=False).seconds > 0) == is_quiet


@pytest.mark.parametrize(
    ("noise", "is_clear"), [(-80, True), (-32, True), (-30, False), (0, False)]
)
def test_the_end_of_speech_shows_as_long_as_noise_is_low(noise: float, is_clear: bool) -> None:
    levels = heard((64, decibels(noise), False), (20, VOICE, True))
    assert levels.push([decibels(noise)] * 4, voiced=False).is_clear == is_clear


def test_in_steady_noise_as_loud_as_speech_nothing_is_shown() -> None:
    levels = heard((64, VOICE, False), (20, VOICE, True))
    assert not levels.push([VOICE] * 4, voiced=False).is_clear


def test_speech_is_measured_by_its_loudest_frame() -> None:
    levels = heard((64, HUSH, False), (20, decibels(-20), True))
    levels.push([HUSH, VOICE, HUSH, HUSH], voiced=True)
    assert levels.push([decibels(-36)] * 4, voiced=False).seconds > 0


@pytest.mark.parametrize(("windows", "is_quiet"), [(93, True), (94, False)])
def test_a_loud_voice_is_forgotten_after_three_seconds_of_speech(
    windows: int, is_quiet: bool
) -> None:
    levels = heard((64, HUSH, False), (1, VOICE, True), (windows, decibels(-20), True))
    assert (levels.push([decibels(-40)] * 4, voiced=False).seconds > 0) == is_quiet


def test_noise_is_learnt_and_unlearnt() -> None:
    levels = heard((20, VOICE, True), (32, decibels(-20), False))
    assert not levels.push([decibels(-20)] * 4, voiced=False).is_clear
    told = [levels.push([HUSH] * 4, voiced=False).is_clear for _ in range(40)]
    assert told == [False] * 31 + [True] * 9


def test_knocks_are_not_the_noise() -> None:
    levels = heard((20, VOICE, True), *[(3, HUSH, False), (2, VOICE, False)] * 12)
    assert levels.push([HUSH] * 4, voiced=False) == Quiet(3.5 * FRAME, is_clear=True)


def test_digital_silence_is_quiet() -> None:
    levels = heard((64, 0.0, False), (20, VOICE, True))
    assert levels.push([0.0] * 4, voiced=False) == Quiet(3.5 * FRAME, is_clear=True)


def test_before_there_was_speech_nothing_is_shown() -> None:
    assert not heard((10, HUSH, False)).push([HUSH] * 4, voiced=False).is_clear
    assert not heard((10, 0.0, False)).push([0.0] * 4, voiced=False).is_clear


def test_unknown_levels_tell_nothing() -> None:
    assert heard((20, VOICE, True)).push([], voiced=False) == UNHEARD


@given(
    st.lists(
        st.tuples(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.booleans()), max_size=50
    )
)
def test_quiet_is_never_longer_than_the_stream(stream: list[tuple[list[float], bool]]) -> None:
    levels = Levels(WINDOW)
    for count, (powers, voiced) in enumerate(stream, 1):
        assert 0 <= levels.push(powers, voiced=voiced).seconds < count * WINDOW
