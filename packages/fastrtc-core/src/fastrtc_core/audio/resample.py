"""Conversion between sample rates of audio that arrives in pieces.

Theory of operation. Rates in lowest terms are `down` inputs to `up` outputs, a period. Output k is
a low-pass filter laid over the input at time k / target, delayed by half the filter: a polyphase
filter with `up` phases (Crochiere and Rabiner, Multirate Digital Signal Processing, chapter 3). A
block of whole periods is one row of inputs, with the filter's history before them, times one
matrix whose column k holds the filter as output k sees it; wide matrices are cut into bands, most
of them being zero. A frame is a few blocks, so a frame is a few matrix products. A last block that
is not full is filled with zeros, which the columns kept do not see.

The filter is one curve for all rates, in units of the lower rate: a sum of cosines that ends after
3 ms at 8 kHz (the frequency sampling method). In that length a Kaiser-windowed sinc with the same
stopband would lose 2.7 dB at 3.4 kHz, where telephone speech ends; this one loses 0.4 dB.

Why not a library: a live stream needs every frame to come out when it goes in. soxr's streams hold
back 6 to 160 ms and release it in bursts. libsamplerate's delay is constant, but it costs 59 to
126 us for 20 ms at usable quality (about 14 us here), and one more compiled wheel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Sample = TypeVar("Sample", np.int16, np.float32)

_DTYPES: Final = (np.dtype(np.int16), np.dtype(np.float32))
_HALF_LENGTH: Final = 24
"""Half the filter, in periods of the lower rate: 3 ms at 8 kHz."""
_GAINS: Final = np.array(
    [
        *(0.99990051, 1.00035969, 0.99939992, 1.00082698, 0.99896273),
        *(1.00122732, 0.99860625, 1.00153402, 0.99835350, 1.00173104),
        *(0.99821060, 1.00182591, 0.99815276, 1.00185463, 0.99841151),
        *(1.00936942, 0.99265016, 1.00428519, 0.99810048, 1.00283710),
        *(0.93375999, 0.49994628, 0.10133433, 0.00329142, 0.00002277),
    ]
)
"""The filter's gain at (k + 1/2) / 24 of the lower Nyquist frequency.

