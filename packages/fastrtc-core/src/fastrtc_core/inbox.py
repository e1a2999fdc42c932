"""Media on its way from the peer to the handler: bounded, and in the form the handler asked for."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, to_layout
from fastrtc_core.frames import AudioFrame, Layout, LazyVideoFrame, VideoFrame

logger = logging.getLogger("fastrtc_core")

CAPACITY: Final = 10.0
"""Seconds of sound that may wait for a handler that is busy."""

PATIENCE: Final = 1.0
"""Seconds for which a full inbox holds its producer before it drops the oldest sound.

A client that sends a file faster than real time is slowed down to what the handler takes, and loses
nothing; a handler that hangs can't keep the session from noticing that its client has left.
"""


class AudioInbox:
    """Sound for the handler.

    Args:
        rate: Sample rate the handler wants, in Hz.
        layout: Layout the handler wants.

    """

    def __init__(self, rate: int, layout: Layout) -> None:
        self._rate = rate
        self._layout: Layout = layout
        self._channels = 1 if layout == "mono" else 2
        self._resampler: Resampler | None = None
        self._frames: deque[AudioFrame] = deque()
        self._waiting = 0.0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self.dropped = 0.0
        """Seconds of sound that were thrown away because the handler did not take them."""

    async def put(self, samples: NDArray[np.int16], rate: int) -> None:
        """Add sound, ``(channels, samples)`` int16, converting it.

        Waits for room if there is none.
        """
        if self._waiting >= CAPACITY:
            await self._wait_for_room()
        self.put_nowait(samples, rate)

    def put_nowait(self, samples: NDArray[np.int16], rate: int) -> None:
        """Add sound, converting it; without room the oldest goes."""
        frame = self._convert(samples, rate)
        if not frame.samples.size:
            return
        self._drop_oldest()
        self._frames.append(frame)
        self._waiting += frame.duration
        self._news.set()

    async def get(self) -> AudioFrame:
        """Wait for sound and return the oldest frame."""
        while not self._frames:
            self._news.clear()
            await self._news.wait()
        frame = self._frames.popleft()
        self._waiting -= frame.duration
        self._room.set()
        return frame

    async def get_all(self) -> list[AudioFrame]:
        """Wait for sound and return all there is, oldest first."""
        frames = [await self.get()]
        frames.extend(self._frames)
        self._frames.clear()
        self._waiting = 0.0
        return frames

    def _convert(self, samples: NDArray[np.int16], rate: int) -> AudioFrame:
        if samples.shape[0] != self._channels:
            samples = to_layout(samples, self._layout)
        if rate != self._rate:
            if self._resampler is None or self._resampler.source_rate != rate:
                self._resampler = Resampler(rate, self._rate, self._channels)
            samples = self._resampler.process(samples)
        return AudioFrame(samples, self._rate)

    async def _wait_for_room(self) -> None:
        self._room.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._room.wait()

    def _drop_oldest(self) -> None:
        while self._waiting >= CAPACITY:
            oldest = self._frames.popleft()
            self._waiting -= oldest.duration
            self.dropped += oldest.duration


class VideoInbox:
    """Pictures for the handler; when it is full the oldest goes.

    A lazy one is loaded when the handler takes it, so one that is dropped has cost nothing.

    Args:
        keep: How many pictures may wait; 1 keeps the latest only.

    """

    def __init__(self, keep: int) -> None:
        self._frames: deque[VideoFrame | LazyVideoFrame] = deque(maxlen=keep)
        self._news = asyncio.Event()
        self.dropped = 0
        """How many pictures were thrown away because newer ones came."""
        self.broken = 0
        """How many pictures could not be loaded."""

    def put(self, frame: VideoFrame | LazyVideoFrame) -> None:
        """Add a picture."""
        self.dropped += len(self._frames) == self._frames.maxlen
        self._frames.append(frame)
        self._news.set()

    async def get(self) -> VideoFrame:
        """Wait for a picture and return the oldest that is kept.

        One that can't be loaded is skipped.
        """
        while True:
            while not self._frames:
                self._news.clear()
                await self._news.wait()
            frame = self._frames.popleft()
            if isinstance(frame, VideoFrame):
                return frame
            try:
                return await frame.load()
            except Exception as error:  # decoders may raise anything at bad data
                self.broken += 1
                logger.debug("a picture could not be loaded", exc_info=error)
