"""How much to measure."""

from dataclasses import dataclass
from typing import Final

LINE_RATE: Final = 8000
HANDLER_RATE: Final = 16_000
"""Samples per second of the handler that a tone is sent through."""

TONE_HZ: Final = 1004.0
"""The telephone engineers' 1 kHz: at 1000 Hz only eight levels of G.711 would be heard."""
TONE_DBFS: Final = -9.0

AUTH_TOKEN: Final = "a secret between the fake carrier and the server"


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to measure."""

    interruptions: int = 12
    positions: int = 20
    """Readings of how much was heard, in each of so many interrupted calls."""
    greetings: int = 10
    callers: int = 20
    window: float = 20.0
    """Seconds over which processor time is counted."""
    hang_ups: int = 5


QUICK: Final = Settings(interruptions=2, positions=5, greetings=3, window=6.0)
