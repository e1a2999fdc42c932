"""How much to measure."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to measure."""

    repeats: int = 20
    """Times that a text is begun, or a reply cancelled."""
    idle_seconds: float = 10.0
    words: int = 12
    """Stop words that are said."""
    callers: int = 20
    call_seconds: float = 30.0


QUICK: Final = Settings(repeats=5, idle_seconds=4.0, words=4, call_seconds=10.0)
