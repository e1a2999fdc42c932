"""Everything this package raises.

::

    FastRTCError
    ├── AdmissionError            a connection was refused; `code` goes to the peer
    │   ├── UnauthorizedError
    │   ├── ConcurrencyLimitError
    │   ├── IdInUseError
    │   └── WorkersExhaustedError
    ├── ProtocolError             the peer sent something wrong; `code` goes to the peer
    ├── SessionClosedError        the session ended before this could be done
    ├── UnknownSessionError       no live session has this id (also a KeyError)
    ├── ArgumentsTimeoutError     the client never sent its inputs (also a TimeoutError)
    ├── HandlerError              a handler object can't be used as one (also a TypeError)
    ├── PluginError               an entry point could not be used
    │   └── PluginNotFoundError
    └── WebRTCError               raised by a user's handler: its text is shown to the client

    MissingPackageError           an ImportError that names the package to install
"""

from collections.abc import Sequence
from typing import ClassVar


class FastRTCError(Exception):
    """Base of all errors of the library except `MissingPackageError`."""


class WebRTCError(FastRTCError):
    """Raise it in a handler to show a message to the person at the other end.

    Every other exception of a handler reaches the client as its type's name only, and the log in
    full.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AdmissionError(FastRTCError):
    """A connection was refused before any user code ran."""

    code: ClassVar[str] = "refused"


class UnauthorizedError(AdmissionError):
    """The `authorize` hook refused the request."""

    code = "unauthorized"

    def __init__(self, reason: str = "authorize() refused this request") -> None:
        super().__init__(reason)
        self.reason = reason


class ConcurrencyLimitError(AdmissionError):
    """As many sessions as allowed are open already."""

    code = "concurrency_limit_reached"

    def __init__(self, limit: int, transport: str | None = None) -> None:
        super().__init__(limit, transport)
        self.limit = limit
        self.transport = transport

    def __str__(self) -> str:
        over = f" over {self.transport}" if self.transport else ""
        return f"{self.limit} sessions are open{over}, which is the limit"


class IdInUseError(AdmissionError):
    """A client asked for an id that a live session has."""

    code = "id_in_use"

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id)
        self.session_id = session_id

    def __str__(self) -> str:
        return f"a live session has the id {self.session_id!r} already; choose another one"


class WorkersExhaustedError(AdmissionError):
    """All threads for synchronous user code are taken."""

    code = "workers_exhausted"

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"all {self.limit} threads for synchronous handlers are taken; raise "
            "Stream(max_workers=...) or make the handler async"
        )


class ProtocolError(FastRTCError):
    """The peer broke the protocol.

    Attributes:
        code: A word for programs, sent to the peer.
        fatal: Whether the connection can't go on.

    """

    def __init__(self, code: str, message: str, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fatal = fatal


class SessionClosedError(FastRTCError):
    """The session has ended."""

    def __init__(self, session_id: str, reason: str) -> None:
        super().__init__(session_id, reason)
        self.session_id = session_id
        self.reason = reason

    def __str__(self) -> str:
        return f"session {self.session_id} has ended ({self.reason})"


class UnknownSessionError(FastRTCError, KeyError):
    """No live session has this id."""

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id)
        self.session_id = session_id

    def __str__(self) -> str:
        return f"no live session has the id {self.session_id!r}"


class ArgumentsTimeoutError(FastRTCError, TimeoutError):
    """The client was asked for its inputs and did not send them."""

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        self.timeout = timeout

    def __str__(self) -> str:
        return (
            f"the client sent no inputs within {self.timeout:g} s of the send_input message; "
            "it answers by a request that calls stream.set_input(id, ...)"
        )


class HandlerError(FastRTCError, TypeError):
    """An object can't serve as the handler of this stream."""


class PluginError(FastRTCError):
    """A plugin was found but can't be used."""


class PluginNotFoundError(PluginError, LookupError):
    """No installed package offers a plugin of this name."""

    def __init__(self, group: str, name: str, installed: Sequence[str]) -> None:
        super().__init__(group, name, installed)
        self.group = group
        self.name = name
        self.installed = tuple(installed)

    def __str__(self) -> str:
        have = ", ".join(self.installed) or "none"
        return f"no plugin {self.name!r} in {self.group}; installed: {have}"


class MissingPackageError(ImportError):
    """A part of the library is not installed."""

    def __init__(self, what: str, package: str) -> None:
        name = f'"{package}"' if "[" in package else package  # shells give brackets a meaning
        super().__init__(f"{what} needs {package}, which is not installed: pip install {name}")
        self.what = what
        self.package = package
