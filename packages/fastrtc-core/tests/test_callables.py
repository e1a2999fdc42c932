import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial

import numpy as np
import pytest

from fastrtc_core import (
    AdditionalOutputs,
    ArgumentsTimeoutError,
    CloseReason,
    CloseStream,
    HandlerFailed,
    Stream,
    VideoStreamHandler,
)
from fastrtc_core.testing import MemoryClient, connect, in_virtual_time

Audio = tuple[int, np.ndarray]
RATE = 48000
SOUND = np.arange(RATE // 10, dtype=np.int16)
PICTURE = np.full((2, 4, 3), 9, dtype=np.uint8)


def twice(audio: Audio) -> Audio:
    rate, samples = audio
    return rate, samples * 2


async def twice_async(audio: Audio) -> Audio:
    await asyncio.sleep(0.001)
    return twice(audio)


class Amplifier:
    def __init__(self, gain: int) -> None:
        self.gain = gain

    def __call__(self, audio: Audio) -> Audio:
        return audio[0], audio[1] * self.gain

    def amplify(self, audio: Audio) -> Audio:
        return self(audio)

    async def amplify_async(self, audio: Audio) -> Audio:
        return self(audio)


def scaled(audio: Audio, gain: int) -> Audio:
    return audio[0], audio[1] * gain


async def hear(client: MemoryClient, seconds: float = 1.0) -> list[int]:
    await asyncio.sleep(seconds)
    samples: list[int] = client.heard_audio().samples[0].tolist()
    return samples


@pytest.mark.parametrize(
    "function",
    [
        twice,
        twice_async,
        Amplifier(2),
        Amplifier(2).amplify,
        Amplifier(2).amplify_async,
        partial(scaled, gain=2),
    ],
)
def test_callables_of_sound(function: object) -> None:
    @in_virtual_time
    async def test() -> None:
        async with connect(Stream(function, modality="audio"), rate=RATE) as client:  # type: ignore[arg-type]  # any callable
            await client.speak(SOUND, RATE)
            assert await hear(client) == (SOUND * 2).tolist()

    test()


@in_virtual_time
async def test_sync_functions_run_in_a_thread_of_their_own_session() -> None:
    threads: set[threading.Thread] = set()

    def note(audio: Audio) -> None:
        threads.add(threading.current_thread())

    async with connect(Stream(note, modality="audio")) as client:
        await client.send_silence(0.2)
    assert threads
    assert threading.main_thread() not in threads


@in_virtual_time
async def test_a_function_that_needs_inputs_waits_for_them() -> None:
    stream = Stream(scaled, modality="audio")
    async with connect(stream, rate=RATE) as client:
        await client.next_message("send_input")
        client.set_input(3)
        await client.speak(SOUND, RATE)
        assert await hear(client) == (SOUND * 3).tolist()
        client.set_input(2)
        await client.speak(SOUND, RATE)
        assert (await hear(client))[-SOUND.size :] == (SOUND * 2).tolist()


@in_virtual_time
async def test_inputs_that_never_come_end_the_session() -> None:
    async with connect(Stream(scaled, modality="audio")) as client:
        assert await client.wait_closed() is CloseReason.HANDLER_FAILED
        assert asyncio.get_running_loop().time() == pytest.approx(60, abs=1)
        [failure] = [
            e async for e in client.session.events.listen() if isinstance(e, HandlerFailed)
        ]
        assert isinstance(failure.error, ArgumentsTimeoutError)


@in_virtual_time
async def test_inputs_with_defaults_are_not_waited_for() -> None:
    def scale(audio: Audio, gain: int = 2) -> Audio:
        return scaled(audio, gain)

    async with connect(Stream(scale, modality="audio"), rate=RATE) as client:
        await client.speak(SOUND, RATE)
        assert await hear(client) == (SOUND * 2).tolist()
        assert client.messages_of("send_input") == []


@in_virtual_time
async def test_one_bad_frame_does_not_stop_a_function() -> None:
    calls = 0

    def moody(audio: Audio) -> Audio:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ZeroDivisionError
        return audio

    async with connect(Stream(moody, modality="audio"), rate=RATE) as client:
        await client.speak(SOUND, RATE)
        await asyncio.sleep(1)
        assert client.messages_of("error") == ["moody failed: ZeroDivisionError"]
        assert sum(frame.duration for _, frame in client.heard) == pytest.approx(0.08)


def chunks() -> Iterator[Audio]:
    for value in (1, 2, 3):
        yield RATE, np.full(RATE // 2, value, dtype=np.int16)


async def chunks_async() -> AsyncIterator[Audio]:
    for chunk in chunks():
        yield chunk


@pytest.mark.parametrize("generator", [chunks, chunks_async])
def test_a_generator_of_sound_is_heard_to_its_end(generator: object) -> None:
    @in_virtual_time
    async def test() -> None:
        stream = Stream(generator, modality="audio", mode="receive")  # type: ignore[arg-type]  # any callable
        async with connect(stream, rate=RATE) as client:
            assert await client.wait_closed() is CloseReason.HANDLER
            assert asyncio.get_running_loop().time() == pytest.approx(1.5)
            heard = client.heard_audio().samples[0]
            assert heard.tolist() == [1] * 24000 + [2] * 24000 + [3] * 24000
            assert client.messages_of("end_stream") == ["The stream has ended."]

    test()


@in_virtual_time
async def test_a_generator_that_fails_says_so_and_ends() -> None:
    def broken() -> Iterator[Audio]:
        yield RATE, SOUND
        raise ZeroDivisionError

    async with connect(Stream(broken, modality="audio", mode="receive")) as client:
        assert await client.wait_closed() is CloseReason.HANDLER
        assert client.messages_of("error") == ["broken failed: ZeroDivisionError"]


@in_virtual_time
async def test_a_generator_may_close_the_stream_and_send_data() -> None:
    def short() -> Iterator[object]:
        yield (RATE, SOUND), AdditionalOutputs("first")
        yield CloseStream("that is all")
        raise AssertionError("asked for more than there is")

    stream = Stream(short, modality="audio", mode="receive")
    async with connect(stream, rate=RATE) as client:
        await client.wait_closed()
        assert client.messages_of("end_stream") == ["that is all"]
        outputs = [output.args async for output in client.session.outputs.listen()]
    assert outputs == [("first",)]
    assert client.heard_audio().samples[0].tolist() == SOUND.tolist()


@in_virtual_time
async def test_generated_pictures_keep_their_pace() -> None:
    def film() -> Iterator[np.ndarray]:
        for value in range(10):
            yield np.full((2, 2, 3), value, dtype=np.uint8)

    stream = Stream(VideoStreamHandler(film, fps=5), modality="video", mode="receive")
    async with connect(stream) as client:
        await client.wait_closed()
    times = [time for time, _ in client.pictures]
    assert np.diff(times) == pytest.approx([0.2] * 9)


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
def test_generated_pictures_come_at_the_rate_asked_for(fps: int) -> None:
    async def film() -> AsyncIterator[np.ndarray]:
        for value in range(10 * fps):
            await asyncio.sleep((value % 5) / (5 * fps))  # making them takes up to 0.8 of the time
            yield PICTURE

    @in_virtual_time
    async def test() -> list[float]:
        stream = Stream(VideoStreamHandler(film, fps=fps), modality="video", mode="receive")
        async with connect(stream) as client:
            await client.wait_closed()
        return [time for time, _ in client.pictures]

    times = test()
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(fps, rel=0.01)


@in_virtual_time
async def test_a_stalled_generator_does_not_rush_afterwards() -> None:
    async def film() -> AsyncIterator[np.ndarray]:
        for value in range(10):
            if value == 5:
                await asyncio.sleep(3)
            yield PICTURE

    stream = Stream(VideoStreamHandler(film, fps=10), modality="video", mode="receive")
    async with connect(stream) as client:
        await client.wait_closed()
    times = [time for time, _ in client.pictures]
    distances = [0.1] * 4 + [3.1, 0.0] + [0.1] * 3  # what was missed does not all follow at once
    assert np.diff(times) == pytest.approx(distances, abs=1e-6)


@pytest.mark.parametrize(("skip_frames", "oldest"), [(True, 9), (False, 8)])
def test_a_slow_function_of_pictures_sees_the_newest(skip_frames: bool, oldest: int) -> None:
    seen: list[int] = []

    async def slow(picture: np.ndarray) -> np.ndarray:
        seen.append(int(picture[0, 0, 0]))
        await asyncio.sleep(1)
        return picture

    @in_virtual_time
    async def test() -> None:
        handler = VideoStreamHandler(slow, skip_frames=skip_frames)
        async with connect(Stream(handler, modality="video")) as client:
            for value in range(10):
                await client.send_video(np.full((2, 2, 3), value, dtype=np.uint8))
                await asyncio.sleep(0.03)
            await asyncio.sleep(6)

    test()
    assert seen == [0, *range(oldest, 10)]


@in_virtual_time
async def test_in_send_mode_nothing_is_sent_back() -> None:
    stream = Stream(twice, modality="audio", mode="send")
    async with connect(stream) as client:
        await client.speak(SOUND, RATE)
        assert await hear(client) == []


@pytest.mark.parametrize("fps", [0, -1])
def test_a_pace_must_be_positive(fps: int) -> None:
    with pytest.raises(ValueError, match=f"not {fps}"):
        VideoStreamHandler(lambda picture: picture, fps=fps)
