"""A flash and a beep at the same moment: how far apart they are when they come."""

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import AsyncAudioVideoStreamHandler, EmitType, Stream, VideoEmitType
from fastrtc_webrtc.testing import RTCClient
from fastrtc_webrtc.testing.media import flat_picture, mean_color, tone

RATE = 48_000
FPS = 30
BEEP = tone(1000, 0.1)
QUIET = np.zeros((1, 960), np.int16)
WHITE = flat_picture((255, 255, 255))
BLACK = flat_picture((0, 0, 0))
BETWEEN = 1.0
"""Seconds from one flash to the next."""

FLASHES = 5

TOLERANCE = 0.04


@dataclass
class Moment:
    """When something began."""

    arrival: float
    """On the clock of the event loop."""

    wall: float
    """On the sender's clock, as its reports tell it."""


def flashes(client: RTCClient) -> list[Moment]:
    found: list[Moment] = []
    was_light = True
    for picture in client.video.pictures:
        is_light = mean_color(picture.pixels)[0] > 128
        if is_light and not was_light:
            found.append(Moment(picture.arrived, client.video.wall_time(picture.timestamp)))
        was_light = is_light
    return found


def beeps(client: RTCClient) -> list[Moment]:
    found: list[Moment] = []
    last_loud = 0.0
    for sound in client.audio.sounds:
        (loud,) = np.nonzero(np.abs(sound.samples[0]) > 1000)
        if loud.size and sound.time > last_loud + 0.3:
            at = client.audio.wall_time(sound.timestamp + int(loud[0]))
            found.append(Moment(sound.time + loud[0] / RATE, at))
        if loud.size:
            last_loud = sound.time
    return found


async def reported(client: RTCClient) -> None:
    """Wait for news of the sender's clocks."""
    client.audio.reports.skip()
    client.video.reports.skip()
    await client.audio.reports.next()
    await client.video.reports.next()


class Both(AsyncAudioVideoStreamHandler):
    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE, fps=FPS)
        self.sounds: asyncio.Queue[tuple[int, NDArray[np.int16]]] = asyncio.Queue()
        self.pictures: asyncio.Queue[NDArray[np.uint8]] = asyncio.Queue()

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        self.sounds.put_nowait(frame)

    async def emit(self) -> EmitType:
        return await self.sounds.get()

    async def video_receive(self, frame: NDArray[np.uint8]) -> None:
        self.pictures.put_nowait(frame)

    async def video_emit(self) -> VideoEmitType:
        return await self.pictures.get()


async def test_an_echo(serving_stream: Any, connected: Any) -> None:
    stream = Stream(Both, modality="audio-video", mode="send-receive")
    sent: list[float] = []
    async with serving_stream(stream) as server, connected(server, video="sendrecv") as client:
        client.send_picture(BLACK)
        await client.video.pictures.next()
        loop = asyncio.get_running_loop()
        for _ in range(FLASHES):
            await asyncio.sleep(BETWEEN / 2)
            client.send_audio(BEEP)
            client.send_picture(WHITE)
            sent.append(loop.time())
            await asyncio.sleep(BETWEEN / 2)
            client.send_picture(BLACK)
        await reported(client)
        said = [one.time for one in client.microphone.said]
        begun = [time for time, last in zip(said, [0.0, *said], strict=False) if time > last + 0.3]
        seen, heard = flashes(client), beeps(client)
    assert len(seen) == len(heard) == len(begun) == FLASHES
    apart = np.array(sent) - np.array(begun)
    by_clock = [flash.wall - beep.wall for flash, beep in zip(seen, heard, strict=True)]
    by_arrival = [flash.arrival - beep.arrival for flash, beep in zip(seen, heard, strict=True)]
    assert abs(np.median(by_clock - apart)) < TOLERANCE
    assert abs(np.median(by_arrival - apart)) < TOLERANCE


class AtOnce(Both):
    """Gives a beep and a flash at the same moment."""

    async def start_up(self) -> None:
        for _ in range(FLASHES):
            await asyncio.sleep(BETWEEN / 2)
            self.sounds.put_nowait((RATE, BEEP))
            self.pictures.put_nowait(WHITE)
            await asyncio.sleep(BETWEEN / 2)
            self.pictures.put_nowait(BLACK)


class ByCounting(Both):
    """Makes sound as fast as it is asked for, and a picture for every thirtieth of its second."""

    def __init__(self) -> None:
        super().__init__()
        self.samples = 0
        self.count = 0
        self.began = 0.0

    async def emit(self) -> EmitType:
        now = self.samples / RATE
        self.samples += QUIET.shape[1]
        return RATE, BEEP[:, : QUIET.shape[1]] if is_on(now, 0.1) else QUIET

    async def video_emit(self) -> VideoEmitType:
        loop = asyncio.get_running_loop()
        if self.count == 0:
            self.began = loop.time()
        now = self.count / FPS
        await asyncio.sleep(self.began + now - loop.time())
        self.count += 1
        return WHITE if is_on(now, 0.3) else BLACK


def is_on(now: float, seconds: float) -> bool:
    """Return whether a beep or a flash of some length is on, at the half of every second."""
    return (now + BETWEEN / 2) % BETWEEN < seconds


@pytest.mark.parametrize("handler", [AtOnce, ByCounting])
async def test_what_a_handler_makes(serving_stream: Any, connected: Any, handler: Any) -> None:
    stream = Stream(handler, modality="audio-video", mode="receive")
    options = {"audio": "recvonly", "video": "recvonly"}
    async with serving_stream(stream) as server, connected(server, **options) as client:
        await client.video.pictures.next()
        await asyncio.sleep(BETWEEN * FLASHES)
        await reported(client)
        seen, heard = flashes(client), beeps(client)
    assert len(seen) >= FLASHES - 1
    by_clock, by_arrival = [], []
    for flash in seen:
        beep = min(heard, key=lambda beep: abs(beep.wall - flash.wall))
        by_clock.append(flash.wall - beep.wall)
        by_arrival.append(flash.arrival - beep.arrival)
    assert np.abs(by_clock).max() < TOLERANCE
    assert abs(np.median(by_arrival)) < TOLERANCE
