import asyncio
import queue
import time

import numpy as np
import pytest

from fastrtc_core import (
    AdditionalOutputs,
    ArgumentsTimeoutError,
    AsyncStreamHandler,
    CloseReason,
    CloseStream,
    ConnectionRequest,
    HandlerFailed,
    Stream,
    StreamHandler,
    StreamHandlerBase,
)
from fastrtc_core.handlers import FIRST_ARG, FRAME, LONGEST_IDLE
from fastrtc_core.testing import MemoryClient, connect, in_virtual_time
from fastrtc_core.transport import TELEPHONE

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


class AsyncDocsEcho(AsyncStreamHandler):
    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE)
        self.queue: asyncio.Queue[Audio] = asyncio.Queue()

    async def receive(self, frame: Audio) -> None:
        self.queue.put_nowait(frame)

    async def emit(self) -> Audio:
        return await self.queue.get()


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


# The documented handlers


@pytest.mark.parametrize("handler", [DocsEcho, DocsEcho(), AsyncDocsEcho])
def test_the_documented_echo(handler: object) -> None:
    @in_virtual_time
    async def test() -> None:
        stream = Stream(handler, modality="audio")  # type: ignore[arg-type]  # of either kind
        async with connect(stream, rate=48000) as client:
            await client.speak(np.tile(SOUND, 50), RATE)
            await asyncio.sleep(1)
            assert seconds_heard(client) == pytest.approx(1.0, abs=0.01)
            assert failures(client) == []
        await until_free(stream)

    test()


@in_virtual_time
async def test_many_blocked_emits_leave_no_thread() -> None:
    stream = stream_of(DocsEcho)
    for _ in range(10):
        async with connect(stream) as client:
            await client.send_silence(0.04)
    await until_free(stream)


# Life


@in_virtual_time
async def test_shutdown_is_called_however_it_ends() -> None:
    ended: list[CloseReason | None] = []

    class Handler(Quiet):
        async def shutdown(self) -> None:
            ended.append(self.session.reason)

    stream = Stream(Handler, modality="audio", time_limit=5)
    async with connect(stream):
        pass
    async with connect(stream) as client:
        client.vanish()
        await client.wait_closed()
    async with connect(stream) as client:
        await client.wait_closed()
    with pytest.raises(ZeroDivisionError):
        async with connect(stream):
            raise ZeroDivisionError
    assert ended == [
        CloseReason.CLIENT_LEFT,
        CloseReason.CLIENT_LEFT,
        CloseReason.TIME_LIMIT,
        CloseReason.CLIENT_LEFT,
    ]


@in_virtual_time
async def test_start_up_may_last_as_long_as_the_session() -> None:
    states: list[str] = []

    class Handler(Quiet):
        async def start_up(self) -> None:
            states.append("begun")
            try:
                await asyncio.Event().wait()
            finally:
                states.append("cancelled")

        async def receive(self, frame: Audio) -> None:
            states.append("receive")

    async with connect(stream_of(Handler)) as client:
        await client.send_silence(0.02)
        await asyncio.sleep(0.1)
        assert states == ["begun", "receive"]
    assert states[-1] == "cancelled"


@in_virtual_time
async def test_emit_may_close_the_stream() -> None:
    outputs = iter([(RATE, np.tile(SOUND, 50)), CloseStream("bye")])

    class Handler(Quiet):
        async def emit(self) -> object:
            return next(outputs)

    async with connect(stream_of(Handler)) as client:
        assert await client.wait_closed() is CloseReason.HANDLER
        assert asyncio.get_running_loop().time() == pytest.approx(1.0)
        assert client.messages_of("end_stream") == ["bye"]
        assert seconds_heard(client) == pytest.approx(1.0)


@in_virtual_time
async def test_a_handler_serves_no_session_before_it_has_one() -> None:
    handler = Quiet()
    assert handler.channel is None
    assert not handler.phone_mode
    with pytest.raises(RuntimeError, match="Quiet serves no session yet"):
        _ = handler.session


# Pace of emit


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_an_emit_without_anything_is_asked_now_and_then(is_async: bool) -> None:
    calls: list[float] = []

    class Sync(StreamHandler):
        def receive(self, frame: Audio) -> None: ...
        def emit(self) -> None:
            calls.append(self.loop.time())

    class Async(Quiet):
        async def emit(self) -> None:
            calls.append(self.loop.time())

    @in_virtual_time
    async def test() -> tuple[int, int]:
        async with connect(stream_of(Async if is_async else Sync)) as client:
            await asyncio.sleep(10)
            idle = len(calls)
            await client.send_silence(10)
            return idle, len(calls) - idle

    idle, busy = test()
    assert idle <= 10 / LONGEST_IDLE + 5
    assert busy <= 10 / FRAME + 5
    assert busy >= 10 / FRAME - 5  # asked when sound has come in


class Spins(Quiet):
    async def emit(self) -> object:
        return None


class SpinsWithData(Quiet):
    async def emit(self) -> object:
        return AdditionalOutputs(1)


class SpinsWithSound(Quiet):
    async def emit(self) -> object:
        return RATE, SOUND


class SpinsSync(StreamHandler):
    def receive(self, frame: Audio) -> None: ...
    def emit(self) -> None: ...


