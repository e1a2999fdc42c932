"""One codec: real encoders in real threads."""

import asyncio
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from fastrtc_core import VideoFrame
from fastrtc_webrtc.encoded import EncodedFrame, MediaClock
from fastrtc_webrtc.encoderthreads import EncoderThreads
from fastrtc_webrtc.pictures import PlanarPicture, to_planar
from fastrtc_webrtc.videochannel import KEY_INTERVAL, Picture, PictureWork, VideoChannel
from fastrtc_webrtc.videocodecs import VideoEncoder, create_encoder
from fastrtc_webrtc.videoparameters import VideoParameters


class Sink:
    def __init__(self) -> None:
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


class DeadSink(Sink):
    def send_frame(self, frame: EncodedFrame) -> None:
        raise ConnectionResetError("gone")


def noise(seed: int = 0, width: int = 64, height: int = 48) -> PlanarPicture:
    rng = np.random.default_rng(seed)
    return to_planar(rng.integers(0, 256, (height, width, 3), np.uint8), "bgr24")


@pytest.fixture
def threads() -> Iterator[EncoderThreads]:
    threads = EncoderThreads(2)
    yield threads
    threads.shutdown()


class Desk:
    """A channel with all that it needs."""

    def __init__(self, threads: EncoderThreads, mime_type: str = "video/VP8") -> None:
        self.loop = asyncio.get_running_loop()
        self.last: Picture | None = None
        self.work = PictureWork(threads, "bgr24")
        self.encoder: VideoEncoder = create_encoder(mime_type, VideoParameters())
        clock = MediaClock(self.loop.time(), 0.0)
        self.channel = VideoChannel(self.work, clock, self.encoder, lambda: self.last)

    def take(self, picture: Picture) -> None:
        self.last = picture
        self.channel.take((self.loop.time(), picture))


@pytest.fixture
def desk(threads: EncoderThreads) -> Callable[[], Desk]:
    return lambda: Desk(threads)


async def test_the_first_picture_is_a_key_frame(desk: Callable[[], Desk]) -> None:
    it, sink = desk(), Sink()
    it.channel.add(sink)
    for number in range(3):
        it.take(noise(number))
        await sink.until(number + 1)
    assert [frame.key for frame in sink.frames] == [True, False, False]
    it.channel.close()


async def test_the_latest_picture_wins(desk: Callable[[], Desk]) -> None:
    it, sink = desk(), Sink()
    it.channel.add(sink)
    pictures = [noise(number, 1920, 1080) for number in range(6)]
    for picture in pictures:  # five come while the first is encoded
        it.take(picture)
    await sink.until(2)
    assert it.work.counters.dropped == 4
    assert it.work.counters.encoded == 2
    it.channel.close()


async def test_one_who_joins_gets_a_key_frame_and_nothing_before(desk: Callable[[], Desk]) -> None:
    it, first, second = desk(), Sink(), Sink()
    it.channel.add(first)
    it.take(noise())
    await first.until(1)
    await asyncio.sleep(KEY_INTERVAL)
    it.take(noise(1))
    it.channel.add(second)
    await first.until(2)
    it.take(noise(2))
    await second.until(1)
    assert [frame.key for frame in first.frames] == [True, False, True]
    assert second.frames == first.frames[2:]  # encoded once, for both
    it.channel.close()


async def test_one_who_joins_a_still_picture_sees_it(desk: Callable[[], Desk]) -> None:
    it, first, second = desk(), Sink(), Sink()
    it.channel.add(first)
    it.take(noise())
    await first.until(1)
    it.channel.add(second)
    await second.until(1)
    assert second.frames[0].key
    assert second.frames[0].timestamp > first.frames[0].timestamp
    it.channel.close()


