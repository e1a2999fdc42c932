"""What the doctor's checks find."""

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["ok", "note", "fault"]

PATIENCE: Final = 5.0
"""Seconds for a server to answer; a connection has twice as long to come about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has seen."""

    level: Level
    """``ok``; ``note``: may be in the way; ``fault``: is in the way."""

    text: str
    advice: str = ""
    """What to do about it."""

    def __str__(self) -> str:
        return f"{self.text} {self.advice}".strip()


def ok(text: str) -> Finding:
    """Return a finding that is as it should be."""
    return Finding("ok", text)


def note(text: str, advice: str = "") -> Finding:
    """Return a finding that may be in the way."""
    return Finding("note", text, advice)


def fault(text: str, advice: str) -> Finding:
    """Return a finding that is in the way."""
    return Finding("fault", text, advice)
