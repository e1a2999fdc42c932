"""How sound is coded on a telephone line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode

Encoding = Literal["mulaw", "alaw", "l16"]


@dataclass(frozen=True, slots=True)
class Codec:
    """One encoding, both ways."""

    bytes_per_sample: int

    silence: bytes
    """One sample of it."""

    encode: Callable[[NDArray[np.int16]], bytes]
    decode: Callable[[bytes], NDArray[np.int16]]


def _l16_encode(samples: NDArray[np.int16]) -> bytes:
    return samples.astype("<i2", copy=False).tobytes()


def _l16_decode(data: bytes) -> NDArray[np.int16]:
    return np.frombuffer(data, "<i2").astype(np.int16)


CODECS: Final[dict[Encoding, Codec]] = {
    "mulaw": Codec(1, b"\xff", ulaw_encode, ulaw_decode),  # ITU-T G.711
    "alaw": Codec(1, b"\xd5", alaw_encode, alaw_decode),  # ITU-T G.711
    "l16": Codec(2, bytes(2), _l16_encode, _l16_decode),  # little-endian
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line's encoding and rate; telephones are mono."""

    encoding: Encoding = "mulaw"

    rate: int = 8000
    """Samples per second."""

    @property
    def codec(self) -> Codec:
        """What encodes and decodes its sound."""
        return CODECS[self.encoding]

    def size(self, seconds: float) -> int:
        """Return how many bytes there are in a stretch of sound, a whole number of samples."""
        return round(seconds * self.rate) * self.codec.bytes_per_sample

    def seconds(self, size: int) -> float:
        """Return how long a number of bytes lasts."""
        return size / (self.rate * self.codec.bytes_per_sample)
