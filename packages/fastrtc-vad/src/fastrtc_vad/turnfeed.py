"""What a model of speech to text is given of a conversation: turns as they are spoken."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger("fastrtc_vad")

Samples = NDArray[np.int16]

MOST_WAITING: Final = 30.0
"""Seconds of sound that may wait for a slow engine; then the oldest goes unheard."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A turn that has ended."""

    said: Samples


FORGET: Final = Turn(np.zeros((1, 0), np.int16))
"""What was heard so far belongs to no turn."""


class TurnFeed:
    """Sound and ends of turns on their way to an engine, in order. Bounded: see `MOST_WAITING`.

    Args:
        rate: Of the sound, in Hz.

    """

    def __init__(self, rate: int) -> None:
        self._most = round(MOST_WAITING * rate)
        self._items: deque[Samples | Turn] = deque()
        self._samples = 0
        self._some = asyncio.Event()
        self.dropped = 0
        """Samples that went unheard."""

    def put(self, item: Samples | Turn) -> None:
        """Add something."""
        self._items.append(item)
        if not isinstance(item, Turn):
            self._samples += item.shape[1]
            self._bound()
        self._some.set()

    async def get(self) -> Samples | Turn:
        """Return what is next; sound that waits comes in one piece."""
        while not self._items:
            self._some.clear()
            await self._some.wait()
        first = self._items.popleft()
        if isinstance(first, Turn):
            return first
        pieces = [first]
        while self._items and not isinstance(self._items[0], Turn):
            piece = self._items.popleft()
            assert not isinstance(piece, Turn)
            pieces.append(piece)
        self._samples -= sum(piece.shape[1] for piece in pieces)
        return np.concatenate(pieces, axis=1)

    def _bound(self) -> None:
        while self._samples > self._most:
            sound = next(item for item in self._items if not isinstance(item, Turn))
            index = next(i for i, item in enumerate(self._items) if item is sound)
            del self._items[index]
            self._samples -= sound.shape[1]
            if not self.dropped:
                logger.warning("speech to text is slower than speech; some of it goes unheard")
            self.dropped += sound.shape[1]
