"""What every probe agrees on: rates, frame length, and how much to measure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.sound import Noise

RATE: Final = 24_000
"""Samples per second, both ways and for both subjects: FastRTC's default output rate."""

FRAME_SECONDS: Final = 0.02
"""A frame of a telephone or of WebRTC: the usual 20 ms."""

FRAME: Final = int(RATE * FRAME_SECONDS)

CONFIGURED_SILENCE: Final = 0.5
"""`AlgoOptions()` asks for this much: audio_chunk_duration 0.6 s less speech_threshold 0.1 s."""

ROOT: Final = Path(__file__).resolve().parents[1]
CACHE: Final = ROOT / "benchmarks" / ".cache"


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to measure."""

    fluent_turns: int = 18
    paused_turns: int = 18
    instant_turns: int = 4
    first_connections: int = 2
    interruptions: int = 5
    window: float = 8.0
    """Seconds over which processor time is counted."""
    idle_sessions: int = 200
    cycles: int = 1_000
    noise: Noise | None = None
    """What the caller's room sounds like: None is a floor of -65 dBFS."""


QUICK: Final = Settings(
    fluent_turns=4,
    paused_turns=3,
    instant_turns=2,
    first_connections=1,
    interruptions=1,
    window=3.0,
    idle_sessions=50,
    cycles=200,
)
