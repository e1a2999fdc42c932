import numpy as np
import pytest
from benchmarks.sound import Samples
from benchmarks.webrtc.codes import (
    FREQUENCIES,
    MEMORY,
    WINDOW,
    code,
    heard,
    matched,
    number_of,
    tone,
)
from benchmarks.webrtc.settings import FRAME


def recording(numbers: list[int]) -> Samples:
    return np.concatenate([tone(number) for number in numbers])


def test_a_tone_is_unlike_those_before_it() -> None:
    numbers = code(500, seed=1)
    assert set(numbers) == set(range(len(FREQUENCIES)))
    for at, number in enumerate(numbers):
        assert number not in numbers[max(0, at - MEMORY) : at]


def test_the_same_seed_gives_the_same_code() -> None:
    assert code(50, seed=1) == code(50, seed=1) != code(50, seed=2)


@pytest.mark.parametrize("number", range(len(FREQUENCIES)))
def test_a_packet_tells_its_tone(number: int) -> None:
    assert number_of(tone(number)) == number


def test_silence_has_no_tone() -> None:
    assert number_of(np.zeros(FRAME, np.float32)) is None
    assert heard(np.zeros(10 * FRAME, np.float32)) == []
    assert heard(np.zeros(0, np.float32)) == []


@pytest.mark.parametrize("shift", [0, 312, 500, 901])
def test_tones_are_found_wherever_packets_begin(shift: int) -> None:
    numbers = code(100, seed=3)
    sound = np.concatenate([np.zeros(shift, np.float32), recording(numbers)])
    found = heard(sound)
    assert [one.number for one in found] == numbers
    for at, one in enumerate(found):
        # A window that has more of the new tone than of the old begins before it.
        assert abs(one.start - (shift + at * FRAME)) < WINDOW


def test_a_repeated_packet_counts_once() -> None:
    assert [one.number for one in heard(recording([1, 2, 2, 4]))] == [1, 2, 4]


def test_what_came_through_is_matched_to_what_was_sent() -> None:
    sent = code(300, seed=4)
    sent_at = [0.02 * number for number in range(len(sent))]
    lost = {17, 18, 100, 299}
    kept = [number for number in range(len(sent)) if number not in lost]
    pairs = matched(
        sent, sent_at, [sent[one] for one in kept], [sent_at[one] + 0.15 for one in kept]
    )
    assert [left for left, _ in pairs] == kept
    assert [right for _, right in pairs] == list(range(len(kept)))


def test_nothing_comes_before_it_was_sent() -> None:
    assert matched([1, 2], [1.0, 1.02], [1, 2], [0.5, 0.52]) == []
