"""Pictures between arrays and the form in which codecs have them.

Codecs take and give YUV 4:2:0: planes of brightness and of two colours at half the resolution.
What one thinks of as (255, 0, 0) depends on a matrix. Pictures are sent by that of BT.601 with
limited range, which RFC 6386 section 9.2 prescribes for VP8 and which our H.264 says of itself;
what comes is read by the matrix and the range it names, and as BT.601 if it names none.
"""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from fastrtc_core import VideoFrame
from fastrtc_webrtc.settings import PixelFormat


@dataclass(frozen=True, slots=True, eq=False)
class PlanarPicture:
    """A picture as encoders take it: YUV 4:2:0, BT.601, limited range; both sides even."""

    planes: NDArray[np.uint8]
    """``(3 / 2 * height, width)``, uint8: Y, then U, then V."""

    @property
    def width(self) -> int:
        """In pixels."""
        width: int = self.planes.shape[1]
        return width

    @property
    def height(self) -> int:
        """In pixels."""
        rows: int = self.planes.shape[0]
        return rows * 2 // 3


def to_planar(pixels: NDArray[np.uint8], pixel_format: PixelFormat) -> PlanarPicture:
    """Return a picture for encoders.

    Half the resolution of an odd side is no whole number, so the last row or column of such a
    picture is cut off.

    Args:
        pixels: ``(height, width, 3)``, uint8.
        pixel_format: Order of its channels.

    Raises:
        ValueError: It has fewer than two rows or columns.

    """
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    if not (height and width):
        raise ValueError(f"a picture must have at least two rows and columns, not {pixels.shape}")
    source = av.VideoFrame.from_numpy_buffer(pixels[:height, :width], pixel_format)
    planes = source.reformat(format="yuv420p", threads=1).to_ndarray()
    return PlanarPicture(np.ascontiguousarray(planes, np.uint8))


def to_pixels(frame: av.VideoFrame, pixel_format: PixelFormat) -> VideoFrame:
    """Return a decoded picture as an array, ``(height, width, 3)``, contiguous and writable.

    Raises:
        Exception: What PyAV raises for formats it can't convert.

    """
    pixels = frame.reformat(format=pixel_format, threads=1).to_ndarray()
    return VideoFrame(np.ascontiguousarray(pixels, np.uint8))


@dataclass(frozen=True, slots=True, eq=False)
class LazyPicture:
    """A decoded picture, see `fastrtc_core.frames.LazyVideoFrame`."""

    frame: av.VideoFrame
    pixel_format: PixelFormat
    executor: Executor

    async def load(self) -> VideoFrame:
        """Convert the picture, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.executor, to_pixels, self.frame, self.pixel_format)


@dataclass(frozen=True, slots=True)
class PictureConverter:
    """How decoded pictures become a handler's.

    Args:
        pixel_format: Order of the channels of its arrays.
        executor: Where they are converted.

    """

    pixel_format: PixelFormat
    executor: Executor

    def lazy(self, frame: av.VideoFrame) -> LazyPicture:
        """Return a picture that is converted if the handler takes it."""
        return LazyPicture(frame, self.pixel_format, self.executor)
