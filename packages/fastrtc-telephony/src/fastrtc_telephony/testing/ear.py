"""What a caller hears, and when what was sent has been played."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

JITTER: Final = 0.02
"""Seconds for which sound waits that comes when nothing plays: a packet of the network."""


@dataclass(slots=True)
class _Piece:
    start: float
    """Seconds since the call began."""

    samples: NDArray[np.int16]
    """``(n,)``; what is heard of it."""


class Ear:
    """Plays what arrives in order, and forgets when told to. It owns no clock.

    Args:
        rate: Samples per second.

    """

    def __init__(self, rate: int) -> None:
        self.rate: Final = rate
        self._pieces: list[_Piece] = []
        self._ends = 0.0
        self._marks: list[tuple[str, float]] = []

    @property
    def ends(self) -> float:
        """When all that has arrived will have been played, in seconds since the call began."""
        return self._ends

    def play(self, samples: NDArray[np.int16], now: float) -> None:
        """Take sound, ``(n,)``."""
        start = self._ends if now <= self._ends else now + JITTER
        self._pieces.append(_Piece(start, samples))
        self._ends = start + samples.size / self.rate

    def clear(self, now: float) -> list[str]:
        """Drop what was not played yet; return the marks that were in it."""
        for piece in reversed(self._pieces):
            if self._end(piece) <= now:
                break
            keep = max(0, round((now - piece.start) * self.rate))
            piece.samples = piece.samples[:keep]
        self._ends = min(self._ends, now)
        dropped = [name for name, due in self._marks if due > now]
        self._marks = [mark for mark in self._marks if mark[1] <= now]
        return dropped

    def mark(self, name: str, now: float) -> float:
        """Take a mark, and return when it is reached."""
        due = max(now, self._ends)
        self._marks.append((name, due))
        return due

    @property
    def next_mark(self) -> float | None:
        """When the next mark will be reached; None without one."""
        return min((due for _, due in self._marks), default=None)

    def reached(self, now: float) -> list[str]:
        """Return the marks that were reached since this was asked last."""
        names = [name for name, due in self._marks if due <= now]
        self._marks = [mark for mark in self._marks if mark[1] > now]
        return names

    def played(self, now: float) -> float:
        """Return how many seconds of sound were played, the silence between not counted."""
        return sum(
            min(max(now - piece.start, 0.0), piece.samples.size / self.rate)
            for piece in self._pieces
        )

    def first(self, level: int = 0) -> float | None:
        """Return when the first sound above a level was heard; None for never."""
        for piece in self._pieces:
            loud = np.flatnonzero(np.abs(piece.samples.astype(np.int32)) > level)
            if loud.size:
                return piece.start + float(loud[0]) / self.rate
        return None

    def recording(self, until: float) -> NDArray[np.int16]:
        """Return what was heard, ``(n,)``, from the call's beginning until then."""
        return self.window(0.0, until)

    def window(self, begin: float, end: float) -> NDArray[np.int16]:
        """Return what was heard between two times, ``(n,)``, with the silence in it."""
        first = round(begin * self.rate)
        heard = np.zeros(max(0, round(end * self.rate) - first), np.int16)
        for piece in reversed(self._pieces):
            if self._end(piece) <= begin:
                break
            place = round(piece.start * self.rate) - first
            samples = piece.samples[max(0, -place) :]
            room = heard[max(0, place) :][: samples.size]
            room[:] = samples[: room.size]
        return heard

    def _end(self, piece: _Piece) -> float:
        return piece.start + piece.samples.size / self.rate
