"""`ReplyOnPause` driven by hand, step by step, and by subclasses."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import (
    Stream,
)
from fastrtc_core.testing import MemoryClient, ScriptedModel, connect, in_virtual_time, sound_of
from fastrtc_vad import AppState, ReplyOnPause

RATE = 24000
Audio = tuple[int, NDArray[np.int16]]
Speech = list[tuple[float, float]]

ONE_TURN = [(1.0, 2.0)]


def tone(seconds: float, level: int = 5000) -> Audio:
    return RATE, np.full((1, int(RATE * seconds)), level, np.int16)


async def say(client: MemoryClient, speech: Speech, until: float) -> None:
    await client.speak(sound_of(speech, until, RATE), RATE)


def test_a_handler_can_be_driven_by_hand() -> None:
    def reply(audio: Audio) -> Iterator[Audio]:
        yield audio
        yield tone(0.1)

    handler = ReplyOnPause(reply, input_sample_rate=RATE, model=ScriptedModel(ONE_TURN))
    sound = sound_of(ONE_TURN, 3.0, RATE)
    starts = iter(range(0, len(sound), 480))
    start = 0
    while not handler.state.pause_detected:
        start = next(starts)
        handler.receive((RATE, sound[np.newaxis, start : start + 480]))
    assert start / RATE == pytest.approx(2.5, abs=0.1)
    first, second = handler.emit(), handler.emit()
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert handler.emit() is None
    assert handler.emit() is None


def test_an_async_reply_can_be_driven_by_hand() -> None:
    async def reply(audio: Audio) -> AsyncIterator[Audio]:
        yield tone(0.1)
        await asyncio.sleep(0)
        yield tone(0.2)

    handler = ReplyOnPause(reply, model=ScriptedModel())
    handler.state = AppState(sampling_rate=RATE, stream=tone(1)[1], pause_detected=True)
    made = [handler.emit() for _ in range(3)]
    assert made[2] is None
    assert [m[1].shape[1] for m in made[:2] if isinstance(m, tuple)] == [2400, 4800]  # type: ignore[union-attr]


@in_virtual_time
async def test_a_subclass_may_decide_what_a_pause_is() -> None:
    class EverySecond(ReplyOnPause):
        def determine_pause(
            self, audio: NDArray[np.int16], sampling_rate: int, state: AppState
        ) -> bool:
            said = audio if state.stream is None else np.hstack((state.stream, audio))
            state.stream = said
            return said.shape[1] >= sampling_rate

    lengths: list[int] = []

    def reply(audio: Audio) -> Iterator[Audio]:
        lengths.append(audio[1].shape[1])
        yield tone(0.1)

    handler = EverySecond(reply, input_sample_rate=RATE, model=ScriptedModel())
    async with connect(Stream(handler, modality="audio")) as client:
        await say(client, [], 3.1)
    assert lengths[0] == pytest.approx(RATE, rel=0.1)  # emit runs in a thread of its own
    assert len(lengths) >= 2
    assert client.heard_audio().duration > 0
