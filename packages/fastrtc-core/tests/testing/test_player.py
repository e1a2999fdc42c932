import numpy as np
import pytest

from fastrtc_core import AudioFrame
from fastrtc_core.testing import Player

RATE = 1000


def tone(value: int, seconds: float) -> AudioFrame:
    return AudioFrame(np.full((1, round(seconds * RATE)), value, dtype=np.int16), RATE)


def test_frames_follow_each_other() -> None:
    player = Player()
    player.add(tone(1, 0.5), now=1.0)
    player.add(tone(2, 0.5), now=1.1)
    assert [start for start, _ in player.heard(9.0)] == [1.0, 1.5]


def test_only_what_was_played_is_heard() -> None:
    player = Player()
    player.add(tone(1, 0.5), now=1.0)
    player.add(tone(2, 0.5), now=1.0)
    assert [(start, frame.duration) for start, frame in player.heard(1.2)] == [
        (1.0, pytest.approx(0.2))
    ]


def test_clear_drops_what_was_not_heard() -> None:
    player = Player()
    for value in (1, 2, 3):
        player.add(tone(value, 0.5), now=0.0)
    player.clear(now=0.75)
    player.add(tone(4, 0.5), now=1.0)
    assert [(start, frame.duration) for start, frame in player.heard(9.0)] == [
        (0.0, 0.5),
        (0.5, 0.25),
        (1.0, 0.5),
    ]


def test_clear_of_a_silent_player_changes_nothing() -> None:
    player = Player()
    player.add(tone(1, 0.5), now=0.0)
    player.clear(now=3.0)
    player.add(tone(2, 0.5), now=4.0)
    assert [start for start, _ in player.heard(9.0)] == [0.0, 4.0]


def test_the_recording_has_the_gaps() -> None:
    player = Player()
    player.add(tone(1, 0.1), now=1.0)
    player.add(tone(2, 0.1), now=1.2)
    sound = player.recording(9.0)
    assert sound.rate == RATE
    assert sound.samples[0].tolist() == [1] * 100 + [0] * 100 + [2] * 100


def test_the_recording_of_nothing_is_empty() -> None:
    assert Player().recording(1.0).duration == 0
