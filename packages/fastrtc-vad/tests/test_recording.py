import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrtc_vad.recording import SLACK, Recorder

RATE = 8000


def ramp(start: int, length: int, channels: int = 1) -> NDArray[np.int16]:
    """Samples that tell their place in the stream."""
    return np.tile(np.arange(start, start + length, dtype=np.int16), (channels, 1))


def recorder(
    *, pre_roll: float = 0.1, lookback: float = 0.2, limit: float = 1.0, seconds: float = 0.0
) -> Recorder:
    """A recorder that has heard a ramp for so long, in frames of 20 ms."""
    made = Recorder(RATE, pre_roll=pre_roll, lookback=lookback, limit=limit)
    feed(made, seconds)
    return made


def feed(made: Recorder, seconds: float) -> None:
    first = round(made.now * RATE)
    for start in range(first, first + round(seconds * RATE), 160):
        made.push(ramp(start, 160))


def test_a_cut_is_exact_to_the_sample() -> None:
    made = recorder(pre_roll=0.0, seconds=1.0)
    cut = made.cut(801 / RATE, 1603 / RATE)
    assert np.array_equal(cut, ramp(801, 802))
    assert cut.dtype == np.int16


@pytest.mark.parametrize("pre_roll", [0.0, 0.1, 0.25])
def test_pre_roll_comes_before_the_start(pre_roll: float) -> None:
    cut = recorder(pre_roll=pre_roll, seconds=1.0).cut(0.5, 0.6)
    assert np.array_equal(cut, ramp(round((0.5 - pre_roll) * RATE), round((0.1 + pre_roll) * RATE)))


def test_a_pre_roll_before_the_stream_began_is_as_long_as_there_is() -> None:
    assert np.array_equal(recorder(seconds=0.5).cut(0.05, 0.1), ramp(0, 800))


def test_the_same_audio_is_not_handed_out_twice() -> None:
    made = recorder(seconds=1.0)
    made.cut(0.5, 0.8)
    feed(made, 0.2)
    assert np.array_equal(made.cut(0.85, 1.1), ramp(6400, 2400))


def test_what_follows_a_cut_is_the_pre_roll_of_the_next_turn() -> None:
    made = recorder(pre_roll=0.1, seconds=1.0)
    made.cut(0.2, 0.4)
    assert np.array_equal(made.cut(0.9, 1.0), ramp(6400, 1600))


def test_an_empty_turn_is_an_empty_array() -> None:
    made = recorder(pre_roll=0.0, seconds=0.5)
    assert made.cut(0.5, 0.5).shape == (1, 0)
    assert recorder().cut(0.0, 0.0).shape == (1, 0)


def test_channels_are_kept() -> None:
    made = Recorder(RATE, pre_roll=0.0, lookback=0.2, limit=1.0, channels=2)
    made.push(ramp(0, 160, channels=2))
    assert np.array_equal(made.cut(0.01, 0.02), ramp(80, 80, channels=2))


def test_another_shape_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"shaped \(1, samples\), not \(2, 160\)"):
        recorder().push(ramp(0, 160, channels=2))


def test_without_a_turn_only_the_newest_audio_is_kept() -> None:
    made = recorder(seconds=4.0)
    assert made.kept == pytest.approx(0.1 + 0.2 + SLACK, abs=0.02)


def test_a_turn_is_kept_whole() -> None:
    made = recorder(limit=2.0, seconds=1.0)
    made.hold(0.9)
    feed(made, 2.0)
    assert np.array_equal(made.cut(0.9, 2.9), ramp(6400, 16800))


def test_a_turn_nobody_ends_does_not_grow_without_bound() -> None:
    made = recorder(limit=1.0, seconds=1.0)
    made.hold(0.9)
    feed(made, 3.0)
    assert made.kept == pytest.approx(0.1 + 0.2 + SLACK + 1.0, abs=0.02)


def test_after_a_cut_the_turn_is_let_go() -> None:
    made = recorder(seconds=1.0)
    made.hold(0.9)
    feed(made, 1.0)
    made.cut(0.9, 2.0)
    feed(made, 2.0)
    assert made.kept == pytest.approx(0.1 + 0.2 + SLACK, abs=0.02)


@given(
    st.lists(st.integers(0, 700), min_size=1, max_size=40),
    st.integers(0, 8000),
    st.integers(0, 8000),
)
def test_frames_of_any_size_give_the_same_audio(sizes: list[int], start: int, length: int) -> None:
    made = Recorder(RATE, pre_roll=0.01, lookback=2.0, limit=1.0)
    at = 0
    for size in sizes:
        made.push(ramp(at, size))
        at += size
    oldest = round((made.now - made.kept) * RATE)
    first = max(start - 80, oldest, 0)
    last = max(first, min(start + length, at))
    cut = made.cut(start / RATE, (start + length) / RATE)
    assert np.array_equal(cut[0], ramp(first, max(0, last - first))[0])


def test_a_turn_can_be_read_while_it_is_spoken() -> None:
    recorder = Recorder(1000, pre_roll=0.1, lookback=0.5, limit=10.0)
    ramp = np.arange(3000, dtype=np.int16)[np.newaxis]
    recorder.push(ramp[:, :1000])
    recorder.push(ramp[:, 1000:1600])
    recorder.hold(1.2)
    first, at = recorder.since(None, 1.55)
    recorder.push(ramp[:, 1600:])
    assert first[0].tolist() == list(range(1100, 1550))
    second, at = recorder.since(at, 2.0)
    assert second[0].tolist() == list(range(1550, 2000))
    nothing, at = recorder.since(at, 2.0)
    assert nothing.shape == (1, 0)
    assert recorder.cut(1.2, 2.0)[0].tolist() == list(range(1100, 2000))  # it is all there still
    rest, _ = recorder.since(at, 9.0)
    assert rest[0].tolist() == list(range(2000, 3000))
