"""Which session the code that runs now belongs to."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastrtc_core.messages import Message

if TYPE_CHECKING:
    from fastrtc_core.session import Session


@dataclass(frozen=True, slots=True)
class Context:
    """Where a handler runs."""

    webrtc_id: str
    """Id of the session, whatever its transport."""

    session: "Session"
    """The session itself."""


_current: Final[ContextVar["Session"]] = ContextVar("fastrtc_session")


def get_current_context() -> Context:
    """Return the context of the handler that calls.

    Raises:
        RuntimeError: Called outside a handler.

    """
    session = _current.get(None)
    if session is None:
        raise RuntimeError(
            "there is no current session: get_current_context() works inside handlers only"
        )
    return Context(session.id, session)


def enter(session: "Session") -> None:
    """Make a session current for the calling task and the tasks it starts."""
    _current.set(session)


def Warning(message: str = "Warning issued.") -> None:  # noqa: N802 - the documented name
    """Show a warning to the person at the other end; for use inside a handler.

    Raises:
        RuntimeError: Called outside a handler.

    """
    get_current_context().session.send(Message("warning", message))
