import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrtc.player import Player

RATE = 1000


def sound(*values: int) -> NDArray[np.int16]:
    return np.array(values, np.int16)


def test_sound_is_heard_on_arrival_or_after_what_came_before() -> None:
    player = Player(RATE)
    player.play(sound(1, 2, 3), 0.002)
    player.play(sound(4), 0.003)
    player.play(sound(5), 0.008)
    assert player.recording(0.010).tolist() == [0, 0, 1, 2, 3, 4, 0, 0, 5, 0]
    assert player.ends == 0.009


def test_cleared_sound_is_not_heard() -> None:
    player = Player(RATE)
    first = player.play(sound(1, 2, 3), 0.0)
    second = player.play(sound(4, 5), 0.0)
    player.clear(0.002)
    assert first.samples.tolist() == [1, 2]
    assert second.samples.size == 0
    player.play(sound(6), 0.002)
    assert player.recording(0.005).tolist() == [1, 2, 6, 0, 0]


def test_what_was_heard_already_stays() -> None:
    player = Player(RATE)
    player.play(sound(1, 2), 0.0)
    player.clear(0.005)
    assert player.recording(0.003).tolist() == [1, 2, 0]


def test_the_position_counts_what_was_played() -> None:
    player = Player(RATE)
    player.play(sound(1, 2, 3, 4), 0.010)
    assert [player.position(now) for now in (0.0, 0.010, 0.012, 0.020)] == [0, 0, 0.002, 0.004]
    player.play(sound(5, 6, 7, 8), 0.020)
    player.clear(0.021)
    assert player.position(0.030) == 0.005


def test_the_recording_ends_when_it_is_cut_off() -> None:
    player = Player(RATE)
    player.play(sound(1, 2, 3), 0.001)
    player.play(sound(4, 5), 0.001)
    assert player.recording(0.003).tolist() == [0, 1, 2]


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
