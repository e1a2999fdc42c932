from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_vad.levels import Quiet
from fastrtc_vad.options import SileroVadOptions
from fastrtc_vad.segments import Segment, Segmenter, find_segments

WINDOW = 0.032
PLAIN = SileroVadOptions(min_speech_duration_ms=0, min_silence_duration_ms=0, speech_pad_ms=0)

Found = list[tuple[float, float]]


def windows(*runs: tuple[int, float]) -> list[float]:
    return [probability for length, probability in runs for _ in range(length)]


def found(
    probabilities: list[float], options: SileroVadOptions = PLAIN, release: float = 0.0
) -> Found:
    """Segments in windows, to a hundredth."""
    segments = find_segments(probabilities, options, window=WINDOW, release=release)
    return [(round(s.start / WINDOW, 2), round(s.end / WINDOW, 2)) for s in segments]


def test_a_run_of_speech_is_a_segment() -> None:
    assert found(windows((5, 0), (10, 1), (5, 0))) == [(5, 15)]


def test_silence_has_no_segments() -> None:
    assert found(windows((30, 0.1))) == []
    assert found([]) == []


def test_speech_up_to_the_last_window_is_found() -> None:
    assert found(windows((5, 0), (10, 1))) == [(5, 15)]


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, [(0, 5)]), (0.7, [])])
def test_threshold(threshold: float, expected: Found) -> None:
    options = replace(PLAIN, threshold=threshold)
    assert found(windows((5, 0.6), (5, 0)), options) == expected


def test_speech_goes_on_until_the_probability_is_clearly_lower() -> None:
    assert found(windows((5, 0.9), (5, 0.4), (5, 0.9), (5, 0))) == [(0, 15)]
    assert found(windows((5, 0.9), (5, 0.3), (5, 0.9), (5, 0))) == [(0, 5), (10, 15)]


def test_windows_between_the_thresholds_neither_start_nor_lengthen_speech() -> None:
    assert found(windows((5, 0.4), (5, 0.9), (5, 0.4), (5, 0))) == [(5, 10)]


def test_a_low_threshold_still_ends_speech() -> None:
    assert found(windows((5, 0.9), (5, 0.001)), replace(PLAIN, threshold=0.1)) == [(0, 5)]


@pytest.mark.parametrize(("milliseconds", "expected"), [(150, [(0, 5)]), (200, [])])
def test_min_speech_duration(milliseconds: float, expected: Found) -> None:
    options = replace(PLAIN, min_speech_duration_ms=milliseconds)
    assert found(windows((5, 1), (20, 0)), options) == expected


@pytest.mark.parametrize(("milliseconds", "expected"), [(96, [(0, 5), (8, 13)]), (130, [(0, 13)])])
def test_min_silence_duration(milliseconds: float, expected: Found) -> None:
    options = replace(PLAIN, min_silence_duration_ms=milliseconds)
    assert found(windows((5, 1), (3, 0), (5, 1), (9, 0)), options) == expected


def test_short_sounds_with_short_silences_count_together() -> None:
    options = replace(PLAIN, min_speech_duration_ms=200, min_silence_duration_ms=100)
    assert found(windows((3, 1), (1, 0), (3, 1), (9, 0)), options) == [(0, 7)]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.32, [(0, 10), (10, 20), (20, 25)]), (1.0, [(0, 25)])]
)
def test_max_speech_duration(seconds: float, expected: Found) -> None:
    options = replace(PLAIN, max_speech_duration_s=seconds)
    assert found(windows((25, 1), (5, 0)), options) == expected


def test_padding_lengthens_both_ends_within_the_audio() -> None:
    options = replace(PLAIN, speech_pad_ms=64)
    assert found(windows((1, 0), (5, 1), (9, 0)), options) == [(0, 8)]


def test_padding_shares_a_short_silence() -> None:
    options = replace(PLAIN, speech_pad_ms=64)
    assert found(windows((5, 1), (2, 0), (5, 1), (1, 0)), options) == [(0, 6), (6, 13)]


def test_the_release_is_taken_back_from_the_end() -> None:
    assert found(windows((10, 1), (5, 0)), release=0.048) == [(0, 8.5)]


def test_the_release_is_not_taken_back_from_silences_within_a_segment() -> None:
    options = replace(PLAIN, min_silence_duration_ms=200)
    assert found(windows((5, 1), (2, 0), (5, 1), (9, 0)), options, release=0.032) == [(0, 11)]


