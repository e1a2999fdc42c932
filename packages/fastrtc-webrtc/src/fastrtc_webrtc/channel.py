"""What a client may send on its data channel.

::

    client                                              event
    {"type": "ping"}                                    Ping; the answer is PONG
    {"type": "input", "args": [...]}                    Inputs
    {"type": "message", "data": anything}               AppMessage
    {"type": "stop"}                                    Stop

No error is fatal: what is wrong is reported and changes nothing. What the server sends is
`fastrtc_core.messages.Message`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Final

from fastrtc_core import ProtocolError
from fastrtc_core.messages import JSON
from fastrtc_webrtc.bodies import Fields, read_object, wrong_field

LONGEST_MESSAGE: Final = 65_536
"""Bytes of a message: what aiortc says it takes."""

PONG: Final = '{"type": "pong"}'
"""The answer to a ping."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The client asks for a sign of life."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The client sends inputs for the handler."""

    args: Sequence[JSON]


@dataclass(frozen=True, slots=True)
class AppMessage:
    """The client sends something to the application."""

    data: JSON


@dataclass(frozen=True, slots=True)
class Stop:
    """The client ends its session."""


ChannelEvent = Ping | Inputs | AppMessage | Stop


def parse_message(message: str | bytes, longest: int = LONGEST_MESSAGE) -> ChannelEvent:
    """Take a message.

    Args:
        message: As it came; bytes are read as UTF-8.
        longest: Bytes that it may have.

    Raises:
        ProtocolError: It is wrong, or too long.

    """
    data = message if isinstance(message, bytes) else message.encode(errors="surrogatepass")
    if len(data) > longest:
        raise ProtocolError(
            "message_too_big", f"a message of {len(data)} bytes, where {longest} are allowed"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ProtocolError("not_json", "a message is not UTF-8") from None
    fields = read_object(text, "not_json")
    kind = fields.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise ProtocolError(
            "unknown_type", f"type must be {', '.join(_READERS)}, not {shortened(kind)}"
        )
    return read(fields)


def error_message(error: ProtocolError) -> str:
    """Return the message that tells a client what was wrong with its own."""
    return json.dumps({"type": "error", "data": error.message, "code": error.code})


def _ping(_: Fields) -> Ping:
    return Ping()


def _input(fields: Fields) -> Inputs:
    args = fields.get("args")
    if not isinstance(args, list):
        raise wrong_field("bad_field", "args", "a list", args)
    return Inputs(args)


def _message(fields: Fields) -> AppMessage:
    if "data" not in fields:
        raise ProtocolError("bad_field", "data is missing")
    return AppMessage(fields["data"])


def _stop(_: Fields) -> Stop:
    return Stop()


_READERS: Final[Mapping[str, Callable[[Fields], ChannelEvent]]] = {
    "ping": _ping,
    "input": _input,
    "message": _message,
    "stop": _stop,
}