async def test_a_picture_from_before_anybody_came_is_converted_then(
    desk: Callable[[], Desk],
) -> None:
    it, sink = desk(), Sink()
    it.last = VideoFrame(np.zeros((48, 64, 3), np.uint8))
    it.channel.add(sink)
    await sink.until(1)
    assert sink.frames[0].key
    it.channel.close()


async def test_a_storm_of_requests_makes_few_key_frames(desk: Callable[[], Desk]) -> None:
    it, sink = desk(), Sink()
    it.channel.add(sink)
    end, number = it.loop.time() + 3 * KEY_INTERVAL, 0
    while it.loop.time() < end:
        it.channel.want_key_frame()
        number += 1
        it.take(noise(number))
        await sink.until(number)
    keys = [time for frame, time in zip(sink.frames, sink.times, strict=True) if frame.key]
    assert 2 <= len(keys) <= 4
    assert np.diff(keys).min() >= KEY_INTERVAL
    assert it.work.counters.key_frames == len(keys)
    it.channel.close()


async def test_timestamps_grow_even_where_times_do_not(desk: Callable[[], Desk]) -> None:
    it, sink = desk(), Sink()
    it.channel.add(sink)
    for number in range(5):
        it.channel.take((100.0, noise(number)))
        await sink.until(number + 1)
    assert np.diff([frame.timestamp for frame in sink.frames]).tolist() == [1] * 4
    it.channel.close()


async def test_the_least_limit_counts(desk: Callable[[], Desk]) -> None:
    it, first, second = desk(), Sink(), Sink()
    it.channel.add(first)
    it.channel.add(second)
    it.take(noise())
    await first.until(1)
    start = it.encoder.bitrate
    expected = []
    for sink, limit in ((first, 900_000), (second, 400_000), (first, 300_000), (first, None)):
        it.channel.limit(sink, limit)
        expected.append(it.encoder.bitrate)
    it.channel.remove(second)
    assert expected == [900_000, 400_000, 300_000, 400_000]
    assert it.encoder.bitrate == start
    it.channel.close()


async def test_a_dead_sink_does_not_harm_the_others(
    desk: Callable[[], Desk], caplog: pytest.LogCaptureFixture
) -> None:
    it, dead, alive = desk(), DeadSink(), Sink()
    it.channel.add(dead)
    it.channel.add(alive)
    for number in range(5):
        it.take(noise(number))
        await alive.until(number + 1)
    assert it.work.counters.failures == 5
    assert [record.message[:30] for record in caplog.records] == ["a picture could not be sent; l"]
    it.channel.close()


async def test_an_encoder_that_fails_begins_anew(
    desk: Callable[[], Desk], caplog: pytest.LogCaptureFixture
) -> None:
    it, sink = desk(), Sink()
    it.channel.add(sink)
    it.take(noise())
    await sink.until(1)
    for number in range(1, 4):
        it.take(PlanarPicture(np.zeros((4, 3), np.uint8)))  # of no size that there is
        it.take(noise(number))
        await sink.until(1 + number)
    assert [frame.key for frame in sink.frames] == [True] * 4
    assert it.work.counters.failures == 3
    assert len(caplog.records) == 1
    it.channel.close()


async def test_a_broken_last_picture_is_not_tried_for_ever(desk: Callable[[], Desk]) -> None:
    it, sink = desk(), Sink()
    it.last = PlanarPicture(np.zeros((4, 3), np.uint8))
    it.channel.add(sink)
    await asyncio.sleep(0.5)
    assert it.work.counters.failures == 1
    it.take(noise())
    await sink.until(1)
    it.channel.close()


async def test_closing_drops_what_is_being_encoded(
    desk: Callable[[], Desk], threads: EncoderThreads
) -> None:
    it, sink = desk(), Sink()
    it.channel.add(sink)
    it.take(noise(0, 1920, 1080))
    it.take(noise(1, 1920, 1080))
    it.channel.close()
    await asyncio.to_thread(threads.shutdown)
    assert sink.frames == []
    assert it.encoder._codec is None  # freed after its picture
