"""How much of what was sent the carrier has played, told by marks among the sound.

Positions are seconds of sound since the session began; what was cleared does not count. A mark that
is reached tells that all before it was played. Carriers report marks also when they clear: those of
before a clear mean nothing.
"""

from collections import deque
from typing import Final

EVERY: Final = 0.1
"""Seconds of sound from one mark to the next."""

MOST: Final = 1000
"""Marks that are remembered; more are those of a carrier that reports none."""


class Marks:
    """The marks of one call."""

    def __init__(self) -> None:
        self._sent = 0.0
        self._marked = 0.0
        self._count = 0
        self._waiting: deque[tuple[str, float]] = deque(maxlen=MOST)

    def sent(self, seconds: float) -> str | None:
        """Count sound, and return the name of the mark to be sent after it, if it is time."""
        self._sent += seconds
        if self._sent - self._marked < EVERY:
            return None
        self._marked = self._sent
        self._count += 1
        name = f"m{self._count}"
        self._waiting.append((name, self._sent))
        return name

    def cleared(self, position: float) -> None:
        """Note that what was not played yet is dropped; what was ends at a position."""
        self._waiting.clear()
        self._sent = self._marked = position

    def reached(self, name: str) -> float | None:
        """Return the position of a mark that was reached; None for one that means nothing."""
        for index, (waiting, position) in enumerate(self._waiting):
            if waiting == name:
                for _ in range(index + 1):
                    self._waiting.popleft()
                return position
        return None