A weighted least-squares fit whose weights grow where the error is large (Lawson's algorithm): gain
1 up to 0.841, 0 from 1 on; errors of 2e-3 up to 0.6, 1e-2 up to 0.841 and 2.4e-5 from 1 on count
the same. The tests make the fit again."""
_BLOCK: Final = 48
"""Inputs in a block where periods are shorter: measured; divides 10 ms at 16, 24, 32 and 48 kHz."""
_LONGEST_STEP: Final = 1 << 11
"""Inputs converted at once: bounds the memory that whole recordings take."""
_BAND: Final = 128
"""Columns in one product: measured. Also keeps products below the size from which OpenBLAS wakes
its threads, which on a busy machine makes them a hundred times slower."""
_LARGEST_FILTER: Final = 1 << 21
"""Coefficients in one matrix, 16 MB: six times what any two of the usual rates need."""


class Resampler:
    """A stream of samples at another rate, frame by frame, with a small constant delay.

    After n inputs exactly ceil(n * target / source) outputs have come out, whatever the frames'
    sizes: 20 ms in give 20 ms out, from the first frame on. The delay is that much silence at the
    front, not a shortage of samples. How a signal is cut into frames does not show in the output.

    The delay is 24 periods of the lower rate: 3 ms at 8 kHz, 1.5 ms at 16 kHz, 0.5 ms at 48 kHz.
    With f the lower of the two Nyquist frequencies, gain is within 0.1 dB of unity up to 0.84 f,
    -3 dB at 0.88 f, and everything from f on, alias or image, is 90 dB down. At 8 kHz these are
    3.36, 3.52 and 4 kHz; at 3.4 kHz, where telephone speech ends, 0.4 dB are lost. Equal rates
    pass through, without delay.
    """

    def __init__(self, source_rate: int, target_rate: int, channels: int = 1) -> None:
        """Prepares a stream of its own; filters are computed once and shared by rate.

        Args:
            source_rate: Hz of the samples that go in.
            target_rate: Hz of the samples that come out.
            channels: Rows of every frame.

        Raises:
            ValueError: A rate or the number of channels is not positive, or the rates' common
                divisor is so small that the filter would not fit in memory (44,100 to 47,999).
        """
        if min(source_rate, target_rate, channels) < 1:
            raise ValueError(
                f"rates and channels must be positive, got {source_rate} Hz to {target_rate} Hz "
                f"with {channels} channels"
            )
        self.source_rate: Final = source_rate
        self.target_rate: Final = target_rate
        self.channels: Final = channels
        self._filter = None if source_rate == target_rate else _filter(source_rate, target_rate)
        self.reset()

    @property
    def delay(self) -> float:
        """Seconds by which the output lags behind the input; the same for all frequencies."""
        return self._filter.delay if self._filter else 0.0

    def process(self, samples: NDArray[Sample]) -> NDArray[Sample]:
        """All samples due by now, as ``(channels, n)`` in the dtype that came in.

        int16 is rounded to nearest and saturates. Equal rates return the frame itself.

        Args:
            samples: The next frame, int16 or float32, shaped ``(channels, n)``. Frames may differ
                in size and may be empty; a NaN spoils the outputs around it.

        Raises:
            TypeError: The dtype is neither, or not that of the frames before.
            ValueError: The shape does not fit.
        """
        self._check(samples)
        if self._filter is None:
            return samples
        steps = [
            self._convert(self._filter, samples[:, start : start + _LONGEST_STEP])
            for start in range(0, max(samples.shape[1], 1), _LONGEST_STEP)
        ]
        return _rounded(np.concatenate(steps, axis=1), samples.dtype)

    def flush(self) -> NDArray[np.int16] | NDArray[np.float32]:
        """The end of the signal that the delay still holds, `delay` seconds, and a fresh start.

        The dtype is that of the frames before, or float32 if there were none.
        """
        shape = (self.channels, ceil(self.delay * self.source_rate))
        if self._dtype == np.int16:
            rest = self.process(np.zeros(shape, np.int16))
        else:
            rest = self.process(np.zeros(shape, np.float32))
        self.reset()
        return rest

    def reset(self) -> None:
        """Forgets the signal so far: the next frame begins a new stream, of either dtype."""
        history = self._filter.history if self._filter else 0
        self._dtype: np.dtype[Any] | None = None
        self._pending = 0
        """Inputs since the last period began; outputs up to them have been given out."""
        self._past = np.zeros((self.channels, history))
        """The filter's history and the pending inputs."""

    def _check(self, samples: NDArray[Sample]) -> None:
        if samples.ndim != 2 or len(samples) != self.channels:
            raise ValueError(f"expected samples shaped ({self.channels}, n), got {samples.shape}")
        accepted = _DTYPES if self._dtype is None else (self._dtype,)
        if samples.dtype not in accepted:
            raise TypeError(
                f"expected {' or '.join(map(str, accepted))} samples, got {samples.dtype}: "
                "convert them, or reset() between streams"
            )
        self._dtype = samples.dtype

    def _convert(self, bank: "_Filter", samples: NDArray[Sample]) -> NDArray[np.float64]:
        kept = self._past.shape[1]
        due = self._pending + samples.shape[1]
        blocks = -(-due // bank.block)
        inputs = np.zeros((self.channels, bank.history + blocks * bank.block))
        inputs[:, :kept] = self._past
        inputs[:, kept : kept + samples.shape[1]] = samples

        # Rows overlap by the history, which BLAS cannot read in place: hence the copy.
        channel, item = inputs.strides
        rows = np.ndarray(
            (self.channels, blocks, bank.history + bank.block),
            inputs.dtype,
            inputs,
            strides=(channel, item * bank.block, item),
        )
        rows = rows.copy()
        products = [rows[:, :, seen] @ matrix for seen, matrix in bank.bands]
        outputs = np.concatenate(products, axis=2).reshape(self.channels, -1)

        given = bank.outputs_due(self._pending)
        self._pending = due % bank.down
        self._past = inputs[:, due - self._pending : bank.history + due].copy()
        return outputs[:, given : bank.outputs_due(due)]


@dataclass(frozen=True, slots=True)
class _Filter:
    """The filter between two rates, laid out for whole blocks."""

    up: int
    down: int
    delay: float
    history: int
    """Inputs that an output looks back on."""
    block: int
    """Inputs in a row, whole periods, besides the history."""
    bands: tuple[tuple[slice, NDArray[np.float64]], ...]
    """The matrix, ``(history + block, outputs of a block)``, in groups of columns: the rows that
    are not all zero there, and these rows. float64, so that neither the cut into frames nor the
    order in which BLAS adds shows after rounding."""

    def outputs_due(self, inputs: int) -> int:
        """Outputs whose time has come when that many inputs of a period are there."""
        return -(-inputs * self.up // self.down)


@lru_cache(maxsize=64)
def _filter(source_rate: int, target_rate: int) -> _Filter:
    divisor = gcd(source_rate, target_rate)
    up, down = target_rate // divisor, source_rate // divisor
    lower = min(source_rate, target_rate)
    history = 2 * _HALF_LENGTH * source_rate // lower
    periods = max(1, _BLOCK // down)
    if (history + periods * down) * periods * up > _LARGEST_FILTER:
        raise ValueError(
            f"cannot convert {source_rate} Hz to {target_rate} Hz: the rates only meet every "
            f"{down} samples; choose rates with a larger common divisor"
        )
    now = np.arange(periods * up) * down / up
    at = np.arange(-history, periods * down)
    age = (now - at[:, np.newaxis]) * lower / source_rate
    return _Filter(
        up=up,
        down=down,
        delay=_HALF_LENGTH / lower,
        history=history,
        block=periods * down,
        bands=tuple(_bands(_low_pass(age - _HALF_LENGTH))),
    )


def _low_pass(time: NDArray[np.float64]) -> NDArray[np.float64]:
    """The filter at these times, in periods of the lower rate; each column sums to about 1.

    Scaling every column to exactly 1 would spoil the images: phases would differ in gain.
    """
    inside = np.abs(time) <= _HALF_LENGTH
    # Half waves more than whole ones: every cosine ends at zero, so that the stopband falls on.
    frequencies = (np.arange(len(_GAINS)) + 0.5) * np.pi / _HALF_LENGTH
    taps = np.zeros_like(time)
    taps[inside] = np.cos(time[inside][:, np.newaxis] * frequencies) @ _GAINS
    taps /= taps.sum(axis=0).mean()
    return taps


def _bands(matrix: NDArray[np.float64]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    for start in range(0, matrix.shape[1], _BAND):
        columns = matrix[:, start : start + _BAND]
        used = np.flatnonzero(columns.any(axis=1))
        seen = slice(int(used[0]), int(used[-1]) + 1)
        yield seen, np.ascontiguousarray(columns[seen])


def _rounded(outputs: NDArray[np.float64], dtype: np.dtype[Sample]) -> NDArray[Sample]:
    if dtype != np.int16:
        return outputs.astype(dtype)
    return np.minimum(np.maximum(np.rint(outputs), -32768), 32767).astype(dtype)
