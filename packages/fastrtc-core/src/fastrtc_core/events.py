"""What happens in a session, for the application: `Session.events` and ``Stream(on_event=...)``.

Times are seconds of the session's inbound sound for turns, and seconds of outbound sound for
`played`.
"""

from dataclasses import dataclass
from enum import StrEnum


class CloseReason(StrEnum):
    """Why a session ended."""

    CLIENT_LEFT = "client_left"
    CLIENT_STALLED = "client_stalled"  # it took nothing of what was sent for too long
    PROTOCOL_ERROR = "protocol_error"
    TRANSPORT_FAILED = "transport_failed"
    TIME_LIMIT = "time_limit"
    HANDLER = "handler"  # the handler returned CloseStream
    HANDLER_FAILED = "handler_failed"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class StartedTalking:
    """The user has begun to speak."""

    onset: float
    """When speech began; the event comes a little later."""


@dataclass(frozen=True, slots=True)
class PauseDetected:
    """The user has ended his turn."""

    start: float
    end: float
    """When speech ended; the event comes the configured silence later."""


@dataclass(frozen=True, slots=True)
class StopWordDetected:
    """A stop word was heard; what follows it will be answered."""

    phrase: str
    """As it was configured."""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The user has pressed a key of the telephone."""

    digit: str
    """One of ``0123456789*#ABCD``."""


@dataclass(frozen=True, slots=True)
class ResponseStarting:
    """The first sound of a reply goes out."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The user spoke while a reply was on its way or heard, and it was stopped."""

    onset: float
    played: float
    """Seconds of the reply that were heard."""


@dataclass(frozen=True, slots=True)
class ResponseFinished:
    """A reply was heard to its end, or has failed, or had no sound."""

    played: float


@dataclass(frozen=True, slots=True)
class HandlerFailed:
    """User code raised; the session goes on unless it failed many times in a row."""

    where: str
    """Name of the method: ``receive``, ``emit``, ``reply``, ``start_up`` ..."""

    error: Exception


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The last event of a session."""

    reason: CloseReason
    message: str


Event = (
    StartedTalking
    | PauseDetected
    | StopWordDetected
    | DigitPressed
    | ResponseStarting
    | Interrupted
    | ResponseFinished
    | HandlerFailed
    | SessionClosed
)
