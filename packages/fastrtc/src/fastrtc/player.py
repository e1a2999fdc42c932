"""What a person hears of sound that comes over a network."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BUFFER: Final = 0.02
"""Seconds for which sound waits that comes when nothing plays.

So a frame that comes a little late leaves no gap: one buffer of a sound device.
"""


@dataclass(slots=True)
class Piece:
    """Sound and its place in time."""

    start: int
    """When it is heard, in samples since the conversation began."""

    samples: NDArray[np.int16]
    """What is heard of it, shaped ``(n,)``; shorter than what arrived if the player was cleared."""

    @property
    def end(self) -> int:
        """When it has been heard, in samples since the conversation began."""
        return self.start + self.samples.size


class Player:
    """Plays what arrives in order, without gaps as long as it can, and forgets when told to.

    The player owns no clock: `now` is in seconds since the conversation began.

    Args:
        rate: Sample rate of all sound, in Hz.

    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._pieces: list[Piece] = []
        self._taken = 0
        """Samples that were played or are going to be."""

    @property
    def ends(self) -> float:
        """When all that has arrived will have been heard, in seconds."""
        return self._end / self.rate

    @property
    def _end(self) -> int:
        return self._pieces[-1].end if self._pieces else 0

    def play(self, samples: NDArray[np.int16], now: float) -> Piece:
        """Take sound that has arrived, shaped ``(n,)``, and return its place."""
        start = self._end if now <= self.ends else round((now + BUFFER) * self.rate)
        piece = Piece(start, samples)
        self._pieces.append(piece)
        self._taken += samples.size
        return piece

    def clear(self, now: float) -> None:
        """Drop what has not been heard yet."""
        at = round(now * self.rate)
        for piece in reversed(self._pieces):
            if piece.end <= at:
                break
            kept = piece.samples[: max(0, at - piece.start)]
            self._taken -= piece.samples.size - kept.size
            piece.start = min(piece.start, at)
            piece.samples = kept

    def position(self, now: float) -> float:
        """Return how many seconds were played; the silence between does not count."""
        waiting = 0
        at = round(now * self.rate)
        for piece in reversed(self._pieces):
            if piece.end <= at:
                break
            waiting += piece.end - max(piece.start, at)
        return (self._taken - waiting) / self.rate

    def recording(self, until: float) -> NDArray[np.int16]:
        """Return what was heard, with the silence between, as ``(n,)`` from 0 to `until`."""
        heard = np.zeros(round(until * self.rate), np.int16)
        for piece in self._pieces:
            place = heard[piece.start : piece.end]
            place[:] = piece.samples[: place.size]
        return heard
