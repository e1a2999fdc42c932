"""Media ready for the network, the clock that a session's media share, and who sends them."""

from dataclasses import dataclass
from typing import Final, Protocol

SECONDS_1900_TO_1970: Final = 2_208_988_800
"""Between the epochs of NTP (RFC 5905 section 6) and Unix."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One frame of sound or one picture, cut into RTP payloads."""

    payloads: tuple[bytes, ...]

    timestamp: int
    """Ticks of the codec's RTP clock since the session's `MediaClock` began; never wrapped."""

    key: bool = True
    """Whether it can be decoded without the frames before it."""

    starts_talk: bool = False
    """For sound: whether it follows a pause, which RFC 3551 section 4.1 marks."""

    level: int | None = None
    """For sound: its level in -dBov, 0 (loudest) to 127 (silence), RFC 6464."""


class EncodedSink(Protocol):
    """Sends encoded media to one peer."""

    def send_frame(self, frame: EncodedFrame) -> None:
        """Send a frame now; never waits."""
        ...


@dataclass(frozen=True, slots=True)
class MediaClock:
    """The one clock of a session's outgoing media, so that receivers can play them in step."""

    origin: float
    """When it began, on the event loop's clock."""

    wall: float
    """The same moment in seconds since 1970, for sender reports."""

    def ticks(self, time: float, rate: int) -> int:
        """Return the RTP ticks at a time of the event loop's clock."""
        return round((time - self.origin) * rate)

    def ntp(self, time: float) -> int:
        """Return a time of the event loop's clock as a 64-bit NTP timestamp."""
        return round((self.wall + time - self.origin + SECONDS_1900_TO_1970) * (1 << 32))