def test_what_is_shorter_than_the_release_is_nothing() -> None:
    options = replace(PLAIN, min_speech_duration_ms=32)
    assert found(windows((1, 1), (5, 0)), options, release=0.058) == []


def test_the_current_segment_counts_from_the_moment_it_is_long_enough() -> None:
    options = replace(PLAIN, min_speech_duration_ms=96)
    segmenter = Segmenter(options, window=WINDOW, release=0.0)
    current = []
    for _ in range(3):
        segmenter.push(1.0)
        current.append(segmenter.current)
    assert current == [None, None, Segment(0.0, 3 * WINDOW)]


def test_a_run_is_sure_only_while_the_newest_window_is_beyond_doubt() -> None:
    segmenter = Segmenter(PLAIN, window=WINDOW, release=0.032)
    for probability in windows((4, 1), (1, 0.7)):
        segmenter.push(probability)
    assert segmenter.run_end - segmenter.run_start == pytest.approx(4 * WINDOW)
    segmenter.push(0.99)
    assert segmenter.run_end - segmenter.run_start == pytest.approx(6 * WINDOW)
    segmenter.push(0.0)
    assert segmenter.run_end == segmenter.run_start


# The end of speech by its level

JOINED = replace(PLAIN, min_silence_duration_ms=128)


def end_of(*loud: tuple[float, float], is_clear: bool = True) -> tuple[float, bool]:
    """End of ten windows of speech in windows, and if it is exact, by when sound is loud."""
    segmenter = Segmenter(JOINED, window=WINDOW, release=0.064)
    for window in range(1, 30):
        last = max(min(window, end) for start, end in loud if start < window)
        quiet = Quiet((window - last) * WINDOW, is_clear)
        if (ended := segmenter.push(1.0 if window <= 10 else 0.0, quiet)) is not None:
            return round(ended.end / WINDOW, 2), ended.is_exact
    raise AssertionError("speech has not ended")


@pytest.mark.parametrize("end", [6.5, 7.5, 9, 10.5, 13, 15.5])
def test_the_level_shows_where_speech_ends(end: float) -> None:
    assert end_of((0, end)) == (end, True)


@pytest.mark.parametrize("end", [2.0, 3.5])
def test_a_level_that_contradicts_the_model_is_not_believed(end: float) -> None:
    assert end_of((0, end)) == (8, False)


def test_sound_that_goes_on_is_not_speech() -> None:
    assert end_of((0, 30)) == (8, False)


def test_a_plosive_after_its_closure_is_speech() -> None:
    assert end_of((0, 9), (11.2, 12.5)) == (12.5, True)


def test_a_knock_after_the_end_is_not_speech() -> None:
    assert end_of((0, 9), (13.5, 14.5)) == (9, True)


def test_in_noise_speech_ends_between_level_and_model() -> None:
    assert end_of((0, 7), is_clear=False) == (8.5, False)
    assert end_of((0, 10.5), is_clear=False) == (8, False)


def test_speech_that_goes_on_has_no_shown_end() -> None:
    segmenter = Segmenter(JOINED, window=WINDOW, release=0.0)
    for probability, told in ((1, Quiet()), (0, Quiet(0.02, is_clear=True)), (1, Quiet())):
        segmenter.push(probability, told)
    assert segmenter.current == Segment(0.0, 3 * WINDOW)


def test_clearing_forgets_speech_but_not_the_time() -> None:
    segmenter = Segmenter(PLAIN, window=WINDOW, release=0.0)
    for probability in windows((5, 1)):
        segmenter.push(probability)
    segmenter.clear()
    assert segmenter.now == pytest.approx(5 * WINDOW)
    assert segmenter.current is None
    assert not segmenter.voiced
    segmenter.push(1.0)
    assert segmenter.current == Segment(5 * WINDOW, 6 * WINDOW)


@given(
    st.lists(st.floats(0, 1), max_size=200),
    st.sampled_from([0, 64, 250]),
    st.sampled_from([0, 100, 500]),
    st.sampled_from([0, 30, 400]),
    st.sampled_from([0.0, 0.058]),
)
def test_segments_are_in_order_apart_and_within_the_audio(
    probabilities: list[float], speech: int, silence: int, pad: int, release: float
) -> None:
    options = SileroVadOptions(
        min_speech_duration_ms=speech, min_silence_duration_ms=silence, speech_pad_ms=pad
    )
    segments = find_segments(probabilities, options, window=WINDOW, release=release)
    times = [time for segment in segments for time in (segment.start, segment.end)]
    assert times == sorted(times)
    assert all(0 <= time <= len(probabilities) * WINDOW + 1e-9 for time in times)
