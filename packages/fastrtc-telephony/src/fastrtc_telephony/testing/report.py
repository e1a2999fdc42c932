"""What happened in a call, as its caller has seen it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened."""

    time: float
    """Seconds since the media stream began."""

    what: str


@dataclass(frozen=True, slots=True, eq=False)
class CallReport:
    """A call that is over, or not yet."""

    carrier: str
    call_id: str

    rate: int
    """Samples per second of what follows."""

    heard: NDArray[np.int16]
    """``(n,)``: what the caller heard, from the beginning of the stream, with its silence."""

    said: NDArray[np.int16]
    """``(n,)``: what was said into the call, from the beginning of the stream."""

    answered_after: float
    """Seconds from ringing to the carrier's being told what to do."""

    first_sound: float | None
    """Seconds from the stream's beginning to the first sound; None if there was none."""

    notes: tuple[Note, ...]
    """In the order of their times."""

    ended: str
    """Who has ended the call, and how; empty as long as it lasts."""

    def told(self) -> str:
        """Return a timeline to read."""
        lines = [f"{note.time:8.2f} s  {note.what}" for note in self.notes]
        return "\n".join([f"call {self.call_id} over {self.carrier}", *lines])
