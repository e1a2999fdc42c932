"""Audio and video between a transport and a handler."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Layout = Literal["mono", "stereo"]


@dataclass(frozen=True, slots=True, eq=False)
class AudioFrame:
    """A stretch of sound."""

    samples: NDArray[np.int16]
    """``(channels, samples)``, int16."""

    rate: int
    """Samples per second."""

    @property
    def channels(self) -> int:
        """1 (mono) or 2 (stereo)."""
        return len(self.samples)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples.size / (len(self.samples) * self.rate)

    def __str__(self) -> str:
        return f"<audio {self.duration * 1000:.0f} ms, {self.rate} Hz, {self.channels} ch>"


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """A picture."""

    pixels: NDArray[np.uint8]
    """``(height, width, 3)``, uint8."""

    def __str__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"<video {width}x{height}>"


class LazyVideoFrame(Protocol):
    """A picture that is converted only if somebody looks at it."""

    async def load(self) -> VideoFrame:
        """Return the picture.

        Called once, on the event loop, which it must not block. It may raise anything if there is
        no picture to be had; the next one is taken then.
        """
        ...
