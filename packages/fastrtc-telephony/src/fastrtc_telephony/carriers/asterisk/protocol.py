"""Asterisk's chan_websocket.

Written from what an Asterisk 22 was seen to send, in both forms of its control messages, plain text
and JSON (``control_message_format`` in its ``chan_websocket.conf``)::

    Asterisk sends                                                event
    MEDIA_START connection_id:... channel:... format:ulaw ...     CallStarted
    binary                                                        Audio
    MEDIA_MARK_PROCESSED m1                                       MarkReached; not for flushed ones
    DTMF_END digit:4 ...                                          KeyPressed
    MEDIA_XOFF, MEDIA_XON, STATUS ...

The caller's end is the connection's. Who calls is told only in JSON, and if the dial plan says it::

    same => n,Set(_FASTRTC_FROM=${CALLERID(num)})
    same => n,Set(_FASTRTC_TO=${EXTEN})
    same => n,Dial(WebSocket/fastrtc/c(ulaw)f(json))
"""

import json
from collections.abc import Sequence
from typing import Final

from fastrtc_core import ProtocolError
from fastrtc_telephony.events import CallEvent, CallInfo, CallStarted, KeyPressed, MarkReached
from fastrtc_telephony.lines import Line
from fastrtc_telephony.media import (
    MOST_PARAMETERS,
    MediaProtocol,
    Message,
    Outgoing,
    key,
    parameters,
    parse,
    text,
)

FROM: Final = "FASTRTC_FROM"
TO: Final = "FASTRTC_TO"
"""Channel variables, which the dial plan sets."""

LINES: Final = {
    "ulaw": Line("mulaw", 8000),
    "alaw": Line("alaw", 8000),
    "slin": Line("l16", 8000),
    "slin16": Line("l16", 16000),
    "slin24": Line("l16", 24000),
    "slin48": Line("l16", 48000),
}
"""Formats by Asterisk's names."""


class AsteriskProtocol(MediaProtocol):
    """One WebSocket channel."""

    carrier = "asterisk"

    def __init__(self) -> None:
        super().__init__()
        self._in_json = False

    def receive(self, data: str | bytes) -> Sequence[CallEvent]:
        """Take a message."""
        if isinstance(data, bytes):
            if not self.started:
                raise ProtocolError("not_started", "sound came before MEDIA_START")
            return [self.audio(data)]
        in_json = data.lstrip().startswith("{")
        message = parse(data) if in_json else _read(data)
        event = text(message, "event")
        if event == "MEDIA_START":
            return self._start(message, in_json)
        if not self.started:
            raise ProtocolError("not_started", f"{event[:40]!r} came before MEDIA_START")
        if event == "MEDIA_MARK_PROCESSED":
            return [MarkReached(_mark(message))]
        if event == "DTMF_END":
            return [self._key(message)]
        if event == "ERROR":
            raise ProtocolError(
                "carrier_error", f"Asterisk reports: {text(message, 'error_text', default='')}"
            )
        return ()

    def _start(self, message: Message, in_json: bool) -> Sequence[CallEvent]:
        name = text(message, "format")
        if name not in LINES:
            raise ProtocolError(
                "bad_format",
                f"{name!r} is none of {', '.join(LINES)}: say so in Dial(WebSocket/.../c(ulaw))",
                fatal=True,
            )
        variables = parameters(message, "channel_variables")
        channel = text(message, "channel", default="")
        info = CallInfo(
            self.carrier,
            call_id=text(message, "channel_id", default=channel),
            stream_id=text(message, "connection_id", default=""),
            caller=variables.pop(FROM, ""),
            called=variables.pop(TO, ""),
            parameters={"channel": channel, **variables},
        )
        self.not_twice()
        self.line, self._in_json = LINES[name], in_json
        return [CallStarted(info, self.line)]

    def _key(self, message: Message) -> KeyPressed:
        return key(message, "digit")

    def send_audio(self, data: bytes) -> Outgoing:
        """Return a binary message."""
        return [data]

    def send_clear(self) -> Outgoing:
        """Return a command to flush."""
        return [self._command("FLUSH_MEDIA")]

    def send_mark(self, name: str) -> Outgoing:
        """Return a command to tell when it is reached."""
        return [self._command("MARK_MEDIA", name)]

    def send_end(self) -> Outgoing:
        """Return a command to hang up."""
        return [self._command("HANGUP")] if self.started else ()

    def _command(self, name: str, mark: str | None = None) -> str:
        if not self._in_json:
            return name if mark is None else f"{name} {mark}"
        return json.dumps({"command": name} | ({} if mark is None else {"correlation_id": mark}))


def _mark(message: Message) -> str:
    name = text(message, "correlation_id")
    if not name:
        raise ProtocolError("bad_field", "a mark without its name")
    return name


def _read(line: str) -> Message:
    """Return a plain-text message as if it had been JSON.

    After the event come ``name:value`` pairs, of which an error's text may hold spaces; but of a
    mark its name, which is the rest of the line.
    """
    event, _, rest = line.strip().partition(" ")
    if event == "MEDIA_MARK_PROCESSED":
        return {"event": event, "correlation_id": rest}
    pairs, _, error = rest.partition("error_text:")
    message: Message = {"error_text": error}
    for word in pairs.split()[:MOST_PARAMETERS]:
        name, colon, value = word.partition(":")
        if colon:
            message[name] = value
    return message | {"event": event}
