"""Where the listener is in what was sent to him.

Sound is sent a little ahead of real time, the lead, so that a late packet is not heard. What was
sent and not yet heard can be taken back where the transport can clear its peer's queue. The
playout owns no clock and never sleeps: every method takes `now`, in seconds on any monotonic
clock, as long as it is always the same.

Without word from the peer, sound is taken to be heard from the moment it is sent, one second a
second. A peer that reports its position (`acknowledge`) corrects that.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Playout:
    """Positions are seconds of sound since the session began; what was cleared does not count."""

    lead: float
    """How far ahead of real time sound is sent, in seconds."""

    sent: float = 0.0
    """Position of the end of what was sent."""

    _ends: float = float("-inf")

    def delay(self, now: float) -> float:
        """Return how many seconds to wait before more may be sent; 0.0 if none."""
        return max(0.0, self._ends - now - self.lead)

    def push(self, duration: float, now: float) -> None:
        """Count sound that was sent just now."""
        self._ends = max(self._ends, now) + duration
        self.sent += duration

    def pending(self, now: float) -> float:
        """Return how many seconds were sent and not yet heard."""
        return max(0.0, self._ends - now)

    def played(self, now: float) -> float:
        """Return the position of the listener."""
        return max(0.0, self.sent - self.pending(now))

    def flush(self, now: float) -> float:
        """Forget what was not heard yet, and return how much that was.

        The caller's duty: make the peer forget it too.
        """
        dropped = self.pending(now)
        self.sent -= dropped
        self._ends = now
        return dropped

    def acknowledge(self, position: float, now: float) -> None:
        """Take the peer's word for how much it has played.

        A position beyond what was sent is a stale or wrong report and changes nothing.
        """
        if 0.0 <= position <= self.sent:
            self._ends = now + self.sent - position
