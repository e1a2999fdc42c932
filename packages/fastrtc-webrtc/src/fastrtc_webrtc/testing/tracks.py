"""A microphone and a camera that say and show what they are told, in real time."""

import asyncio
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

RATE: Final = 48_000
FRAME: Final = 960
"""Samples in a frame of 20 ms."""

VIDEO_RATE: Final = 90_000
LONGEST_SPEECH: Final = 600
"""Seconds of sound that may wait to be said."""

MAX_PICTURES: Final = 64
"""Pictures that may wait to be shown; the oldest go."""

MAX_NOTED: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """Sound that a microphone has handed over."""

    time: float
    """When, on the event loop's clock."""

    timestamp: int
    """Samples since the track began; the RTP timestamp, but for its random origin."""

    samples: NDArray[np.int16]
    """``(1, samples)``."""


class Microphone(MediaStreamTrack):
    """Says what it is given at 48 kHz, in frames of 20 ms; silence between."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._queued: NDArray[np.int16] = np.zeros((1, 0), np.int16)
        self._said_all = asyncio.Event()
        self._said_all.set()
        self._began: float | None = None
        self._pts = 0
        self.said: Final[deque[Said]] = deque(maxlen=MAX_NOTED)
        """What was handed over, without the silence between."""

    def say(self, samples: NDArray[np.int16]) -> None:
        """Queue sound, int16 ``(1, samples)``.

        Raises:
            ValueError: More than ten minutes would wait.

        """
        if self._queued.shape[1] + samples.shape[1] > LONGEST_SPEECH * RATE:
            raise ValueError(f"more than {LONGEST_SPEECH} s of sound would wait to be said")
        self._queued = np.concatenate([self._queued, samples], axis=1)
        self._said_all.clear()

    async def wait_said(self) -> None:
        """Wait until all that was queued is handed over."""
        await self._said_all.wait()

    async def recv(self) -> AudioFrame:
        """Return the next frame when it is due."""
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        await asyncio.sleep(max(0.0, self._began + self._pts / RATE - loop.time()))
        samples, self._queued = self._queued[:, :FRAME], self._queued[:, FRAME:]
        if samples.size:
            self.said.append(Said(loop.time(), self._pts, samples))
        if not self._queued.size:
            self._said_all.set()
        padded = np.pad(samples, ((0, 0), (0, FRAME - samples.shape[1])))
        # Both channels: libswresample would make mono 3 dB softer on its way to stereo.
        frame = AudioFrame.from_ndarray(np.repeat(padded, 2, axis=1), "s16", "stereo")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = self._pts, Fraction(1, RATE)
        self._pts += FRAME
        return frame


class Camera(MediaStreamTrack):
    """Shows each picture that it is given at once, and repeats the last one until the next.

    Args:
        fps: Repetitions per second.

    """

    kind = "video"

    def __init__(self, fps: float = 30.0) -> None:
        super().__init__()
        self._period = 1 / fps
        self._queued: deque[NDArray[np.uint8]] = deque(maxlen=MAX_PICTURES)
        self._news = asyncio.Event()
        self._latest: NDArray[np.uint8] | None = None
        self._began: float | None = None
        self.shown: Final[deque[tuple[float, int]]] = deque(maxlen=MAX_NOTED)
        """Times and timestamps of what was shown, repetitions too."""

    def show(self, pixels: NDArray[np.uint8]) -> None:
        """Queue a picture, RGB, ``(height, width, 3)``, both even."""
        self._queued.append(pixels)
        self._news.set()

    async def recv(self) -> VideoFrame:
        """Return the next picture when there is one, or the last one again."""
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        if not self._queued:
            await self._wait()
        if self._queued:
            self._latest = self._queued.popleft()
        assert self._latest is not None
        now = loop.time()
        if self._began is None:
            self._began = now
        pts = round((now - self._began) * VIDEO_RATE)
        self.shown.append((now, pts))
        frame = VideoFrame.from_ndarray(self._latest, "rgb24")
        frame.pts, frame.time_base = pts, Fraction(1, VIDEO_RATE)
        return frame

    async def _wait(self) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(None if self._latest is None else self._period):
                await self._news.wait()
        except TimeoutError:
            pass
