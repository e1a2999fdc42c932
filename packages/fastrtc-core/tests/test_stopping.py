"""Code in threads hears that its work is not wanted any more."""

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from fastrtc_core.outputs import audio_output
from fastrtc_core.replies import pull
from fastrtc_core.speech import SpeechChunk, Synthesizer
from fastrtc_core.stopping import Stop, current_stop, within
from fastrtc_core.workers import WorkerPool

PATIENCE = 10.0


def test_a_call_is_made_when_it_is_set_and_once() -> None:
    stop, told = Stop(), []
    stop.tell(lambda: told.append(1))
    assert not stop.is_set()
    assert told == []
    stop.set()
    stop.set()
    assert stop.is_set()
    assert told == [1]


def test_a_call_is_made_at_once_if_it_is_set() -> None:
    stop, told = Stop(), []
    stop.set()
    stop.tell(lambda: told.append(1))
    assert told == [1]


def test_a_call_that_was_taken_back_is_not_made() -> None:
    stop, told = Stop(), []
    forget = stop.tell(lambda: told.append(1))
    forget()
    forget()
    stop.set()
    assert told == []


def test_it_is_known_inside_and_not_outside() -> None:
    stop = Stop()
    assert current_stop() is None
    assert within(stop, current_stop)() is stop
    assert current_stop() is None
    with pytest.raises(ZeroDivisionError):
        within(stop, lambda: 1 // 0)()
    assert current_stop() is None


class Busy:
    """Waits in one step until it is stopped."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.stopped = threading.Event()

    def wait(self) -> None:
        stop = current_stop()
        assert stop is not None
        stop.tell(self.stopped.set)
        self.begun.set()
        assert self.stopped.wait(PATIENCE)


@pytest.mark.parametrize("kind", ["generator", "function"])
async def test_a_reply_that_is_cancelled_stops_what_it_calls(kind: str) -> None:
    busy, pool = Busy(), WorkerPool()

    def generator() -> Iterator[tuple[int, np.ndarray]]:  # type: ignore[type-arg]
        yield 8000, np.zeros(80, np.int16)
        busy.wait()

    async def listen() -> None:
        async for _ in pull(generator if kind == "generator" else busy.wait, audio_output, pool):
            pass

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(listen())
        assert await pool.call(busy.begun.wait, PATIENCE)
        task.cancel()
    assert await pool.call(busy.stopped.wait, PATIENCE)


class Slow(Synthesizer[None]):
    """Takes long for a clause."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = Busy()

    @property
    def sample_rate(self) -> int:
        return 8000

    def synthesize(self, text: str, options: None) -> Iterator[SpeechChunk]:
        self.busy.wait()
        yield SpeechChunk(8000, np.zeros(80, np.float32))


async def test_speech_that_is_cancelled_stops_within_a_clause() -> None:
    model, pool = Slow(), WorkerPool()

    async def listen() -> None:
        async for _ in model.stream_tts("Hello there."):
            pass

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(listen())
        assert await pool.call(model.busy.begun.wait, PATIENCE)
        task.cancel()
    assert await pool.call(model.busy.stopped.wait, PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while model.speaking:
            await asyncio.sleep(0.001)
