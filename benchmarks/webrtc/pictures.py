"""Pictures that tell their number, and 20 seconds of them as a stream of VP8."""

import fractions
import pickle
from functools import cache
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.settings import CACHE
from benchmarks.webrtc.settings import FPS, HEIGHT, WIDTH

Picture = NDArray[np.uint8]

BITS: Final = 16
BLOCK: Final = WIDTH // BITS
"""A block of one bit is a square of so many pixels, which survives any bit rate."""

LOOP: Final = 20 * FPS
"""Pictures of the stream, which begins anew after them."""

KEY_EVERY: Final = FPS
"""A server that missed the beginning waits a second at most."""

BIT_RATE: Final = 1_500_000


def drawn(number: int) -> Picture:
    """A grey 720p picture: the number in black and white, its complement below, a moving ramp."""
    ramp = (np.arange(WIDTH) // 8 + 3 * number) % 128 + 64
    picture = np.tile(ramp.astype(np.uint8), (HEIGHT, 1))
    for bit in range(BITS):
        value = 255 * (number >> bit & 1)
        columns = slice(bit * BLOCK, (bit + 1) * BLOCK)
        picture[:BLOCK, columns] = value
        picture[BLOCK : 2 * BLOCK, columns] = 255 - value
    return picture


def number_in(luma: Picture) -> int | None:
    """The number of a picture of any size, from its brightness; None if it cannot be read."""
    block = luma.shape[1] // BITS
    rows = luma[: 2 * block].astype(np.float32)
    means = rows.reshape(2, block, BITS, block).mean(axis=(1, 3))
    ones, zeros = means > 128
    if not np.array_equal(ones, ~zeros):
        return None
    return int(sum(1 << bit for bit in range(BITS) if ones[bit]))


def luma_of(frame: av.VideoFrame) -> Picture:
    """The brightness of a decoded picture, without a copy."""
    plane = frame.planes[0]
    lines: Picture = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return lines[: frame.height, : frame.width]


def is_negative(frame: av.VideoFrame) -> bool:
    """Whether it is the negative of one of ours, whose numbers have no highest bit."""
    return (number_in(luma_of(frame)) or 0) >> (BITS - 1) == 1


def decoder() -> Any:
    """A decoder of VP8."""
    return av.CodecContext.create("libvpx", "r")


def unwrapped(number: int, after: int) -> int:
    """The count of pictures that a number of the loop stands for: the first one not before."""
    return after + (number - after) % LOOP


@cache
def stream() -> list[bytes]:
    """The loop, encoded once and kept."""
    path = CACHE / f"pictures-{WIDTH}x{HEIGHT}-{LOOP}.pickle"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(_encoded()))
    packets: list[bytes] = pickle.loads(path.read_bytes())  # our own file
    return packets


def _encoded() -> list[bytes]:
    codec: Any = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.time_base = fractions.Fraction(1, FPS)
    codec.bit_rate, codec.gop_size = BIT_RATE, KEY_EVERY
    codec.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    packets = []
    for number in range(LOOP):
        frame = av.VideoFrame.from_ndarray(drawn(number), format="gray").reformat(format="yuv420p")
        frame.pts = number
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets
