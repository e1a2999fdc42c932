"""What every WebRTC probe agrees on, and how much to measure."""

from dataclasses import dataclass
from typing import Final

RATE: Final = 48_000
"""Samples per second on the wire: the clock of Opus in RTP, RFC 7587."""

FRAME_SECONDS: Final = 0.02
FRAME: Final = round(RATE * FRAME_SECONDS)

WIDTH: Final = 1280
HEIGHT: Final = 720
FPS: Final = 30


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to measure."""

    connections: int = 4
    bursts: int = 10
    """Loud bursts on each connection."""
    steady_seconds: float = 5.0
    """Listened to before anything is lost."""
    after_seconds: float = 15.0
    """Listened to after one packet was lost."""
    lossy_seconds: float = 25.0
    callers: int = 20
    window: float = 12.0
    """Seconds over which processor time is counted."""
    video_seconds: float = 60.0
    skip_seconds: float = 30.0
    """The same with `skip_frames`."""
    cycles: int = 1_000
    settle_seconds: float = 35.0
    """How long tasks may outlive their clients: a server may wait for these to come back."""


QUICK: Final = Settings(
    connections=2,
    bursts=5,
    steady_seconds=3.0,
    after_seconds=10.0,
    lossy_seconds=8.0,
    window=6.0,
    video_seconds=15.0,
    cycles=100,
    settle_seconds=12.0,
)
