"""How samples lie in a media message."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import ulaw_decode, ulaw_encode

Encoding = Literal["pcm16", "mulaw"]


@dataclass(frozen=True, slots=True)
class Codec:
    """One encoding, both ways."""

    bytes_per_sample: int

    encode: Callable[[NDArray[np.int16]], bytes]
    """Samples in C order to bytes."""

    decode: Callable[[bytes], NDArray[np.int16]]
    """Bytes to samples shaped ``(n,)``, in memory of their own that a handler may write to."""


def _pcm16_encode(samples: NDArray[np.int16]) -> bytes:
    return samples.astype("<i2", copy=False).tobytes()


def _pcm16_decode(data: bytes) -> NDArray[np.int16]:
    return np.frombuffer(data, "<i2").astype(np.int16)


CODECS: Final[dict[Encoding, Codec]] = {
    "pcm16": Codec(2, _pcm16_encode, _pcm16_decode),  # little-endian
    "mulaw": Codec(1, ulaw_encode, ulaw_decode),  # ITU-T G.711
}
