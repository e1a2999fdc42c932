"""Sound that tells which packet it came from: every 20 ms one of sixteen tones.

From a recording of what came back, `heard` finds the tones, and `matched` which packet each is of.
A concealed packet repeats the tone before it, and so is not taken for one that came through.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.sound import Samples, amplitude, decibels, rms
from benchmarks.webrtc.settings import FRAME, RATE

FREQUENCIES: Final = tuple(600 + 200 * number for number in range(16))
"""Hz: as far apart as a window of 10 ms resolves twice, in the band of speech."""

LEVEL: Final = amplitude(-9)
MEMORY: Final = 4
"""A tone differs from so many before it, so that a repeated one is told from a new one."""

WINDOW: Final = RATE // 100
HOP: Final = RATE // 400
"""10 ms are looked at every 2.5 ms: the grain of all delays found here."""

SHORTEST: Final = 3
"""Windows in a row that make a tone."""

AUDIBLE_DBFS: Final = -35.0
"""Less is silence to a listener: tones have -12."""

TRACE_DBFS: Final = -50.0
"""Less is no trace of a packet. After a loss an Opus decoder starts from wrong energies: a tone may
be 25 dB too soft for 20 ms, though its packet was decoded."""

LONGEST_DELAY: Final = 5.0

_TIMES: Final = np.arange(WINDOW) / RATE
_WAVES: Final = np.exp(-2j * np.pi * np.outer(_TIMES, FREQUENCIES)) * np.hanning(WINDOW)[:, None]


def code(count: int, seed: int) -> list[int]:
    """So many numbers of tones, each unlike the `MEMORY` before it."""
    rng = np.random.default_rng(seed)
    numbers: list[int] = []
    while len(numbers) < count:
        number = int(rng.integers(len(FREQUENCIES)))
        if number not in numbers[-MEMORY:]:
            numbers.append(number)
    return numbers


def tone(number: int) -> Samples:
    """The 20 ms of one packet. All frequencies have whole periods in it: tones join smoothly."""
    times = np.arange(FRAME) / RATE
    return (LEVEL * np.sin(2 * np.pi * FREQUENCIES[number] * times)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone of a recording."""

    number: int
    start: int
    """Index of its first sample."""


def heard(recording: Samples) -> list[Tone]:
    """The tones of a recording, in order."""
    if recording.size < WINDOW:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(recording, WINDOW)[::HOP]
    best = np.argmax(np.abs(windows @ _WAVES), axis=1)
    loud = np.sqrt(np.mean(np.square(windows, dtype=np.float64), axis=1)) > amplitude(TRACE_DBFS)
    numbers = np.where(loud, best, -1)
    edges = np.flatnonzero(np.diff(numbers, prepend=-2, append=-2))
    return [
        Tone(int(numbers[first]), int(first) * HOP)
        for first, last in itertools.pairwise(edges)
        if numbers[first] >= 0 and last - first >= SHORTEST
    ]


def number_of(frame: Samples) -> int | None:
    """The tone that most of a frame has; None for silence."""
    if decibels(rms(frame)) < AUDIBLE_DBFS:
        return None
    middle = frame[(frame.size - WINDOW) // 2 :][:WINDOW]
    return int(np.argmax(np.abs(middle @ _WAVES)))


def levels(sound: Samples) -> NDArray[np.float64]:
    """How much there is of each tone: sums over the windows of a sound, by the tone's number."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
    sums: NDArray[np.float64] = np.abs(windows @ _WAVES).sum(axis=0)
    return sums


def matched(
    sent: Sequence[int], sent_at: Sequence[float], back: Sequence[int], back_at: Sequence[float]
) -> list[tuple[int, int]]:
    """Pairs of indices of what was sent and what came back: the longest common subsequence.

    Args:
        sent: Numbers of tones, in order.
        sent_at: When each was sent, in seconds.
        back: Numbers of the tones that came back, in order.
        back_at: When each came; nothing comes before it is sent or after `LONGEST_DELAY`.

    """
    delay = np.subtract.outer(np.array(back_at), np.array(sent_at))
    same = np.equal.outer(np.array(back), np.array(sent))
    same &= (delay > 0) & (delay < LONGEST_DELAY)
    lengths = np.zeros((len(back) + 1, len(sent) + 1), np.int32)
    for row, may in enumerate(same, 1):
        above = lengths[row - 1]
        lengths[row, 1:] = np.maximum.accumulate(np.maximum(above[1:], above[:-1] + may))
    return _pairs(lengths)


def _pairs(lengths: NDArray[np.int32]) -> list[tuple[int, int]]:
    row, column = lengths.shape[0] - 1, lengths.shape[1] - 1
    pairs = []
    while row and column:
        if lengths[row, column] == lengths[row, column - 1]:
            column -= 1
        elif lengths[row, column] == lengths[row - 1, column]:
            row -= 1
        else:
            row, column = row - 1, column - 1
            pairs.append((column, row))
    return pairs[::-1]
