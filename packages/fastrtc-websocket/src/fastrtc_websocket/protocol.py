"""The server's side of a stream's WebSocket: messages and `now` in, events and messages out.

A client opens its stream with a ``start`` message. One that names no encoding speaks the
documented form: base64 mu-law in JSON, mono, at the rates of the handler. One that names an
encoding has negotiated: that encoding at the rate and channels that it names, both ways, as binary
messages if it likes. Everything else is the same in both forms::

    client                                              event
    {"event": "start", ...}                             Started, first and once
    {"event": "media", "media": {"payload": base64}}    Audio
    a binary message                                    Audio, where negotiated
    {"event": "played", "position": seconds}            Played
    {"event": "message", "data": anything}              ClientMessage
    {"event": "input", "args": [...]}                   Inputs
    {"event": "ping"}                                   Ping, also before start
    {"event": "stop"}                                   Stopped, also before start

A wrong message raises ProtocolError and changes nothing; unless the error is fatal, the next
message is taken as if the wrong one had not come.
"""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from math import inf
from reprlib import repr as shortened
from typing import Final, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import AdmissionError, AudioFrame, ConcurrencyLimitError, Limits, ProtocolError
from fastrtc_core.allowance import Allowance
from fastrtc_core.messages import JSON
from fastrtc_websocket.encodings import CODECS
from fastrtc_websocket.events import (
    Audio,
    ClientEvent,
    ClientMessage,
    Inputs,
    Ping,
    Played,
    Started,
    StartOptions,
    Stopped,
)

RATES: Final = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Sample rates that a client may ask for, in Hz."""

LONGEST_ID: Final = 128
"""Characters of an id that a client chooses."""

POLICY_VIOLATION: Final = 1008  # RFC 6455 section 7.4.1
MESSAGE_TOO_BIG: Final = 1009  # RFC 6455 section 7.4.1
TRY_AGAIN_LATER: Final = 1013  # IANA WebSocket Close Code Number Registry

_CLOSE_CODES: Final = {
    "concurrency_limit_reached": TRY_AGAIN_LATER,
    "message_too_big": MESSAGE_TOO_BIG,
    "workers_exhausted": TRY_AGAIN_LATER,
}

Message = dict[str, JSON]
T = TypeVar("T")

_MEDIA_HEAD: Final = '{"event":"media","media":{"payload":"'
_MEDIA_TAIL: Final = '"}}'  # base64 has nothing that JSON escapes
_CLEAR: Final = '{"event":"clear"}'
_PONG: Final = '{"event":"pong"}'


def close_code(error: AdmissionError | ProtocolError) -> int:
    """Return the code with which a connection is closed for an error."""
    return _CLOSE_CODES.get(error.code, POLICY_VIOLATION)


class ServerProtocol:
    """One client's conversation.

    Args:
        limits: What the client may send.

    """

    def __init__(self, limits: Limits) -> None:
        self._allowance = Allowance(limits)
        self._started = False
        self._use(StartOptions())

    def receive_text(self, text: str, now: float) -> ClientEvent:
        """Take a text message.

        Args:
            text: The message.
            now: Seconds on a monotonic clock, always the same one.

        Raises:
            ProtocolError: It is wrong, too long, or one too many.

        """
        self._allowance.admit_text(text, now)
        try:
            message: JSON = _JSON.decode(text)
        except (ValueError, RecursionError):
            raise ProtocolError("not_json", f"not JSON: {shortened(text)}") from None
        if not isinstance(message, dict):
            raise ProtocolError("not_an_object", f"not a JSON object: {shortened(message)}")
        event = message.get("event")
        read = _READERS.get(event) if isinstance(event, str) else None
        if read is None:
            raise ProtocolError("unknown_event", f"unknown event {shortened(event)}")
        if not self._started and event not in _BEFORE_START:
            raise ProtocolError("not_started", f"{event!r} came before the start message")
        return read(self, message)

    def receive_bytes(self, data: bytes, now: float) -> Audio:
        """Take a binary message.

        Args:
            data: The message.
            now: Seconds on a monotonic clock, always the same one.

        Raises:
            ProtocolError: It is wrong, too long, or one too many.

        """
        self._allowance.admit(len(data), now)
        if not self._started:
            raise ProtocolError("not_started", "a binary message came before the start message")
        if not self._options.binary:
            raise ProtocolError("not_negotiated", "binary messages were not negotiated")
        return Audio(self._samples(data))

    def send_audio(self, frame: AudioFrame) -> str | bytes:
        """Return the message that carries sound, which must have the client's rate and channels."""
        data = self._codec.encode(frame.samples.T)
        if self._options.binary:
            return data
        return _MEDIA_HEAD + b2a_base64(data, newline=False).decode("ascii") + _MEDIA_TAIL

    def send_clear(self) -> str:
        """Return the message that makes the client drop what it has not played yet."""
        return _CLEAR

    def send_started(self, session_id: str) -> str:
        """Return the answer to a start message that negotiates."""
        return json.dumps(
            {
                "event": "started",
                "websocket_id": session_id,
                "encoding": self._options.encoding,
                "rate": self._options.rate,
                "channels": self._options.channels,
                "binary": self._options.binary,
            }
        )

    def send_refused(self, error: AdmissionError) -> str:
        """Return the message that tells a client why it is not let in."""
        meta: dict[str, JSON] = {"error": error.code}
        if isinstance(error, ConcurrencyLimitError):
            meta["limit"] = error.limit
        return json.dumps({"status": "failed", "meta": meta})

    def send_error(self, error: ProtocolError) -> str:
        """Return the message that tells a client what was wrong with its own."""
        return json.dumps({"type": "error", "data": error.message, "code": error.code})

    def _use(self, options: StartOptions) -> None:
        self._options = options
        self._codec = CODECS[options.encoding]
        self._width = options.channels * self._codec.bytes_per_sample

    def _start(self, message: Message) -> Started:
        if self._started:
            raise ProtocolError("already_started", "the stream was started before")
        self._use(_start_options(message))
        self._started = True
        return Started(self._options)

    def _media(self, message: Message) -> Audio:
        if self._options.binary:
            raise ProtocolError("not_negotiated", "media were negotiated to be binary messages")
        media = message.get("media")
        payload = media.get("payload") if isinstance(media, dict) else None
        if not isinstance(payload, str):
            raise ProtocolError("bad_media", 'media must be {"payload": "<base64>"}')
        try:
            data = a2b_base64(payload, strict_mode=True)
        except ValueError:
            raise ProtocolError("bad_base64", f"not base64: {shortened(payload)}") from None
        return Audio(self._samples(data))

    def _samples(self, data: bytes) -> NDArray[np.int16]:
        if len(data) % self._width:
            raise ProtocolError("bad_length", f"{len(data)} bytes are no multiple of {self._width}")
        interleaved = self._codec.decode(data)
        return np.ascontiguousarray(interleaved.reshape(-1, self._options.channels).T)


