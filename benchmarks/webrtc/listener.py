"""What a track gives, noted as it comes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from benchmarks.sound import from_int16
from benchmarks.webrtc.wiretap import Heard

CONSUMED_SECONDS: Final = 60.0
"""A track that gives nothing for so long is not waited for."""


@asynccontextmanager
async def consumed(track: MediaStreamTrack) -> AsyncIterator[None]:
    """Take and forget what the track gives while the block runs, which would pile up otherwise."""

    async def consume() -> None:
        while await seen(track, lambda _: True, CONSUMED_SECONDS):
            pass

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(consume())
        yield
        task.cancel()


@asynccontextmanager
async def listening(track: MediaStreamTrack) -> AsyncIterator[list[Heard]]:
    """The frames of sound that come while the block runs."""
    heard: list[Heard] = []

    async def listen() -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            at = time.monotonic()
            samples = frame.to_ndarray().reshape(-1)[:: len(frame.layout.channels)]
            heard.append(Heard(at, from_int16(samples)))

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(listen())
        yield heard
        task.cancel()


async def seen(track: MediaStreamTrack, wanted: Callable[[Any], bool], seconds: float) -> bool:
    """Whether the track gives a frame that is wanted in so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            while not wanted(await track.recv()):
                pass
    except (TimeoutError, MediaStreamError):
        return False
    return True