@pytest.mark.parametrize("handler", [Spins, SpinsWithData, SpinsWithSound, SpinsSync])
async def test_a_spinning_emit_does_not_hold_the_loop(handler: type[StreamHandlerBase]) -> None:
    lags: list[float] = []
    async with connect(stream_of(handler)) as client:
        end = time.monotonic() + 0.5
        while (began := time.monotonic()) < end:
            await asyncio.sleep(0.005)
            lags.append(time.monotonic() - began - 0.005)
        assert client.session.reason is None
    assert sorted(lags)[len(lags) * 9 // 10] < 0.02


async def test_an_emit_of_data_is_paced() -> None:
    async with connect(stream_of(SpinsWithData)) as client:
        await asyncio.sleep(0.2)
        assert len(client.messages) < 100


@in_virtual_time
async def test_sound_of_emit_is_paced() -> None:
    async with connect(stream_of(SpinsWithSound)) as client:
        await asyncio.sleep(10)
        assert client.session.counters.audio_out == pytest.approx(10.2, abs=0.05)
        assert seconds_heard(client) == pytest.approx(10.0, abs=0.05)


# Inputs and messages


class Asks(Quiet):
    async def start_up(self) -> None:
        await self.wait_for_args(timeout=5)
        assert isinstance(self.latest_args, list)
        await self.send_message(f'{{"type": "log", "data": "{self.latest_args[1:]}"}}')


class AsksSync(StreamHandler):
    def receive(self, frame: Audio) -> None: ...
    def emit(self) -> None: ...

    def start_up(self) -> None:
        self.wait_for_args_sync(timeout=5)
        assert isinstance(self.latest_args, list)
        self.send_message_sync(f'{{"type": "log", "data": "{self.latest_args[1:]}"}}')


@pytest.mark.parametrize("handler", [Asks, AsksSync])
def test_waiting_for_inputs(handler: type[StreamHandlerBase]) -> None:
    @in_virtual_time
    async def test() -> None:
        async with connect(stream_of(handler)) as client:
            await client.next_message("send_input")
            await asyncio.sleep(3)
            client.set_input(1, 2)
            assert (await client.next_message("log"))["data"] == "[1, 2]"

    test()


@pytest.mark.parametrize("handler", [Asks, AsksSync])
def test_waiting_for_inputs_in_vain(handler: type[StreamHandlerBase]) -> None:
    @in_virtual_time
    async def test() -> None:
        stream = stream_of(handler)
        async with connect(stream) as client:
            assert await client.wait_closed() is CloseReason.HANDLER_FAILED
            assert asyncio.get_running_loop().time() == pytest.approx(5)
            assert isinstance(failures(client)[0].error, ArgumentsTimeoutError)
        await until_free(stream)

    test()


@pytest.mark.parametrize("handler", [Asks, AsksSync])
def test_waiting_for_inputs_ends_with_the_session(handler: type[StreamHandlerBase]) -> None:
    @in_virtual_time
    async def test() -> None:
        stream = stream_of(handler)
        async with connect(stream) as client:
            await client.next_message("send_input")
        assert asyncio.get_running_loop().time() < 0.1
        await until_free(stream)

    test()


@in_virtual_time
async def test_the_sync_wait_is_refused_on_the_loop() -> None:
    async with connect(stream_of(Quiet)) as client:
        with pytest.raises(RuntimeError, match="block the event loop"):
            client.session.handler.wait_for_args_sync()


@in_virtual_time
async def test_reset_asks_again() -> None:
    async with connect(stream_of(Quiet)) as client:
        handler = client.session.handler
        client.set_input("a")
        await handler.wait_for_args()
        assert handler.latest_args == [FIRST_ARG, "a"]
        assert client.messages_of("send_input") == []
        handler.reset()
        with pytest.raises(TimeoutError):
            await handler.wait_for_args(timeout=1)
        assert client.messages_of("send_input") == [[]]


@in_virtual_time
async def test_a_telephone_sends_no_inputs() -> None:
    outputs = iter([AdditionalOutputs("state", 7)])

    class Handler(Quiet):
        async def emit(self) -> object:
            return next(outputs, None)

    request = ConnectionRequest(TELEPHONE)
    async with connect(stream_of(Handler), request=request) as client:
        handler = client.session.handler
        assert handler.phone_mode
        await handler.wait_for_args(timeout=1)
        await asyncio.sleep(1)
        assert client.messages_of("send_input") == []
        assert handler.latest_args == [FIRST_ARG, "state", 7]


@in_virtual_time
async def test_inputs_from_another_thread() -> None:
    stream = stream_of(Quiet)
    async with connect(stream) as client:
        await asyncio.to_thread(stream.set_input, client.id, "from a thread")
        await asyncio.sleep(0.1)
        assert client.session.handler.latest_args == [FIRST_ARG, "from a thread"]


@in_virtual_time
async def test_messages_from_another_thread() -> None:
    async with connect(stream_of(Quiet)) as client:
        handler = client.session.handler
        await asyncio.to_thread(handler.send_message_sync, '{"type": "log", "data": 1}')
        assert (await client.next_message())["data"] == 1
        assert handler.channel is not None
        handler.channel.send('{"type": "log", "data": 2}')
        assert (await client.next_message())["data"] == 2
