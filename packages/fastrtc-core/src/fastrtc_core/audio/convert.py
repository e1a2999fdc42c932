"""Sample formats and channel layouts: int16, float32, mono and stereo."""

from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Layout: TypeAlias = Literal["mono", "stereo"]

INT16_FULL_SCALE: Final = 32768
"""The int16 magnitude that stands for 1.0: a power of two, so that both ways are exact."""

_FULL_SCALES: Final[dict[np.dtype[Any], int]] = {
    np.dtype(np.int16): INT16_FULL_SCALE,
    np.dtype(np.int32): 1 << 31,
    np.dtype(np.float16): 1,
    np.dtype(np.float32): 1,
    np.dtype(np.float64): 1,
}
_HIGHEST_SAMPLE: Final = (INT16_FULL_SCALE - 1) / INT16_FULL_SCALE
_CHANNELS: Final[dict[Layout, int]] = {"mono": 1, "stereo": 2}


def to_float32(array: NDArray[Any]) -> NDArray[np.float32]:
    """Samples as float32, full scale being 1.0.

    Args:
        array: int16, int32, float16, float32 or float64, of any shape. Floats keep their values,
            those beyond 1.0 too; a float32 array comes back as it is, not copied.

    Raises:
        TypeError: The dtype is none of these.
    """
    full_scale = _full_scale(array)
    if full_scale == 1:
        return array.astype(np.float32, copy=False)
    return (array * np.float64(1 / full_scale)).astype(np.float32)


def to_int16(array: NDArray[Any]) -> NDArray[np.int16]:
    """Samples as int16, rounded to nearest and saturated: 1.0 and 1.5 are both 32767.

    Args:
        array: int16, int32, float16, float32 or float64, of any shape; 1.0 is the floats' full
            scale. An int16 array comes back as it is, not copied.

    Raises:
        TypeError: The dtype is none of these.
        ValueError: A float sample is NaN or infinite, so there is no right int16 for it.
    """
    full_scale = _full_scale(array)
    if array.dtype == np.int16:
        return array.astype(np.int16, copy=False)
    if full_scale == 1:
        _require_finite(array)
    # Clipped before it is scaled: the largest floats would overflow on the way up. float64 holds
    # every int32.
    unit = np.clip(array.astype(np.float64) / full_scale, -1.0, _HIGHEST_SAMPLE)
    return np.rint(unit * INT16_FULL_SCALE).astype(np.int16)


def audio_to_float32(audio: NDArray[Any] | tuple[int, NDArray[Any]]) -> NDArray[np.float32]:
    """Samples as float32, full scale being 1.0, of an array or a ``(rate, array)`` tuple.

    Raises:
        TypeError: See `to_float32`.
    """
    return to_float32(_samples(audio))


def audio_to_int16(audio: NDArray[Any] | tuple[int, NDArray[Any]]) -> NDArray[np.int16]:
    """Samples as saturated int16, of an array or a ``(rate, array)`` tuple.

    Raises:
        TypeError: See `to_int16`.
        ValueError: See `to_int16`.
    """
    return to_int16(_samples(audio))


def to_layout(array: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Samples as ``(1, n)`` for mono or ``(2, n)`` for stereo, in the dtype they came in.

    Mono is the mean of the channels, which cannot clip; stereo is mono twice at unity gain, so a
    voice is as loud after mono, stereo, mono as before. More than two channels become stereo
    through mono. An array that has the layout already comes back as it is.

    Args:
        array: Shaped ``(channels, samples)``.
        layout: The layout wanted.

    Raises:
        ValueError: The array is not two-dimensional, has no channel, or the layout is unknown.
    """
    if layout not in _CHANNELS:
        raise ValueError(f"unknown layout {layout!r}: use one of {', '.join(_CHANNELS)}")
    if array.ndim != 2 or not array.shape[0]:
        raise ValueError(f"expected samples shaped (channels, samples), got {array.shape}")
    if len(array) == _CHANNELS[layout]:
        return array
    return np.repeat(_mixed_down(array), _CHANNELS[layout], axis=0)


def _mixed_down(array: NDArray[Any]) -> NDArray[Any]:
    mean: NDArray[Any] = array.mean(axis=0, keepdims=True)
    if np.issubdtype(array.dtype, np.integer):
        np.rint(mean, out=mean)
    return mean.astype(array.dtype, copy=False)


def _samples(audio: NDArray[Any] | tuple[int, NDArray[Any]]) -> NDArray[Any]:
    return audio[1] if isinstance(audio, tuple) else audio


def _full_scale(array: NDArray[Any]) -> int:
    # Other byte orders compare unequal and are refused: nothing here produces them.
    full_scale = _FULL_SCALES.get(array.dtype)
    if full_scale is None:
        known = ", ".join(str(dtype) for dtype in _FULL_SCALES)
        raise TypeError(
            f"cannot read {array.dtype} samples as audio: convert them to one of {known}"
        )
    return full_scale


def _require_finite(array: NDArray[Any]) -> None:
    finite = np.isfinite(array)
    if finite.all():
        return
    bad = np.argwhere(~finite)
    first = tuple(int(axis) for axis in bad[0])
    raise ValueError(
        f"{len(bad)} of {array.size} samples are NaN or infinite, the first at index {first} "
        f"({array[first]}): audio must be finite to become int16"
    )
