"""How much to measure."""

from dataclasses import dataclass
from typing import Final

RATE: Final = 48_000
"""Samples per second of the handler and of the microphone: WebRTC's own."""

TONE_HZ: Final = 440.0
TONE_DBFS: Final = -8.0

BUTTONS: Final = ("Start", "Record")
"""What the button is called that begins a conversation: ours, FastRTC's."""

SCREEN: Final = (1280, 720)
"""Pixels of the page."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to measure."""

    visits: int = 12
    """Each in a browser context of its own, and a second one in the same."""
    bare_visits: int = 8
    imports: int = 9
    """Fresh interpreters."""
    window: float = 8.0
    """Seconds over which processor time is counted."""


QUICK: Final = Settings(visits=3, bare_visits=3, imports=3, window=4.0)
