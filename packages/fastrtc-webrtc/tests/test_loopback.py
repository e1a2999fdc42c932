"""Every mode and modality, by what comes out at the other end."""

import asyncio
import json
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import (
    AdditionalOutputs,
    AsyncAudioVideoStreamHandler,
    AsyncStreamHandler,
    AudioVideoStreamHandler,
    CloseReason,
    CloseStream,
    EmitType,
    Stream,
    StreamHandler,
    VideoEmitType,
    VideoStreamHandler,
)
from fastrtc_webrtc import WebRTCSettings
from fastrtc_webrtc.testing import Picture, RTCClient, SignallingError
from fastrtc_webrtc.testing.media import (
    decibels,
    flat_picture,
    level,
    loudest_hz,
    mean_color,
    numbered_picture,
    read_number,
    silence,
    tone,
    tone_level,
)

Sound = tuple[int, NDArray[np.int16]]
Pixels = NDArray[np.uint8]

RATE = 48_000
HZ = 1000.0
PEAK = 8000.0
WHITE = (255, 255, 255)
BLACK = (0, 0, 0)

RECEIVING = {"audio": "recvonly"}
WATCHING = {"audio": None, "video": "recvonly"}
FILMING = {"audio": None, "video": "sendrecv"}
BOTH = {"audio": "sendrecv", "video": "sendrecv"}


