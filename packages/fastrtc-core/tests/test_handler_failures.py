import asyncio
import queue
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from fastrtc_core import (
    AsyncStreamHandler,
    CloseReason,
    HandlerFailed,
    Stream,
    StreamHandler,
    StreamHandlerBase,
)
from fastrtc_core.testing import MemoryClient, connect, in_virtual_time

Audio = tuple[int, np.ndarray]
RATE = 24000
SOUND = np.arange(RATE // 50, dtype=np.int16)


class DocsEcho(StreamHandler):
    """The first handler of FastRTC's documentation: its `emit` blocks for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: queue.Queue[Audio] = queue.Queue()

    def receive(self, frame: Audio) -> None:
        self.queue.put(frame)

    def emit(self) -> Audio:
        return self.queue.get()

    def copy(self) -> "DocsEcho":
        return DocsEcho()


class Quiet(AsyncStreamHandler):
    async def receive(self, frame: Audio) -> None:
        pass

    async def emit(self) -> object:  # type: ignore[override]  # subclasses return anything
        await asyncio.Event().wait()
        return None


def failures(client: MemoryClient) -> list[HandlerFailed]:
    kept = client.session.events._items
    return [event for event in kept if isinstance(event, HandlerFailed)]


def seconds_heard(client: MemoryClient) -> float:
    return sum(frame.duration for _, frame in client.heard)


def stream_of(handler: type[StreamHandlerBase]) -> Stream:
    return Stream(handler, modality="audio")


async def until_free(stream: Stream) -> None:
    async with asyncio.timeout(5):
        while stream._pool.lanes or stream._pool.running:
            await asyncio.sleep(0.001)


# Failures


class FailsOnce(Quiet):
    """Each kind of failure once, then echoes."""

    def __init__(self) -> None:
        super().__init__()
        self.received = 0

    async def receive(self, frame: Audio) -> None:
        self.received += 1
        if self.received == 1:
            raise ZeroDivisionError
        self.session.say(frame)


@in_virtual_time
async def test_receive_may_fail() -> None:
    async with connect(stream_of(FailsOnce)) as client:
        await client.send_silence(0.04)
        await asyncio.sleep(0.1)
        assert client.messages_of("error") == ["receive failed: ZeroDivisionError"]
        assert [failure.where for failure in failures(client)] == ["receive"]
        assert seconds_heard(client) == pytest.approx(0.02)


BAD_AUDIO: list[object] = [
    (RATE, np.array([0.0, np.nan], np.float32)),
    (RATE, np.zeros((3, 3, 3), np.int16)),
    (RATE, np.zeros((100, 7), np.int16)),
    (RATE, None),
    np.zeros(100, np.int16),
    "hello",
    42,
]


@pytest.mark.parametrize("bad", BAD_AUDIO, ids=lambda bad: repr(bad)[:30])
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_emit_may_return_nonsense(bad: object, is_async: bool) -> None:
    outputs = iter([bad, (RATE, SOUND)])

    class Sync(StreamHandler):
        def receive(self, frame: Audio) -> None: ...
        def emit(self) -> object:  # type: ignore[override]  # anything
            return next(outputs, None)

    class Async(Quiet):
        async def emit(self) -> object:
            return next(outputs, None)

    @in_virtual_time
    async def test() -> None:
        async with connect(stream_of(Async if is_async else Sync)) as client:
            await asyncio.sleep(1)
            assert len(client.messages_of("error")) == 1
            assert np.array_equal(client.heard_audio().samples[0], SOUND)

    test()


@in_virtual_time
async def test_a_persistent_failure_ends_the_session() -> None:
    class Broken(Quiet):
        async def emit(self) -> object:
            raise ZeroDivisionError

    async with connect(stream_of(Broken)) as client:
        assert await client.wait_closed() is CloseReason.HANDLER_FAILED
        assert len(failures(client)) == 10
        assert client.messages_of("end_stream") == ["emit failed 10 times in a row"]
        assert asyncio.get_running_loop().time() < 2


@in_virtual_time
async def test_a_persistent_failure_ends_the_session_although_sound_comes_in() -> None:
    class Broken(Quiet):
        async def emit(self) -> object:
            raise ZeroDivisionError

    async with connect(stream_of(Broken)) as client:
        speaking = asyncio.ensure_future(client.send_silence(10))  # noqa: TID251 - awaited below
        assert await client.wait_closed() is CloseReason.HANDLER_FAILED
        assert len(failures(client)) == 10
        await asyncio.gather(speaking, return_exceptions=True)


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_start_up_may_fail(is_async: bool) -> None:
    shut_down: list[bool] = []

    class Sync(DocsEcho):
        def start_up(self) -> None:
            raise ZeroDivisionError

        def shutdown(self) -> None:
            shut_down.append(True)

    class Async(Quiet):
        async def start_up(self) -> None:
            raise ZeroDivisionError

        async def shutdown(self) -> None:
            shut_down.append(True)

    @in_virtual_time
    async def test() -> None:
        stream = stream_of(Async if is_async else Sync)
        for _ in range(2):
            async with connect(stream) as client:
                assert await client.wait_closed() is CloseReason.HANDLER_FAILED
                assert client.messages_of("error") == ["start_up failed: ZeroDivisionError"]
        await until_free(stream)

    test()
    assert shut_down == [True, True]


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_shutdown_may_fail(is_async: bool) -> None:
    class Sync(DocsEcho):
        def shutdown(self) -> None:
            raise ZeroDivisionError

    class Async(Quiet):
        async def shutdown(self) -> None:
            raise ZeroDivisionError

    @in_virtual_time
    async def test() -> None:
        stream = stream_of(Async if is_async else Sync)
        for _ in range(2):
            async with connect(stream) as client:
                pass
            assert [failure.where for failure in failures(client)] == ["shutdown"]
        await until_free(stream)

    test()


@in_virtual_time
async def test_shutdown_may_hang() -> None:
    gate = threading.Event()

    class Sync(DocsEcho):
        def shutdown(self) -> None:
            gate.wait()

    stream = stream_of(Sync)
    async with connect(stream):
        pass
    assert asyncio.get_running_loop().time() == pytest.approx(5.0)
    gate.set()
    await until_free(stream)


@in_virtual_time
async def test_copy_may_fail() -> None:
    class Broken(DocsEcho):
        def copy(self) -> "DocsEcho":
            nonlocal attempts
            attempts += 1
            if attempts == 1:
                raise ZeroDivisionError
            return DocsEcho()

    attempts = 0
    stream = Stream(Broken(), modality="audio", concurrency_limit=1)
    with pytest.raises(ZeroDivisionError):
        async with connect(stream):
            pass
    async with connect(stream, rate=48000) as client:
        await client.speak(SOUND, RATE)
        await asyncio.sleep(0.5)
        assert seconds_heard(client) == pytest.approx(0.02)


# Replies of a handler of its own


class Talks(StreamHandlerBase):
    """Says what it is given, one turn for every second of sound."""

    def __init__(self, turns: list[object]) -> None:
        super().__init__()
        self.turns = turns

    async def run_session(self, session: object) -> None:
        for turn in self.turns:
            await asyncio.sleep(1)
            await self.session.say(turn).wait()

    def copy(self) -> "Talks":
        return Talks(self.turns)


def fails() -> Iterator[Audio]:
    raise ZeroDivisionError
    yield RATE, SOUND


def fails_late() -> Iterator[Audio]:
    yield RATE, SOUND
    raise ZeroDivisionError


def says_nonsense() -> Iterator[object]:
    yield RATE, np.array([np.nan])


def says_nothing() -> Iterator[Audio]:
    yield from ()


@pytest.mark.parametrize(
    ("turn", "errors"),
    [(fails, 1), (fails_late, 1), (says_nonsense, 1), (says_nothing, 0), (lambda: None, 0)],
)
def test_the_turn_after_a_bad_one_is_heard(turn: object, errors: int) -> None:
    @in_virtual_time
    async def test() -> None:
        handler = Talks([turn, (RATE, np.full(RATE, 7, np.int16))])
        async with connect(Stream(handler, modality="audio")) as client:
            await asyncio.sleep(4)
            assert len(client.messages_of("error")) == errors
            assert [failure.where for failure in failures(client)] == ["reply"] * errors
            assert client.heard_audio().samples[0, -RATE:].tolist() == [7] * RATE

    test()


class FailsBesideItsStartUp(AsyncStreamHandler):
    def __init__(self) -> None:
        super().__init__()
        self.frames = 0

    async def start_up(self) -> None:
        await asyncio.sleep(1)  # works, while `receive` fails once

    async def receive(self, frame: Audio) -> None:
        self.frames += 1
        if self.frames == 1:
            raise ZeroDivisionError

    async def emit(self) -> None: ...


@in_virtual_time
async def test_a_failure_beside_a_start_up_that_works_does_not_end_the_session() -> None:
    async with connect(stream_of(FailsBesideItsStartUp)) as client:
        await client.send_silence(2.0)
        assert client.session.reason is None
        assert client.messages_of("error") == ["receive failed: ZeroDivisionError"]
