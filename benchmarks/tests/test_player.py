import numpy as np
import pytest
from benchmarks.player import DEVICE_SECONDS, Played, played
from benchmarks.settings import RATE
from benchmarks.sound import tone
from benchmarks.wire import Audio, Clear, Event, Notice


def audio(number: int, seconds: float) -> Audio:
    return Audio(tone(number, seconds, RATE))


def span(blocks: list[Played], number: int) -> tuple[float, float]:
    own = [block for block in blocks if block.tone == number]
    return min(block.start for block in own), max(block.end for block in own)


def test_audio_is_heard_behind_the_device_buffer() -> None:
    assert span(played([(1.0, audio(0, 0.1))]), 0) == pytest.approx((1.02, 1.12))


def test_audio_waits_for_what_came_before_it() -> None:
    blocks = played([(1.0, audio(0, 2.0)), (1.1, audio(1, 0.5))])
    assert span(blocks, 1) == pytest.approx((3.02, 3.52))


def test_a_late_piece_leaves_a_gap() -> None:
    blocks = played([(1.0, audio(0, 0.1)), (5.0, audio(0, 0.1))])
    assert sum(block.end - block.start for block in blocks) == pytest.approx(0.2)
    assert span(blocks, 0) == pytest.approx((1.02, 5.12))


def test_clear_leaves_what_the_device_has() -> None:
    events: list[tuple[float, Event]] = [(1.0, audio(0, 2.0)), (1.1, audio(1, 2.0)), (1.5, Clear())]
    blocks = played(events)
    assert span(blocks, 0)[1] == pytest.approx(1.5 + DEVICE_SECONDS)
    assert {block.tone for block in blocks} == {0}


def test_audio_after_clear_does_not_wait() -> None:
    blocks = played([(1.0, audio(0, 2.0)), (1.5, Clear()), (1.6, audio(1, 0.1))])
    assert span(blocks, 1) == pytest.approx((1.62, 1.72))


def test_silence_and_notices_are_not_heard() -> None:
    silence = Audio(np.zeros(RATE, np.int16))
    assert played([(1.0, silence), (1.1, Notice("{}"))]) == []