async def hear(client: RTCClient, seconds: float) -> NDArray[np.int16]:
    """Return the middle of the sound that comes, once there is so much of it."""
    heard = 0.0
    while heard < seconds:
        sound = await client.audio.sounds.next()
        if level(sound.samples) > PEAK / 4:
            heard += sound.samples.shape[1] / sound.rate
    recording = client.audio.recording()
    windows = recording[0, : recording.shape[1] // 480 * 480].reshape(-1, 480)
    (loud,) = np.nonzero(np.array([level(window) for window in windows]) > PEAK / 4)
    first, last = loud[0] * 480, (loud[-1] + 1) * 480
    margin = (last - first) // 5
    return recording[:, first + margin : last - margin]


def is_the_tone(sound: NDArray[np.int16], hz: float = HZ, peak: float = PEAK) -> None:
    assert loudest_hz(sound) == pytest.approx(hz, abs=1)
    assert decibels(tone_level(sound, hz) / peak) == pytest.approx(0, abs=0.1)
    rest = np.sqrt(max(level(sound) ** 2 - tone_level(sound, hz) ** 2, 0))
    assert rest < 0.05 * peak


def showing(number: int) -> Callable[[Picture], bool]:
    return lambda picture: read_number(picture.pixels) == number


def colored(color: tuple[int, int, int]) -> Callable[[Picture], bool]:
    return lambda picture: mean_color(picture.pixels) == pytest.approx(color, abs=8)


# Sound


def sync_echo(audio: Sound) -> Sound:
    return audio


async def async_echo(audio: Sound) -> Sound:
    return audio


class SyncEcho(StreamHandler):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.queue: queue.Queue[Sound] = queue.Queue()

    def copy(self) -> "SyncEcho":
        return SyncEcho()

    def receive(self, frame: Sound) -> None:
        self.queue.put(frame)

    def emit(self) -> EmitType:
        return self.queue.get()


class AsyncEcho(AsyncStreamHandler):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.queue: asyncio.Queue[Sound] = asyncio.Queue()

    def copy(self) -> "AsyncEcho":
        return type(self)()

    async def receive(self, frame: Sound) -> None:
        self.queue.put_nowait(frame)

    async def emit(self) -> EmitType:
        return await self.queue.get()


@pytest.mark.parametrize("handler", [sync_echo, async_echo, SyncEcho, AsyncEcho])
async def test_sound_comes_back(
    serving_stream: Any, connected: Any, leaving_nothing: Any, handler: Any
) -> None:
    stream = Stream(handler, modality="audio", mode="send-receive")
    async with leaving_nothing(), serving_stream(stream) as server, connected(server) as client:
        client.send_audio(tone(HZ, 1.2, peak=PEAK))
        is_the_tone(await hear(client, 1.0))


async def test_stereo(serving_stream: Any, connected: Any, echo: Any) -> None:
    stream = Stream(echo(expected_layout="stereo"), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server, connected(server) as client:
        client.send_audio(tone(HZ, 1.2, peak=PEAK))
        is_the_tone(await hear(client, 1.0))


@pytest.mark.parametrize("codec", ["audio/PCMU", "audio/PCMA"])
async def test_other_codecs(serving_stream: Any, connected: Any, echo: Any, codec: str) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server, connected(server, codecs=[codec]) as client:
        client.send_audio(tone(HZ, 1.2, peak=PEAK))
        sound = await hear(client, 1.0)
        rate = client.audio.sounds.latest.rate
        assert loudest_hz(sound, rate) == pytest.approx(HZ, abs=1)
        assert decibels(tone_level(sound, HZ, rate) / PEAK) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
async def test_a_generator_of_sound(serving_stream: Any, connected: Any, rate: int) -> None:
    def speaking() -> Iterator[Sound]:
        sound = tone(HZ, 1.2, rate, PEAK)
        for first in range(0, sound.shape[1], rate // 10):
            yield rate, sound[:, first : first + rate // 10]

    stream = Stream(speaking, modality="audio", mode="receive")
    async with serving_stream(stream) as server, connected(server, **RECEIVING) as client:
        is_the_tone(await hear(client, 1.0))
        assert await client.message("end_stream") == "The stream has ended."
        await client.wait_closed()


async def test_sound_ends_where_it_ends(serving_stream: Any, connected: Any) -> None:
    class Beeps(AsyncEcho):
        async def start_up(self) -> None:
            self.queue.put_nowait((RATE, tone(HZ, 0.3, peak=PEAK)))

    stream = Stream(Beeps, modality="audio", mode="receive")
    async with serving_stream(stream) as server, connected(server, **RECEIVING) as client:
        await client.audio.sounds.match(lambda sound: level(sound.samples) > PEAK / 2)
        await client.audio.sounds.match(lambda sound: level(sound.samples) < PEAK / 100)
        loud = [s.time for s in client.audio.sounds if level(s.samples) > PEAK / 100]
    # The encoder must not keep the end of a sound until the next one.
    assert np.diff(loud).max() < 0.1


async def test_what_a_handler_hears(serving_stream: Any, connected: Any) -> None:
    heard: list[Sound] = []
    enough = asyncio.Event()

    async def listen(audio: Sound) -> None:
        heard.append(audio)
        if len(heard) > 80:
            enough.set()

    stream = Stream(listen, modality="audio", mode="send")
    async with serving_stream(stream) as server, connected(server, audio="sendonly") as client:
        client.send_audio(tone(HZ, 3.0, peak=PEAK))
        await enough.wait()
    assert {(rate, samples.shape[0], str(samples.dtype)) for rate, samples in heard} == {
        (RATE, 1, "int16")
    }
    is_the_tone(np.concatenate([samples for _, samples in heard[30:]], axis=1))


async def test_a_codec_that_nobody_here_knows(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server:
        with pytest.raises(SignallingError) as refused:
            async with connected(server, codecs=["audio/G722"]):
                pass
        assert (refused.value.status, refused.value.code) == (400, "bad_sdp")
        assert "opus" in refused.value.meta["message"]
        assert len(stream.sessions) == 0


# Pictures


def sync_negative(picture: Pixels) -> Pixels:
    return 255 - picture


async def async_negative(picture: Pixels) -> Pixels:
    return 255 - picture


@pytest.mark.parametrize("codec", ["video/VP8", "video/H264"])
@pytest.mark.parametrize("function", [sync_negative, async_negative])
async def test_pictures_come_back(
    serving_stream: Any, connected: Any, leaving_nothing: Any, function: Any, codec: str
) -> None:
    stream = Stream(function, modality="video", mode="send-receive")
    async with (
        leaving_nothing(),
        serving_stream(stream) as server,
        connected(server, codecs=[codec], **FILMING) as client,
    ):
        for color in ((200, 40, 60), (30, 180, 90)):
            client.send_picture(flat_picture(color))
            negative = (255 - color[0], 255 - color[1], 255 - color[2])
            picture = await client.video.pictures.match(colored(negative))
            assert picture.pixels.shape == (240, 320, 3)


@pytest.mark.parametrize(
    ("pixel_format", "first", "last"), [("bgr24", 60, 200), ("rgb24", 200, 60)]
)
async def test_the_order_of_channels(
    serving_stream: Any, connected: Any, pixel_format: Any, first: int, last: int
) -> None:
    colors: list[tuple[float, float, float]] = []

    def look(picture: Pixels) -> Pixels:
        colors.append(mean_color(picture))
        return picture

    settings = {"webrtc": WebRTCSettings(pixel_format=pixel_format)}
    stream = Stream(look, modality="video", mode="send-receive", transport_settings=settings)
    async with serving_stream(stream) as server, connected(server, **FILMING) as client:
        client.send_picture(flat_picture((200, 40, 60)))
        await client.video.pictures.match(colored((200, 40, 60)))
    assert colors[-1] == pytest.approx((first, 40, last), abs=8)


def counting() -> Iterator[Pixels]:
    for number in range(1, 45):
        yield numbered_picture(number)


@pytest.mark.parametrize("handler", [counting, VideoStreamHandler(counting, fps=15)])
async def test_a_generator_of_pictures(serving_stream: Any, connected: Any, handler: Any) -> None:
    fps = 15 if isinstance(handler, VideoStreamHandler) else 30
    stream = Stream(handler, modality="video", mode="receive")
    async with serving_stream(stream) as server, connected(server, **WATCHING) as client:
        pictures = [await client.video.pictures.next() for _ in range(20)]
    numbers = [read_number(picture.pixels) or 0 for picture in pictures]
    assert all(later > earlier for earlier, later in pairwise(numbers))
    ticks = (pictures[-1].timestamp - pictures[0].timestamp) % (1 << 32)
    assert ticks / 90_000 / (numbers[-1] - numbers[0]) == pytest.approx(1 / fps, rel=0.1)


async def test_what_a_function_sees(serving_stream: Any, connected: Any) -> None:
    seen: asyncio.Queue[int | None] = asyncio.Queue()

    async def look(picture: Pixels) -> None:
        assert picture.shape == (240, 320, 3)
        assert picture.dtype == np.uint8
        seen.put_nowait(read_number(picture))

    stream = Stream(look, modality="video", mode="send")
    client_options = {"audio": None, "video": "sendonly"}
    async with serving_stream(stream) as server, connected(server, **client_options) as client:
        for number in (1, 20, 300):
            client.send_picture(numbered_picture(number))
            while await seen.get() != number:
                pass


# Both


class AsyncBoth(AsyncAudioVideoStreamHandler):
    """Sends back what it hears and sees."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self.sounds: asyncio.Queue[Sound] = asyncio.Queue()
        self.pictures: asyncio.Queue[Pixels] = asyncio.Queue()

    async def receive(self, frame: Sound) -> None:
        self.sounds.put_nowait(frame)

    async def emit(self) -> EmitType:
        return await self.sounds.get()

    async def video_receive(self, frame: Pixels) -> None:
        self.pictures.put_nowait(frame)

    async def video_emit(self) -> VideoEmitType:
        return await self.pictures.get()


class SyncBoth(AudioVideoStreamHandler):
    """Does the same in threads."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self.sounds: queue.Queue[Sound] = queue.Queue()
        self.pictures: queue.Queue[Pixels] = queue.Queue()

    def receive(self, frame: Sound) -> None:
        self.sounds.put(frame)

    def emit(self) -> EmitType:
        return self.sounds.get()

    def video_receive(self, frame: Pixels) -> None:
        self.pictures.put(frame)

    def video_emit(self) -> VideoEmitType:
        return self.pictures.get()


@pytest.mark.parametrize("handler", [AsyncBoth, SyncBoth])
async def test_sound_and_pictures_come_back(
    serving_stream: Any, connected: Any, leaving_nothing: Any, handler: Any
) -> None:
    stream = Stream(handler, modality="audio-video", mode="send-receive")
    async with (
        leaving_nothing(),
        serving_stream(stream) as server,
        connected(server, **BOTH) as client,
    ):
        client.send_picture(numbered_picture(77))
        client.send_audio(tone(HZ, 1.2, peak=PEAK))
        await client.video.pictures.match(showing(77))
        is_the_tone(await hear(client, 1.0))


async def test_sound_and_pictures_to_watch(serving_stream: Any, connected: Any) -> None:
    class Shows(AsyncBoth):
        async def start_up(self) -> None:
            self.sounds.put_nowait((RATE, tone(HZ, 1.2, peak=PEAK)))

        async def video_emit(self) -> VideoEmitType:
            await asyncio.sleep(0.1)
            return numbered_picture(5)

    stream = Stream(Shows, modality="audio-video", mode="receive")
    options = {"audio": "recvonly", "video": "recvonly"}
    async with serving_stream(stream) as server, connected(server, **options) as client:
        await client.video.pictures.match(showing(5))
        is_the_tone(await hear(client, 1.0))


async def test_sound_and_pictures_to_take(serving_stream: Any, connected: Any) -> None:
    seen = asyncio.Event()
    heard = asyncio.Event()

    class Takes(AsyncBoth):
        async def receive(self, frame: Sound) -> None:
            if level(frame[1]) > PEAK / 2:
                heard.set()

        async def video_receive(self, frame: Pixels) -> None:
            if read_number(frame) == 9:
                seen.set()

    stream = Stream(Takes, modality="audio-video", mode="send")
    options = {"audio": "sendonly", "video": "sendonly"}
    async with serving_stream(stream) as server, connected(server, **options) as client:
        client.send_picture(numbered_picture(9))
        client.send_audio(tone(HZ, 1.0, peak=PEAK))
        await heard.wait()
        await seen.wait()


# Messages and data


async def test_messages(serving_stream: Any, connected: Any, echo: Any) -> None:
    class Answers(echo):
        async def start_up(self) -> None:
            await self.wait_for_args()
            await self.send_message(json.dumps({"type": "log", "data": self.latest_args[1:]}))
            async for data in self.session.messages.listen():
                await self.send_message(json.dumps({"type": "log", "data": data}))

    stream = Stream(Answers(), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server, connected(server) as client:
        client.send_message({"type": "ping"})
        await client.messages.match(lambda message: message.data == {"type": "pong"})
        client.send_message({"type": "input", "args": [0.5, "x"]})
        assert await client.message("log") == [0.5, "x"]
        client.send_message({"type": "message", "data": {"text": "hello"}})
        assert await client.message("log") == {"text": "hello"}
        client.send_message({"type": "stop"})
        await client.wait_closed()


async def test_inputs_by_a_route_of_the_application(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    class Asks(echo):
        async def start_up(self) -> None:
            await self.wait_for_args()
            await self.send_message(json.dumps({"type": "log", "data": self.latest_args[1:]}))

    stream = Stream(Asks(), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server, connected(server) as client:
        assert await client.message("send_input") == []
        stream.set_input(client.id, 1, "two")
        assert await client.message("log") == [1, "two"]


class CountsSound(AsyncEcho):
    async def emit(self) -> EmitType:
        return await self.queue.get(), AdditionalOutputs("sound")


def count_picture(picture: Pixels) -> tuple[Pixels, AdditionalOutputs]:
    return picture, AdditionalOutputs("picture")


class CountsBoth(AsyncBoth):
    async def video_emit(self) -> VideoEmitType:
        return await self.pictures.get(), AdditionalOutputs("both")


@pytest.mark.parametrize(
    ("handler", "modality", "options", "output"),
    [
        (CountsSound, "audio", {}, "sound"),
        (lambda audio: (audio, AdditionalOutputs("function")), "audio", {}, "function"),
        (count_picture, "video", FILMING, "picture"),
        (CountsBoth, "audio-video", BOTH, "both"),
    ],
)
async def test_additional_outputs(
    serving_stream: Any,
    connected: Any,
    handler: Any,
    modality: Any,
    options: Any,
    output: str,
) -> None:
    stream = Stream(handler, modality=modality, mode="send-receive")
    async with serving_stream(stream) as server, connected(server, **options) as client:
        client.send_picture(flat_picture(WHITE))
        client.send_audio(tone(HZ, 1.0))
        assert await client.message("fetch_output") == []
        async for outputs in stream.output_stream(client.id):
            assert outputs.args == (output,)
            break


# Ends


def closing_sound() -> Iterator[object]:
    yield RATE, tone(HZ, 0.3)
    yield CloseStream("enough")


async def closing_pictures() -> AsyncIterator[object]:
    yield flat_picture(WHITE)
    yield CloseStream("enough")


class ClosingSync(SyncEcho):
    def copy(self) -> "ClosingSync":
        return ClosingSync()

    def emit(self) -> EmitType:
        return self.queue.get(), CloseStream("enough")


class ClosingAsync(AsyncEcho):
    async def emit(self) -> EmitType:
        return await self.queue.get(), CloseStream("enough")


class ClosingAsyncBoth(AsyncBoth):
    async def video_emit(self) -> VideoEmitType:
        return await self.pictures.get(), CloseStream("enough")


class ClosingSyncBoth(SyncBoth):
    def emit(self) -> EmitType:
        self.sounds.get()
        return CloseStream("enough")


@pytest.mark.parametrize(
    ("handler", "modality", "mode", "options"),
    [
        (lambda audio: (audio, CloseStream("enough")), "audio", "send-receive", {}),
        (closing_sound, "audio", "receive", RECEIVING),
        (ClosingSync(), "audio", "send-receive", {}),
        (ClosingAsync(), "audio", "send-receive", {}),
        (lambda picture: (picture, CloseStream("enough")), "video", "send-receive", FILMING),
        (VideoStreamHandler(closing_pictures), "video", "receive", WATCHING),
        (ClosingAsyncBoth, "audio-video", "send-receive", BOTH),
        (ClosingSyncBoth, "audio-video", "send-receive", BOTH),
    ],
)
async def test_the_handler_closes_the_stream(
    serving_stream: Any,
    connected: Any,
    ends: Any,
    handler: Any,
    modality: Any,
    mode: Any,
    options: Any,
) -> None:
    stream = Stream(handler, modality=modality, mode=mode, on_event=ends.observe)
    async with serving_stream(stream) as server, connected(server, **options) as client:
        client.send_picture(flat_picture(WHITE))
        assert await client.message("end_stream") == "enough"
        await client.wait_closed()
        assert (await ends.next())[1].reason is CloseReason.HANDLER


async def test_a_client_that_hangs_up(
    serving_stream: Any, connected: Any, ends: Any, leaving_nothing: Any, echo: Any
) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive", on_event=ends.observe)
    async with leaving_nothing(), serving_stream(stream) as server:
        async with connected(server):
            assert len(stream.sessions) == 1
        assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
        async with connected(server) as client:
            await client.bye()
            await client.wait_closed()
        assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT


async def test_a_client_that_vanishes(
    serving_stream: Any, connected: Any, ends: Any, leaving_nothing: Any, echo: Any
) -> None:
    stream = Stream(
        echo(),
        modality="audio",
        mode="send-receive",
        on_event=ends.observe,
        transport_settings={"webrtc": WebRTCSettings(reconnect_grace=0.5)},
    )
    async with leaving_nothing(), serving_stream(stream) as server:
        async with connected(server) as client:
            await client.vanish()
        assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT


# Failures of handlers


async def test_a_function_of_pictures_that_fails(serving_stream: Any, connected: Any) -> None:
    def fail_for_one(picture: Pixels) -> Pixels:
        if read_number(picture) == 1:
            raise ZeroDivisionError
        return picture

    stream = Stream(fail_for_one, modality="video", mode="send-receive")
    async with serving_stream(stream) as server, connected(server, **FILMING) as client:
        client.send_picture(numbered_picture(1))
        assert "ZeroDivisionError" in await client.message("error")
        client.send_picture(numbered_picture(2))
        await client.video.pictures.match(showing(2))


async def test_a_function_of_pictures_that_always_fails(
    serving_stream: Any, connected: Any, ends: Any
) -> None:
    def fail(picture: Pixels) -> Pixels:
        raise ZeroDivisionError

    stream = Stream(fail, modality="video", mode="send-receive", on_event=ends.observe)
    async with serving_stream(stream) as server, connected(server, **FILMING) as client:
        client.send_picture(numbered_picture(1))
        assert "ZeroDivisionError" in await client.message("error")
        await client.wait_closed()
        assert (await ends.next())[1].reason is CloseReason.HANDLER_FAILED


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), "picture"])
async def test_a_function_that_returns_no_picture(
    serving_stream: Any, connected: Any, wrong: object
) -> None:
    def look(picture: Pixels) -> object:
        return wrong if read_number(picture) == 1 else picture

    stream = Stream(look, modality="video", mode="send-receive")
    async with serving_stream(stream) as server, connected(server, **FILMING) as client:
        client.send_picture(numbered_picture(1))
        assert await client.message("error")
        client.send_picture(numbered_picture(2))
        await client.video.pictures.match(showing(2))


# Ways to connect


async def test_no_data_channel(serving_stream: Any, connected: Any, echo: Any) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with (
        serving_stream(stream) as server,
        connected(server, data_channel=False) as client,
    ):
        client.send_audio(tone(HZ, 0.5))
        await hear(client, 0.3)


@pytest.mark.parametrize("trickle", ["before", "after"])
async def test_trickled_candidates(
    serving_stream: Any, connected: Any, echo: Any, trickle: Any
) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server, connected(server, trickle=trickle) as client:
        client.send_audio(tone(HZ, 0.5))
        await hear(client, 0.3)


async def test_a_client_without_an_id(serving_stream: Any, connected: Any, echo: Any) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with (
        serving_stream(stream, "/voice") as server,
        connected(server, "/voice", webrtc_id=None) as client,
    ):
        assert [session.id for session in stream.sessions] == [client.id]
        assert len(client.id) >= 22  # 128 bits in base64


@pytest.mark.parametrize("how", ["reoffer", "restart", "come_back"])
async def test_negotiating_again(
    serving_stream: Any, connected: Any, leaving_nothing: Any, echo: Any, how: str
) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with leaving_nothing(), serving_stream(stream) as server, connected(server) as client:
        [session] = stream.sessions
        client.send_audio(tone(HZ, 0.5))
        await hear(client, 0.3)
        if how == "come_back":
            await client.vanish()
        await getattr(client, how)()
        assert list(stream.sessions) == [session]
        client.audio.sounds.skip()
        client.send_audio(silence(0.2))
        client.send_audio(tone(HZ, 0.5))
        await hear(client, 0.3)
        client.send_message({"type": "ping"})
        await client.messages.match(lambda message: message.data == {"type": "pong"})


# Many viewers of one generator


async def test_a_shared_generator(
    serving_stream: Any, connected: Any, leaving_nothing: Any
) -> None:
    begun = 0

    async def counting() -> AsyncIterator[Pixels]:
        nonlocal begun
        begun += 1
        for number in range(1, 4000):
            yield numbered_picture(number)

    stream = Stream(
        counting,
        modality="video",
        mode="receive",
        transport_settings={"webrtc": WebRTCSettings(shared=True)},
    )
    async with leaving_nothing(), serving_stream(stream) as server:
        async with connected(server, **WATCHING) as first:
            await first.video.pictures.match(showing(10))
            async with connected(server, **WATCHING) as second:
                picture = await second.video.pictures.next()
                number = read_number(picture.pixels)
                assert number is not None
                assert number > 10
                await first.video.pictures.match(showing(number))
                latest = await second.video.pictures.match(showing(number + 20))
            await first.video.pictures.match(lambda picture: picture.time > latest.time + 0.3)
        assert begun == 1
        async with connected(server, **WATCHING) as third:
            first_number = read_number((await third.video.pictures.next()).pixels)
            assert first_number is not None
            assert first_number < 10
        assert begun == 2
