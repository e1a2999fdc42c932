"""How well a stream is received, as its sender is told: RFC 3550, section 6.4.1 and appendix A.

Pure: `now` is an argument, in seconds on any monotonic clock, as long as it is always the same.
"""

from dataclasses import dataclass
from typing import Final

SEQUENCE_BITS: Final = 16
TIMESTAMP_BITS: Final = 32

MAX_DROPOUT: Final = 3000
"""Sequence numbers that may be skipped before it takes a second packet to believe it."""

MAX_MISORDER: Final = 100
"""How far behind the newest a packet may be, with more being a stream that began anew."""

_MAX_LOST: Final = (1 << 23) - 1  # a signed field of 24 bits


def unwrapped(value: int, near: int, bits: int) -> int:
    """Return the number closest to `near` whose lowest bits are `value`."""
    size = 1 << bits
    return near + ((value - near + size // 2) % size - size // 2)


@dataclass(frozen=True, slots=True)
class Reception:
    """What a report block says of one stream."""

    fraction_lost: int
    """Packets lost since the last report, in 1/256 of those expected."""

    cumulative_lost: int
    """Packets lost since the beginning; less than 0 where more came twice."""

    highest_sequence: int
    """The newest sequence number in the lower 16 bits, above it how often they began anew."""

    jitter: int
    """Mean deviation of the time between packets, in ticks of the RTP clock."""


class ReceptionStatistics:
    """Counts the packets of one stream, of one SSRC, as they come in.

    Args:
        clock_rate: Ticks of the RTP clock a second.

    """

    def __init__(self, clock_rate: int) -> None:
        self.received = 0
        """Packets since the stream began or began anew, those that came twice included."""

        self.jitter = 0.0
        """Mean deviation of the time between packets, in ticks of the RTP clock."""

        self._clock_rate = clock_rate
        self._first = 0
        self._highest = -1
        self._after_jump: int | None = None
        self._transit: float | None = None
        self._timestamp = 0
        self._expected_before = 0
        self._received_before = 0

    @property
    def expected(self) -> int:
        """How many packets the sender has sent, by their numbers."""
        return self._highest + 1 - self._first if self._highest >= 0 else 0

    def record(self, sequence: int, timestamp: int, now: float) -> None:
        """Count a packet that came just now; the numbers are those of its header."""
        if self._highest < 0:
            self._begin(sequence)
        position = unwrapped(sequence, self._highest, SEQUENCE_BITS)
        if not -MAX_MISORDER <= position - self._highest <= MAX_DROPOUT:
            # A sender that began anew goes on where it began: two packets in a row prove it.
            expected, self._after_jump = self._after_jump, (sequence + 1) % (1 << SEQUENCE_BITS)
            if sequence != expected:
                return
            self._begin(sequence)
            position = sequence
        self._highest = max(self._highest, position)
        self._after_jump = None
        self.received += 1
        self._measure_jitter(timestamp, now)

    def report(self) -> Reception:
        """Return what is to be told, and begin another interval for the fraction."""
        expected = self.expected - self._expected_before
        lost = expected - (self.received - self._received_before)
        self._expected_before, self._received_before = self.expected, self.received
        return Reception(
            fraction_lost=min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0,
            cumulative_lost=max(-_MAX_LOST - 1, min(self.expected - self.received, _MAX_LOST)),
            highest_sequence=max(self._highest, 0) % (1 << 32),
            jitter=int(self.jitter),
        )

    def _begin(self, sequence: int) -> None:
        self._first = self._highest = sequence
        self.received = 0
        self._expected_before = self._received_before = 0
        self._transit = None

    def _measure_jitter(self, timestamp: int, now: float) -> None:
        self._timestamp = unwrapped(timestamp, self._timestamp, TIMESTAMP_BITS)
        transit = now * self._clock_rate - self._timestamp
        if self._transit is not None:
            self.jitter += (abs(transit - self._transit) - self.jitter) / 16
        self._transit = transit
