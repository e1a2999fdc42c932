"""ITU-T G.711: mu-law and A-law, one byte a sample, by table look-up.

Both laws keep a sign, a three-bit segment and a four-bit step within the segment; each segment is
twice as wide as the one below it. The tables follow recommendation G.711 (11/88), tables 1a to 2b,
on samples scaled to 16 bits, and are built on first use.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_ULAW_BIAS: Final = 33
"""Added to the 14-bit magnitude so that every mu-law segment starts at a power of two."""
_ULAW_HIGHEST: Final = 8191
_ULAW_INVERSION: Final = 0xFF
"""mu-law sends every bit inverted."""
_ALAW_INVERSION: Final = 0x55
"""A-law sends every other bit inverted."""
_SIGN: Final = 0x80
"""Set, before inversion, on negative mu-law and on positive A-law samples."""


def ulaw_encode(samples: NDArray[np.int16]) -> bytes:
    """mu-law bytes, one for each sample.

    Args:
        samples: int16; more than one dimension is read in C order.

    Raises:
        TypeError: The samples are not int16.
    """
    return _encode(samples, _ulaw_codes())


def ulaw_decode(data: bytes | bytearray | memoryview) -> NDArray[np.int16]:
    """int16 samples shaped ``(n,)``, one for each mu-law byte, the loudest being 32124."""
    return _ulaw_levels().take(np.frombuffer(data, np.uint8))


def alaw_encode(samples: NDArray[np.int16]) -> bytes:
    """A-law bytes, one for each sample.

    Args:
        samples: int16; more than one dimension is read in C order.

    Raises:
        TypeError: The samples are not int16.
    """
    return _encode(samples, _alaw_codes())


def alaw_decode(data: bytes | bytearray | memoryview) -> NDArray[np.int16]:
    """int16 samples shaped ``(n,)``, one for each A-law byte, the loudest being 32256."""
    return _alaw_levels().take(np.frombuffer(data, np.uint8))


def _encode(samples: NDArray[np.int16], codes: NDArray[np.uint8]) -> bytes:
    if samples.dtype != np.int16:
        raise TypeError(f"G.711 encodes int16 samples, got {samples.dtype}: use to_int16 first")
    return codes.take(np.ascontiguousarray(samples).view(np.uint16)).tobytes()


@cache
def _ulaw_levels() -> NDArray[np.int16]:
    code = np.arange(256) ^ _ULAW_INVERSION
    segment, step = (code >> 4) & 7, code & 15
    # A step's middle: (2 * step + 33) << segment in 14 bits, less the bias; 4 times that in 16.
    magnitude = (((2 * step + _ULAW_BIAS) << segment) - _ULAW_BIAS) * 4
    levels: NDArray[np.int64] = np.where(code & _SIGN, -magnitude, magnitude)
    return levels.astype(np.int16)


@cache
def _alaw_levels() -> NDArray[np.int16]:
    code = np.arange(256) ^ _ALAW_INVERSION
    segment, step = (code >> 4) & 7, code & 15
    # The two lowest segments are equally wide: segment 0 has no leading one.
    leading = np.where(segment == 0, 0, 32)
    magnitude = ((2 * step + 1 + leading) << np.maximum(segment - 1, 0)) * 8
    levels: NDArray[np.int64] = np.where(code & _SIGN, magnitude, -magnitude)
    return levels.astype(np.int16)


@cache
def _ulaw_codes() -> NDArray[np.uint8]:
    sample = _all_samples() >> 2
    biased: NDArray[np.int64] = np.minimum(np.abs(sample) + _ULAW_BIAS, _ULAW_HIGHEST)
    segment = _highest_bit(biased) - 5
    sign = np.where(sample < 0, _SIGN, 0)
    return _packed(sign, segment, biased >> (segment + 1)) ^ np.uint8(_ULAW_INVERSION)


@cache
def _alaw_codes() -> NDArray[np.uint8]:
    sample = _all_samples() >> 3
    # One's complement: -1 is as near to zero as 0 is.
    magnitude: NDArray[np.int64] = np.where(sample < 0, ~sample, sample)
    segment = np.maximum(_highest_bit(magnitude) - 4, 0)
    sign = np.where(sample < 0, 0, _SIGN)
    return _packed(sign, segment, magnitude >> np.maximum(segment, 1)) ^ np.uint8(_ALAW_INVERSION)


def _all_samples() -> NDArray[np.int64]:
    """Every 16-bit sample, at the index that its bits read as unsigned are."""
    return np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int64)


def _highest_bit(magnitude: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of the highest bit set; -1 for 0."""
    return np.frexp(magnitude)[1].astype(np.int64) - 1


def _packed(
    sign: NDArray[np.int64], segment: NDArray[np.int64], shifted: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Code bytes before inversion; the step is the lowest four bits of the shifted magnitude."""
    return (sign | (segment << 4) | (shifted & 15)).astype(np.uint8)
