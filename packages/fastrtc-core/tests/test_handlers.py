import asyncio
import queue
import time
from collections.abc import Callable

import numpy as np
import pytest

from fastrtc_core import (
    AdditionalOutputs,
    ArgumentsTimeoutError,
    AsyncAudioVideoStreamHandler,
    AsyncStreamHandler,
    AudioVideoStreamHandler,
    CloseReason,
    CloseStream,
    ConnectionRequest,
    HandlerFactory,
    HandlerFailed,
    Stream,
    StreamHandler,
    StreamHandlerBase,
    VideoFrame,
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


# Sound and pictures together


@in_virtual_time
async def test_sound_and_pictures() -> None:
    class Mirror(AsyncAudioVideoStreamHandler):
        def __init__(self) -> None:
            super().__init__(input_sample_rate=RATE)
            self.sounds: asyncio.Queue[Audio] = asyncio.Queue()
            self.pictures: asyncio.Queue[np.ndarray] = asyncio.Queue()

        async def receive(self, frame: Audio) -> None:
            self.sounds.put_nowait(frame)

        async def emit(self) -> Audio:
            return await self.sounds.get()

        async def video_receive(self, frame: np.ndarray) -> None:
            self.pictures.put_nowait(frame)

        async def video_emit(self) -> np.ndarray:
            return await self.pictures.get()

    stream = Stream(Mirror, modality="audio-video")
    async with connect(stream) as client:
        await client.send_video(np.full((2, 2, 3), 5, np.uint8))
        await client.speak(SOUND, RATE)
        await asyncio.sleep(1)
        assert np.array_equal(client.heard_audio().samples[0], SOUND)
        assert [picture.pixels[0, 0, 0] for _, picture in client.pictures] == [5]


class Film(AsyncAudioVideoStreamHandler):
    """Makes pictures as fast as it is asked, or as its `pause` lets it."""

    pause = 0.0

    async def receive(self, frame: Audio) -> None: ...
    async def video_receive(self, frame: np.ndarray) -> None: ...

    async def emit(self) -> None:
        await asyncio.Event().wait()

    async def video_emit(self) -> np.ndarray:
        if self.pause:
            await asyncio.sleep(self.pause)
        return np.full((2, 2, 3), 1, np.uint8)


class SyncFilm(AudioVideoStreamHandler):
    def receive(self, frame: Audio) -> None: ...
    def video_receive(self, frame: np.ndarray) -> None: ...
    def emit(self) -> None: ...

    def video_emit(self) -> np.ndarray:
        return np.full((2, 2, 3), 1, np.uint8)


def picture_times(handler: Callable[[], StreamHandlerBase], seconds: float) -> list[float]:
    @in_virtual_time
    async def test() -> list[float]:
        async with connect(Stream(HandlerFactory(handler), modality="audio-video")) as client:
            await asyncio.sleep(seconds)
            return [time for time, _ in client.pictures]

    return test()


def rate_of(times: list[float]) -> float:
    return (len(times) - 1) / (times[-1] - times[0])


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_video_emit_is_asked_at_its_rate(fps: int) -> None:
    times = picture_times(lambda: Film(fps=fps), 20)
    assert rate_of(times) == pytest.approx(fps, rel=0.01)
    assert np.diff(times) == pytest.approx([1 / fps] * (len(times) - 1), rel=0.01)


def test_a_sync_video_emit_is_asked_at_its_rate() -> None:
    assert rate_of(picture_times(lambda: SyncFilm(fps=30), 5)) == pytest.approx(30, rel=0.02)


@pytest.mark.parametrize("pause", [1 / 30, 0.05, 0.2])
def test_a_video_emit_that_waits_itself_is_not_slowed(pause: float) -> None:
    class Waits(Film):
        pass

    Waits.pause = pause
    times = picture_times(lambda: Waits(fps=30), 20)
    assert rate_of(times) == pytest.approx(1 / pause, rel=0.01)


def test_pictures_of_a_camera_whose_clock_is_fast_do_not_pile_up() -> None:
    waiting: list[int] = []

    class Camera(Film):
        async def start_up(self) -> None:
            self.pictures: asyncio.Queue[np.ndarray] = asyncio.Queue()
            while True:
                await asyncio.sleep(1 / 30.01)
                self.pictures.put_nowait(np.full((2, 2, 3), 1, np.uint8))

        async def video_emit(self) -> np.ndarray:
            waiting.append(self.pictures.qsize())
            return await self.pictures.get()

    assert rate_of(picture_times(Camera, 300)) == pytest.approx(30.01, rel=0.001)
    assert max(waiting) <= 1


def test_a_video_emit_that_has_nothing_is_asked_seldom() -> None:
    calls = 0

    class Blank(Film):
        async def video_emit(self) -> None:  # type: ignore[override]  # a kind of VideoEmitType
            nonlocal calls
            calls += 1

    assert picture_times(Blank, 10) == []
    assert calls <= 10 / LONGEST_IDLE + 5


def test_data_of_a_video_emit_is_paced_too() -> None:
    calls = 0

    class Data(Film):
        async def video_emit(self) -> AdditionalOutputs:  # type: ignore[override]  # as above
            nonlocal calls
            calls += 1
            return AdditionalOutputs(calls)

    picture_times(lambda: Data(fps=20), 5)
    assert calls == pytest.approx(100, abs=2)


@pytest.mark.parametrize("fps", [0, -30])
def test_fps_must_be_positive(fps: int) -> None:
    with pytest.raises(ValueError, match=f"not {fps}"):
        Film(fps=fps)


@in_virtual_time
async def test_pictures_that_a_busy_handler_does_not_see_are_not_loaded() -> None:
    class Lazy:
        def __init__(self, value: int) -> None:
            self.value = value
            self.loaded = False

        async def load(self) -> VideoFrame:
            self.loaded = True
            return VideoFrame(np.full((2, 2, 3), self.value, np.uint8))

    seen: list[int] = []

    class Slow(Film):
        async def video_receive(self, frame: np.ndarray) -> None:
            seen.append(int(frame[0, 0, 0]))
            await asyncio.sleep(0.2)

    frames = [Lazy(value) for value in range(30)]
    async with connect(Stream(Slow, modality="audio-video")) as client:
        for frame in frames:
            client.session.push_video(frame)
            await asyncio.sleep(1 / 30)
    assert seen == [frame.value for frame in frames if frame.loaded]
    assert len(seen) == pytest.approx(6, abs=1)
