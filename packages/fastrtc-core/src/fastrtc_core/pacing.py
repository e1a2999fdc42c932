"""A steady pace for pictures."""


class Pace:
    """Times at equal distances, at each of which something is done again.

    What is late by less than one distance is caught up with, so that the pace holds on average;
    after a longer stall the times begin anew. It owns no clock.

    Args:
        rate: Times per second.

    """

    def __init__(self, rate: float) -> None:
        self._distance = 1 / rate
        self._due: float | None = None

    def delay(self, now: float) -> float:
        """Return how long to wait after one time, in seconds, until it is the next.

        Args:
            now: What the time is, in seconds of any clock; the first one begins the count.

        """
        due = (now if self._due is None else self._due) + self._distance
        self._due = now if now - due > self._distance else due
        return max(0.0, due - now)
