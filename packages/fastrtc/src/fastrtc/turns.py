"""The turns of a conversation as the person at the microphone saw and heard them.

A turn begins with speech and ends with the reply. The server tells its stages as `log` messages
(`fastrtc_core.messages.LogEvent`), always in the order of `_STAGES`: a stage that does not come
later in this order than the one before opens the next turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fastrtc.player import Piece
from fastrtc_core.messages import LogEvent

_STAGES: Final[Mapping[LogEvent, int]] = {
    "started_talking": 0,
    "pause_detected": 1,
    "response_starting": 2,
    "interrupted": 3,
    "response_finished": 3,
}

_HOP: Final = 0.01
"""Seconds over which a level is measured."""

_SPEECH_RANGE_DB: Final = 35.0
"""Speech is what is at most this much weaker than the loudest moment of the recording."""

_QUIETEST: Final = 33.0
"""Levels below this, -60 dBFS in int16, are never taken for speech."""

_LONGEST_GAP: Final = 0.3
"""Seconds of quiet within a span of speech: longer than stops and breaths, shorter than pauses."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in seconds since the recording began."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said, and what came back; times are seconds since the recording began.

    None stands for what did not happen.
    """

    number: int
    """Counts from 1."""

    spoke: Span | None
    """When the recording speaks, by its loudness alone; the server has no part in it."""

    started_talking: float | None
    pause_detected: float | None
    response_starting: float | None
    interrupted: float | None
    response_finished: float | None
    """When the client was told of it."""

    reply_start: float | None
    """When the first sound of the reply was heard."""

    reply_seconds: float
    """How much of the reply was heard."""

    @property
    def delay(self) -> float | None:
        """Seconds from the end of speech to the first sound of the reply."""
        if self.spoke is None or self.reply_start is None:
            return None
        return self.reply_start - self.spoke.end

    def __str__(self) -> str:
        parts = [f"turn {self.number}"]
        if self.spoke is not None:
            parts.append(f"spoke {self.spoke.start:.2f}-{self.spoke.end:.2f} s")
        if self.pause_detected is not None:
            parts.append(f"pause detected {self.pause_detected:.2f}")
        parts.append(self._reply())
        return "   ".join(parts)

    def _reply(self) -> str:
        if self.reply_start is None:
            return "no reply"
        delay = "" if self.delay is None else f" ({self.delay:.2f} s after you stopped)"
        stop = "" if self.interrupted is None else f", interrupted at {self.interrupted:.2f}"
        return f"reply from {self.reply_start:.2f} s{delay}, {self.reply_seconds:.1f} s long{stop}"


@dataclass(slots=True)
class _Open:
    """A turn so far."""

    stages: dict[LogEvent, float] = field(default_factory=dict)
    reply: list[Piece] = field(default_factory=list)

    @property
    def stage(self) -> int:
        return max(_STAGES[name] for name in self.stages)


class Turns:
    """Turns, from stages and sound in the order in which they arrived.

    Args:
        speech: Where the recording speaks, see `speech_spans`.
        rate: Sample rate of the replies.

    """

    def __init__(self, speech: Sequence[Span], rate: int) -> None:
        self._speech = speech
        self._rate = rate
        self._turns: list[_Open] = []

    def seen(self) -> tuple[Turn, ...]:
        """Return all turns as they stand; a later look may find more of the last one."""
        return tuple(self._turn(number, turn) for number, turn in enumerate(self._turns, 1))

    def _turn(self, number: int, turn: _Open) -> Turn:
        heard = [piece for piece in turn.reply if piece.samples.size]
        return Turn(
            number=number,
            spoke=_spoken(self._speech, turn.stages),
            started_talking=turn.stages.get("started_talking"),
            pause_detected=turn.stages.get("pause_detected"),
            response_starting=turn.stages.get("response_starting"),
            interrupted=turn.stages.get("interrupted"),
            response_finished=turn.stages.get("response_finished"),
            reply_start=heard[0].start / self._rate if heard else None,
            reply_seconds=sum(piece.samples.size for piece in heard) / self._rate,
        )

    @property
    def settled(self) -> bool:
        """Whether there was a turn and the reply to the last one is over."""
        return bool(self._turns) and "response_finished" in self._turns[-1].stages

    def note(self, event: LogEvent, now: float) -> None:
        """Take a stage that the server told."""
        if not self._turns or _STAGES[event] <= self._turns[-1].stage:
            self._turns.append(_Open())
        self._turns[-1].stages[event] = now

    def hear(self, piece: Piece) -> bool:
        """Take sound: it belongs to the last turn in which the person had finished speaking.

        Returns:
            Whether there is such a turn.

        """
        for turn in reversed(self._turns):
            if turn.stage > 0:
                turn.reply.append(piece)
                return True
        return False


def is_stage(data: object) -> TypeGuard[LogEvent]:
    """Whether the data of a `log` message is a stage of a turn."""
    return isinstance(data, str) and data in _STAGES


def speech_spans(samples: NDArray[np.int16], rate: int) -> list[Span]:
    """Return where a recording speaks, judged by loudness.

    In a recording whose noise is louder than 35 dB below its loudest moment all is speech.

    Args:
        samples: Mono, shaped ``(n,)``.
        rate: In Hz.

    """
    hop = int(rate * _HOP)
    blocks = samples[: samples.size // hop * hop].reshape(-1, hop).astype(np.float64)
    level = np.sqrt(np.mean(np.square(blocks), axis=1))
    threshold = max(level.max(initial=0.0) * 10 ** (-_SPEECH_RANGE_DB / 20), _QUIETEST)
    edges = np.flatnonzero(np.diff(level > threshold, prepend=False, append=False))
    spans: list[Span] = []
    for start, end in (edges.reshape(-1, 2) * _HOP).tolist():
        if spans and start - spans[-1].end < _LONGEST_GAP:
            spans[-1] = Span(spans[-1].start, end)
        else:
            spans.append(Span(start, end))
    return spans


def _spoken(speech: Sequence[Span], stages: Mapping[LogEvent, float]) -> Span | None:
    """Find the speech that led to these stages.

    It begins with the span under way when talking was noticed, and ends with the last one that was
    over when the pause was; speech that was cut short by a limit ends there.
    """
    pause = stages.get("pause_detected")
    if pause is None:
        return None
    before = [span for span in speech if span.start < pause]
    if not before:
        return None
    noticed = stages.get("started_talking", pause)
    start = max((span.start for span in before if span.start <= noticed), default=before[0].start)
    end = max((span.end for span in before if start < span.end <= pause), default=pause)
    return Span(start, end)
