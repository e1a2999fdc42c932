import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from fastrtc_core import (
    AdditionalOutputs,
    AsyncAudioVideoStreamHandler,
    AudioVideoStreamHandler,
    HandlerFactory,
    Stream,
    StreamHandlerBase,
    VideoFrame,
)
from fastrtc_core.handlers import LONGEST_IDLE
from fastrtc_core.testing import connect, in_virtual_time

Audio = tuple[int, np.ndarray]
RATE = 24000
SOUND = np.arange(RATE // 50, dtype=np.int16)


# The documented handlers


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
