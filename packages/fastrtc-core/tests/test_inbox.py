import asyncio

import numpy as np
import pytest

from fastrtc_core import AudioFrame, VideoFrame
from fastrtc_core.inbox import CAPACITY, AudioInbox, VideoInbox
from fastrtc_core.testing import in_virtual_time

RATE = 16000


def sound(seconds: float, value: int = 1, channels: int = 1) -> np.ndarray:
    return np.full((channels, round(seconds * RATE)), value, dtype=np.int16)


def picture(value: int) -> VideoFrame:
    return VideoFrame(np.full((2, 2, 3), value, dtype=np.uint8))


class Lazy:
    """A picture that says when it was loaded, and may refuse."""

    def __init__(self, value: int, *, broken: bool = False) -> None:
        self.value = value
        self.broken = broken
        self.loads = 0

    async def load(self) -> VideoFrame:
        await asyncio.sleep(0)
        self.loads += 1
        if self.broken:
            raise ValueError("no such picture")
        return picture(self.value)


async def drain(inbox: AudioInbox) -> list[AudioFrame]:
    async with asyncio.timeout(1):
        return await inbox.get_all()


async def test_frames_come_out_in_order() -> None:
    inbox = AudioInbox(RATE, "mono")
    for value in (1, 2, 3):
        await inbox.put(sound(0.02, value), RATE)
    assert [(await inbox.get()).samples[0, 0] for _ in range(3)] == [1, 2, 3]


async def test_all_at_once() -> None:
    inbox = AudioInbox(RATE, "mono")
    for value in (1, 2):
        await inbox.put(sound(0.02, value), RATE)
    assert [frame.samples[0, 0] for frame in await drain(inbox)] == [1, 2]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await inbox.get()


async def test_sound_takes_the_handlers_form() -> None:
    inbox = AudioInbox(8000, "stereo")
    await inbox.put(sound(0.02, 100), RATE)
    frame = await inbox.get()
    assert (frame.rate, frame.samples.shape) == (8000, (2, 160))


async def test_the_clients_rate_may_change() -> None:
    inbox = AudioInbox(RATE, "mono")
    await inbox.put(np.zeros((1, 960), np.int16), 48000)
    await inbox.put(np.zeros((1, 160), np.int16), 8000)
    assert [frame.samples.shape for frame in await drain(inbox)] == [(1, 320), (1, 320)]


async def test_empty_sound_is_nothing() -> None:
    inbox = AudioInbox(RATE, "mono")
    await inbox.put(np.zeros((1, 0), np.int16), RATE)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await inbox.get()


@in_virtual_time
async def test_a_full_inbox_holds_its_producer_and_loses_nothing() -> None:
    inbox = AudioInbox(RATE, "mono")
    loop = asyncio.get_running_loop()
    taken: list[int] = []

    async def take() -> None:
        while len(taken) < 20:
            await asyncio.sleep(0.5)
            taken.append(int((await inbox.get()).samples[0, 0]))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(take())
        for value in range(20):
            await inbox.put(sound(1.0, value), RATE)
        assert loop.time() == pytest.approx(5.0)
    assert taken == list(range(20))
    assert inbox.dropped == 0


@in_virtual_time
async def test_a_hanging_handler_costs_the_oldest_sound() -> None:
    inbox = AudioInbox(RATE, "mono")
    for value in range(15):
        await inbox.put(sound(1.0, value), RATE)
    assert inbox.dropped == pytest.approx(5.0)
    kept = await drain(inbox)
    assert [frame.samples[0, 0] for frame in kept] == list(range(5, 15))
    assert sum(frame.duration for frame in kept) <= CAPACITY


async def test_the_newest_pictures_are_kept() -> None:
    inbox = VideoInbox(2)
    for value in range(5):
        inbox.put(picture(value))
    assert [(await inbox.get()).pixels[0, 0, 0] for _ in range(2)] == [3, 4]
    assert inbox.dropped == 3


async def test_waiting_for_a_picture() -> None:
    inbox = VideoInbox(1)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(inbox.get())
        await asyncio.sleep(0)
        inbox.put(picture(7))
    assert waiting.result().pixels[0, 0, 0] == 7


async def test_lazy_pictures_are_loaded_when_they_are_taken() -> None:
    inbox = VideoInbox(1)
    frames = [Lazy(value) for value in range(5)]
    for frame in frames:
        inbox.put(frame)
    assert (await inbox.get()).pixels[0, 0, 0] == 4
    assert [frame.loads for frame in frames] == [0, 0, 0, 0, 1]
    assert inbox.dropped == 4


async def test_lazy_and_ready_pictures_keep_their_order() -> None:
    inbox = VideoInbox(3)
    for frame in (Lazy(1), picture(2), Lazy(3)):
        inbox.put(frame)
    assert [(await inbox.get()).pixels[0, 0, 0] for _ in range(3)] == [1, 2, 3]


async def test_a_picture_that_can_not_be_loaded_is_skipped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inbox = VideoInbox(3)
    for frame in (Lazy(1, broken=True), Lazy(2, broken=True), Lazy(3)):
        inbox.put(frame)
    with caplog.at_level("DEBUG", "fastrtc_core"):
        assert (await inbox.get()).pixels[0, 0, 0] == 3
    assert inbox.broken == 2
    assert [record.levelname for record in caplog.records] == ["DEBUG"] * 2


async def test_after_broken_pictures_it_waits_for_the_next() -> None:
    inbox = VideoInbox(1)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(inbox.get())
        inbox.put(Lazy(1, broken=True))
        while not inbox.broken:
            await asyncio.sleep(0)
        inbox.put(Lazy(2))
    assert waiting.result().pixels[0, 0, 0] == 2