def _start_options(message: Message) -> StartOptions:
    if "encoding" not in message:
        return StartOptions(_session_id(message))
    return StartOptions(
        session_id=_session_id(message),
        encoding=_one_of(message, "encoding", tuple(CODECS)),
        rate=_one_of(message, "rate", RATES),
        channels=_one_of(message, "channels", (1, 2), 1),
        binary=_one_of(message, "binary", (False, True), False),
        wants=_wants(message),
        metadata=_metadata(message),
    )


def _one_of(message: Message, name: str, choices: Sequence[T], default: JSON = None) -> T:
    value = message.get(name, default)
    for choice in choices:
        if type(choice) is type(value) and choice == value:  # 1, 1.0 and true are equal
            return choice
    raise _bad_field(name, f"one of {json.dumps(choices)}", value)


def _session_id(message: Message) -> str | None:
    value = message.get("websocket_id")
    if value is None:
        return None
    if isinstance(value, str) and 0 < len(value) <= LONGEST_ID and value.isprintable():
        return value
    raise _bad_field("websocket_id", f"1 to {LONGEST_ID} printable characters", value)


def _wants(message: Message) -> frozenset[str]:
    value = message.get("wants", [])
    if not isinstance(value, list):
        raise _bad_field("wants", "a list of strings", value)
    wants = frozenset(item for item in value if isinstance(item, str))
    if len(wants) != len(value):
        raise _bad_field("wants", "a list of different strings", value)
    return wants


def _metadata(message: Message) -> dict[str, JSON]:
    value = message.get("metadata", {})
    if not isinstance(value, dict):
        raise _bad_field("metadata", "an object", value)
    return value


def _played(_: ServerProtocol, message: Message) -> Played:
    position = message.get("position")
    if not _is_number(position) or not 0.0 <= position < inf:
        raise _bad_field("position", "seconds since the stream began", position)
    return Played(position)


def _message(_: ServerProtocol, message: Message) -> ClientMessage:
    if "data" not in message:
        raise ProtocolError("bad_field", "data is missing")
    return ClientMessage(message["data"])


def _input(_: ServerProtocol, message: Message) -> Inputs:
    args = message.get("args")
    if not isinstance(args, list):
        raise _bad_field("args", "a list", args)
    return Inputs(args)


def _ping(_: ServerProtocol, message: Message) -> Ping:
    return Ping(_PONG)


def _stop(_: ServerProtocol, message: Message) -> Stopped:
    return Stopped()


def _is_number(value: JSON) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bad_field(name: str, expected: str, value: JSON) -> ProtocolError:
    return ProtocolError("bad_field", f"{name} must be {expected}, not {shortened(value)}")


def _refuse_constant(name: str) -> JSON:
    raise ValueError(f"{name} is no JSON")


_JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant)  # NaN and the infinities

_READERS: Final[dict[str, Callable[[ServerProtocol, Message], ClientEvent]]] = {
    "start": ServerProtocol._start,
    "media": ServerProtocol._media,
    "played": _played,
    "message": _message,
    "input": _input,
    "ping": _ping,
    "stop": _stop,
}

_BEFORE_START: Final = frozenset({"start", "ping", "stop"})
