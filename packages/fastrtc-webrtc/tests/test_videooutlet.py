"""Pictures from a handler to sinks, as they come out of decoders."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator

import av
import numpy as np
import pytest
from aiortc.codecs.h264 import H264Decoder, h264_depayload
from aiortc.codecs.vpx import Vp8Decoder, vp8_depayload
from aiortc.jitterbuffer import JitterFrame

from fastrtc_core import VideoFrame
from fastrtc_core.testing import in_virtual_time
from fastrtc_webrtc.encoded import EncodedFrame, MediaClock
from fastrtc_webrtc.encoderthreads import EncoderThreads
from fastrtc_webrtc.pictures import to_pixels
from fastrtc_webrtc.videooutlet import VideoOutlet
from fastrtc_webrtc.videoparameters import VideoParameters

VP8, H264 = "video/VP8", "video/H264"
TICK = 1 / 90_000


class Sink:
    """Notes what it is sent, and decodes it."""

    def __init__(self, mime_type: str = VP8) -> None:
        self.vp8 = mime_type == VP8
        self.decoder = Vp8Decoder() if self.vp8 else H264Decoder()
        self.frames: list[EncodedFrame] = []
        self.times: list[float] = []
        self._news = asyncio.Event()

    def send_frame(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)
        self.times.append(asyncio.get_running_loop().time())
        self._news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.frames) < count:
                self._news.clear()
                await self._news.wait()

    @property
    def timestamps(self) -> list[int]:
        return [frame.timestamp for frame in self.frames]

    def decode(self) -> list[np.ndarray]:
        """The pictures so far, in bgr24."""
        depayload = vp8_depayload if self.vp8 else h264_depayload
        seen = []
        for frame in self.frames:
            data = b"".join(depayload(payload) for payload in frame.payloads)
            for picture in self.decoder.decode(JitterFrame(data, frame.timestamp)):
                assert isinstance(picture, av.VideoFrame)
                seen.append(to_pixels(picture, "bgr24").pixels)
        return seen


def plain(value: int | tuple[int, int, int], width: int = 64, height: int = 48) -> VideoFrame:
    return VideoFrame(np.full((height, width, 3), value, np.uint8))


def noise(seed: int, width: int = 1920, height: int = 1080) -> VideoFrame:
    return VideoFrame(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


@pytest.fixture
def threads() -> Iterator[EncoderThreads]:
    threads = EncoderThreads(2)
    yield threads
    threads.shutdown()


def new_outlet(threads: EncoderThreads, max_framerate: float | None = None) -> VideoOutlet:
    return VideoOutlet(
        MediaClock(asyncio.get_running_loop().time(), 1e9),
        pixel_format="bgr24",
        parameters=VideoParameters(max_framerate=max_framerate),
        executor=threads,
    )


Make = Callable[[], VideoOutlet]


@pytest.fixture
async def make(threads: EncoderThreads) -> AsyncIterator[Make]:
    made: list[VideoOutlet] = []

    def outlet() -> VideoOutlet:
        made.append(new_outlet(threads))
        return made[-1]

    yield outlet
    for outlet_ in made:
        outlet_.close()


# Content


@pytest.mark.parametrize("mime_type", [VP8, H264])
async def test_pictures_arrive_as_they_were(make: Make, mime_type: str) -> None:
    outlet, sink = make(), Sink(mime_type)
    outlet.subscribe(sink, mime_type)
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    for number, color in enumerate(colors, start=1):
        await outlet.send(plain(color, 320, 240))
        await sink.until(number)
    for picture, color in zip(sink.decode(), colors, strict=True):
        assert picture.shape == (240, 320, 3)
        assert np.abs(picture.astype(int) - color).mean() < 8
    assert outlet.counters.taken == outlet.counters.encoded == 3


async def test_the_array_may_be_used_again(make: Make) -> None:
    outlet, sink = make(), Sink()
    outlet.subscribe(sink, VP8)
    canvas = plain(0)
    for number, value in enumerate((40, 120, 200), start=1):
        canvas.pixels[:] = value
        await outlet.send(canvas)
        canvas.pixels[:] = 255  # while it is encoded
        await sink.until(number)
    means = [picture.mean() for picture in sink.decode()]
    assert means == pytest.approx([40, 120, 200], abs=6)


async def test_two_codecs_at_once(make: Make) -> None:
    outlet = make()
    sinks = [Sink(VP8), Sink(H264), Sink(H264)]
    for sink, mime_type in zip(sinks, (VP8, H264, "video/h264"), strict=True):
        outlet.subscribe(sink, mime_type)
    for number in range(1, 6):
        await outlet.send(plain(30 * number, 322, 242))
        for sink in sinks:
            await sink.until(number)
    assert sinks[1].frames == sinks[2].frames  # encoded once for both
    assert sinks[0].timestamps == sinks[1].timestamps
    for sink in sinks:
        values = [picture.mean() for picture in sink.decode()]
        assert values == pytest.approx([30, 60, 90, 120, 150], abs=6)
    assert outlet.counters.encoded == 10


async def test_odd_and_changing_sizes(make: Make) -> None:
    outlet, sink = make(), Sink()
    outlet.subscribe(sink, VP8)
    for number, size in enumerate([(101, 77), (101, 77), (200, 50)], start=1):
        await outlet.send(plain(99, *size))
        await sink.until(number)
    assert [frame.key for frame in sink.frames] == [True, False, True]
    assert [p.shape for p in sink.decode()] == [(76, 100, 3), (76, 100, 3), (50, 200, 3)]


# Time


async def test_pictures_carry_the_time_at_which_they_were_sent(make: Make) -> None:
    outlet, sink = make(), Sink()
    outlet.subscribe(sink, VP8)
    loop = asyncio.get_running_loop()
    sent = []
    for number in range(4):
        sent.append(loop.time())
        await outlet.send(plain(number))
        await sink.until(number + 1)
        await asyncio.sleep(0.02 * number)
    assert np.subtract(sink.times, sent).max() < 0.5  # encoded at once, on a busy machine
    stamped = np.array(sink.timestamps) * TICK + outlet._clock.origin
    assert stamped == pytest.approx(sent, abs=0.005)
    assert (np.diff(sink.timestamps) > 0).all()


async def test_of_those_sent_while_one_is_converted_the_latest_wins(make: Make) -> None:
    outlet, sink = make(), Sink()
    outlet.subscribe(sink, VP8)
    async with asyncio.TaskGroup() as tasks:
        for value in range(10, 210, 10):
            tasks.create_task(outlet.send(plain(value)))
    await sink.until(2)
    assert [picture.mean() for picture in sink.decode()] == pytest.approx([10, 200], abs=6)
    assert sink.timestamps[0] < sink.timestamps[1]
    assert (outlet.counters.taken, outlet.counters.dropped) == (20, 18)


async def test_the_latest_wins_while_the_encoder_is_busy(make: Make) -> None:
    outlet, sink = make(), Sink(H264)
    outlet.subscribe(sink, H264)
    for number in range(12):
        await outlet.send(noise(number))
    await outlet.send(plain(77, 1920, 1080))
    while outlet.counters.encoded + outlet.counters.dropped < 13:
        await sink.until(len(sink.frames) + 1)
    assert outlet.counters.dropped >= 1
    assert outlet.counters.failures == 0
    assert sink.decode()[-1].mean() == pytest.approx(77, abs=8)  # the last one is never lost


@in_virtual_time
async def test_the_rate_of_pictures_is_bounded(threads: EncoderThreads) -> None:
    outlet = new_outlet(threads, max_framerate=20)
    for _ in range(301):
        await outlet.send(plain(0))
        await asyncio.sleep(1 / 60)
    assert outlet.counters.taken == pytest.approx(101, abs=2)
    assert outlet.counters.skipped == 301 - outlet.counters.taken
    outlet.close()


# Demand


async def test_nothing_is_done_while_nobody_watches(make: Make, threads: EncoderThreads) -> None:
    outlet = make()
    for number in range(10):
        await outlet.send(plain(number))
    assert threads.threads == 0
    sink = Sink()
    outlet.subscribe(sink, VP8)
    await sink.until(1)  # and yet the last picture is there for the one who comes
    assert sink.decode()[0].mean() == pytest.approx(9, abs=4)
    outlet.unsubscribe(sink)
    outlet.unsubscribe(sink)
    await outlet.send(plain(200))
    assert outlet.counters.encoded == 1
    assert len(sink.frames) == 1


async def test_a_sink_may_change_its_codec(make: Make) -> None:
    outlet, sink = make(), Sink(H264)
    outlet.subscribe(sink, VP8)
    outlet.subscribe(sink, H264)
    outlet.subscribe(sink, H264)
    await outlet.send(plain(50))
    await sink.until(1)
    assert sink.decode()[0].mean() == pytest.approx(50, abs=6)
    assert outlet.counters.encoded == 1


async def test_an_unknown_codec_is_refused(make: Make) -> None:
    outlet, sink = make(), Sink()
    outlet.subscribe(sink, VP8)
    with pytest.raises(ValueError, match="not 'video/AV1'"):
        outlet.subscribe(sink, "video/AV1")
    await outlet.send(plain(1))
    await sink.until(1)  # it goes on with what it had


@pytest.mark.parametrize("by_codec", [True, False])
async def test_key_frames_on_request(make: Make, by_codec: bool) -> None:
    outlet, vp8, h264 = make(), Sink(), Sink(H264)
    outlet.subscribe(vp8, VP8)
    outlet.subscribe(h264, H264)
    await outlet.send(plain(1))
    await vp8.until(1)
    await h264.until(1)
    outlet.request_key_frame("video/vp8" if by_codec else vp8)
    outlet.request_key_frame(Sink())  # one that has left: no matter
    await vp8.until(2)  # no new picture comes, so it is the last one again
    assert vp8.frames[1].key
    assert len(h264.frames) == 1


async def test_limits_reach_the_encoder(make: Make) -> None:
    sizes = []
    for limit in (1_000_000, 200_000):
        outlet, sink = make(), Sink(H264)
        outlet.subscribe(sink, H264)
        outlet.limit_bitrate(sink, limit)
        outlet.limit_bitrate(Sink(), 1)  # of no sink of this outlet
        for number in range(1, 31):
            await outlet.send(noise(number, 320, 240))
            await sink.until(number)
        sizes.append(sum(len(payload) for frame in sink.frames for payload in frame.payloads))
    assert sizes[0] > 3 * sizes[1]


# Faults and the end


async def test_a_picture_that_can_not_be_converted(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    outlet, sink = make(), Sink()
    outlet.subscribe(sink, VP8)
    for _ in range(3):
        await outlet.send(plain(1, width=1))
    await outlet.send(plain(60))
    await sink.until(1)
    assert outlet.counters.failures == 3
    assert len(caplog.records) == 1


async def test_closing_in_the_middle(make: Make, threads: EncoderThreads) -> None:
    outlet, sink = make(), Sink()
    outlet.subscribe(sink, VP8)
    await outlet.send(noise(1))
    await outlet.send(plain(2))
    outlet.close()
    outlet.close()
    outlet.subscribe(sink, VP8)
    outlet.request_key_frame(sink)
    await outlet.send(plain(3))
    await asyncio.to_thread(threads.shutdown)
    assert sink.frames == []


async def test_closing_frees_producers_that_wait(make: Make) -> None:
    outlet, sink = make(), Sink()
    outlet.subscribe(sink, VP8)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(outlet.send(noise(number, 640, 480)))
        await asyncio.sleep(0)  # the first is being converted, the others wait
        assert outlet.counters.taken == 20
        outlet.close()
    assert sink.frames == []
    assert outlet._last is None  # it keeps no picture


async def test_memory_is_flat(make: Make) -> None:
    outlet, sink = make(), Sink()
    outlet.subscribe(sink, VP8)

    async def send(count: int) -> None:
        for _ in range(count):
            await outlet.send(plain(1, 640, 480))
        counters = outlet.counters
        while counters.encoded + counters.dropped < counters.taken:
            await sink.until(len(sink.frames) + 1)
        sink.frames.clear()
        sink.times.clear()

    await send(50)
    tracemalloc.start()
    await send(50)
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    await send(300)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2_000_000  # a picture is 0.46 MB here, and its array 0.92 MB
    assert peak - before < 8_000_000  # though they are sent faster than they are encoded
    assert outlet.counters.dropped > 0
