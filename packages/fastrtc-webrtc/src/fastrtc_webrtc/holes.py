"""Packets that are missing: how long to wait for them, and when to ask for them again.

A packet is missed when a later one comes. What it needs from then on, if it comes at all, is what
`Holes.target` is learnt from: it is raised at once by a packet that took longer, and sinks slowly.
Packets that are late all together are not missed, and do not matter. For each time that a packet
was asked for, it is waited for a round trip longer.

Pure: `now` is an argument, in seconds on any monotonic clock.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

LOWEST_TARGET: Final = 0.02
"""Seconds to wait for a missing packet at least: those of one packet, most of the time."""

HIGHEST_TARGET: Final = 0.12
"""Seconds to wait at most, however late it may come and however often it was asked for."""

MARGIN: Final = 0.02
"""Seconds by which `Holes.target` is longer than the longest wait that was worth it."""

SINKING: Final = 0.001
"""Seconds by which `Holes.target` gets shorter in a second."""

MAX_ASKS: Final = 3
"""How often one packet is asked for."""

PATIENCE: Final = 1.2
"""Round trips from asking for a packet to asking again."""


@dataclass(slots=True)
class Hole:
    """One packet that is missing."""

    noticed: float
    asked: int = 0
    asked_at: float = 0.0


class Holes:
    """Those of one stream, by their unwrapped sequence numbers.

    Args:
        memory: Sequence numbers for which it is remembered that a packet was given up.

    """

    def __init__(self, memory: int) -> None:
        self.target = LOWEST_TARGET
        """Seconds for which a missing packet is waited for."""

        self.rtt: float | None = None
        """Seconds from asking the sender for a packet to having it; None if there is no asking."""

        self._memory = memory
        self._open: dict[int, Hole] = {}
        self._given_up: dict[int, Hole] = {}

    def notice(self, sequence: int, now: float) -> None:
        """Miss a packet from now on."""
        self._open[sequence] = Hole(now)

    def fill(self, sequence: int, now: float) -> Hole | None:
        """Return the hole that this packet was missing from, which is none any more."""
        hole = self._open.pop(sequence, None)
        if hole is not None:
            self._learn(hole, now)
        return hole

    def give_up(self, sequence: int) -> None:
        """Wait for a packet no longer."""
        self._given_up[sequence] = self._open.pop(sequence)
        while (oldest := next(iter(self._given_up))) <= sequence - self._memory:
            del self._given_up[oldest]

    def regret(self, sequence: int, now: float) -> bool:
        """Whether a packet that came just now was given up."""
        hole = self._given_up.pop(sequence, None)
        if hole is not None:
            self._learn(hole, now)
        return hole is not None

    def sink(self, seconds: float) -> None:
        """Let the target sink for the time that has passed."""
        self.target = max(LOWEST_TARGET, self.target - SINKING * seconds)

    def deadline(self, sequence: int) -> float:
        """Return when a packet that is missing is to be given up."""
        hole = self._open[sequence]
        return hole.noticed + min(HIGHEST_TARGET, self.target + hole.asked * (self.rtt or 0.0))

    def next_ask(self) -> float:
        """Return when `ask` has something to ask for; infinity if nothing is to be asked."""
        return min(map(self._ask_at, self._open.values()), default=inf)

    def ask(self, now: float) -> list[int]:
        """Return what to ask for now, at most `MAX_ASKS` times and if it can come in time."""
        wanted = [sequence for sequence, hole in self._open.items() if now >= self._ask_at(hole)]
        for sequence in wanted:
            hole = self._open[sequence]
            hole.asked += 1
            hole.asked_at = now
        return wanted

    def clear(self) -> None:
        """Forget what is missing, but not how long to wait."""
        self._open.clear()
        self._given_up.clear()

    def _ask_at(self, hole: Hole) -> float:
        if self.rtt is None or hole.asked >= MAX_ASKS:
            return inf
        again = hole.asked_at + max(PATIENCE * self.rtt, LOWEST_TARGET)
        at = again if hole.asked else hole.noticed
        return at if at + self.rtt <= hole.noticed + HIGHEST_TARGET else inf

    def _learn(self, hole: Hole, now: float) -> None:
        """Raise the target to what would have been long enough, if it may be that long."""
        waited = now - hole.noticed
        if hole.asked:  # what came sooner than an answer can was waited for anyway
            waited = now - hole.asked_at - (self.rtt or 0.0)
        if 0 < waited <= HIGHEST_TARGET:
            self.target = min(max(self.target, waited + MARGIN), HIGHEST_TARGET)
