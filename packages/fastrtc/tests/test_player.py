import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrtc.player import Player

RATE = 1000


def sound(*values: int) -> NDArray[np.int16]:
    return np.array(values, np.int16)


def test_sound_is_heard_in_order() -> None:
    player = Player(RATE)
    player.play(sound(1, 2, 3), 0.002)
    player.play(sound(4), 0.003)
    player.play(sound(5), 0.010)
    heard = player.recording(0.030).tolist()
    assert heard == [0] * 22 + [1, 2, 3, 4, 5, 0, 0, 0]
    assert player.ends == 0.027


@pytest.mark.parametrize("late", [0, 10, 19])
def test_a_frame_that_is_a_little_late_leaves_no_gap(late: int) -> None:
    player = Player(RATE)
    player.play(np.ones(20, np.int16), 0.001)
    player.play(np.ones(20, np.int16), (21 + late) / RATE)
    assert player.recording(0.070).tolist() == [0] * 21 + [1] * 40 + [0] * 9


def test_what_comes_too_late_is_heard_after_a_gap() -> None:
    player = Player(RATE)
    player.play(sound(1, 2), 0.001)
    player.play(sound(3), 0.024)
    assert np.flatnonzero(player.recording(0.100)).tolist() == [21, 22, 44]


def test_cleared_sound_is_not_heard() -> None:
    player = Player(RATE)
    first = player.play(sound(1, 2, 3), 0.001)
    second = player.play(sound(4, 5), 0.001)
    player.clear(0.023)
    assert first.samples.tolist() == [1, 2]
    assert second.samples.size == 0
    player.play(sound(6), 0.023)
    assert np.trim_zeros(player.recording(0.030)).tolist() == [1, 2, 6]


def test_what_was_heard_already_stays() -> None:
    player = Player(RATE)
    player.play(sound(1, 2), 0.001)
    player.clear(0.025)
    assert np.trim_zeros(player.recording(0.030)).tolist() == [1, 2]


def test_the_position_counts_what_was_played() -> None:
    player = Player(RATE)
    player.play(sound(1, 2, 3, 4), 0.010)
    assert [player.position(now) for now in (0.0, 0.030, 0.032, 0.040)] == [0, 0, 0.002, 0.004]
    player.play(sound(5, 6, 7, 8), 0.040)
    player.clear(0.061)
    assert player.position(0.070) == 0.005


def test_the_recording_ends_when_it_is_cut_off() -> None:
    player = Player(RATE)
    player.play(sound(1, 2, 3), 0.001)
    player.play(sound(4, 5), 0.001)
    assert player.recording(0.023).tolist() == [0] * 21 + [1, 2]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30), st.integers(0, 40)), max_size=30))
def test_all_that_was_not_cleared_is_in_the_recording(steps: list[tuple[bool, int, int]]) -> None:
    player, now = Player(RATE), 0.0
    for clears, size, wait in steps:
        now += wait / RATE
        if clears:
            player.clear(now)
        else:
            player.play(np.ones(size, np.int16), now)
    end = player.ends
    assert player.recording(end).sum() == round(player.position(end) * RATE)
