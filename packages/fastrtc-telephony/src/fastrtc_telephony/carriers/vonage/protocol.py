"""Vonage's WebSocket endpoints.

Written from Vonage's guide::

    Vonage sends                                                      event
    {"event": "websocket:connected", "content-type": ..., headers}    CallStarted
    binary                                                            Audio, 16 bits little-endian
    {"event": "websocket:notify", "payload": {"mark": ...}}           MarkReached
    {"event": "websocket:cleared"}
    {"event": "websocket:dtmf", "digit": "5"}                         KeyPressed

Each binary message of ours has 20 ms. The end is the connection's.
"""

import json
from collections.abc import Sequence
from typing import ClassVar, Final

from fastrtc_core import ProtocolError
from fastrtc_telephony.events import CallEvent, CallInfo, CallStarted, MarkReached
from fastrtc_telephony.lines import Line
from fastrtc_telephony.media import (
    MOST_PARAMETERS,
    JSONProtocol,
    Message,
    Outgoing,
    Readers,
    key,
    text,
)

CONTENT_TYPES: Final = {f"audio/l16;rate={rate}": rate for rate in (8000, 16000, 24000)}


class VonageProtocol(JSONProtocol):
    """One WebSocket endpoint of a call."""

    carrier = "vonage"
    chunk = 0.02
    before_start = frozenset({"websocket:connected"})

    def connected(self, message: Message) -> Sequence[CallEvent]:
        """Read the start of the stream; the NCCO's headers are fields of it."""
        content_type = text(message, "content-type").replace(" ", "").lower()
        rate = CONTENT_TYPES.get(content_type)
        if rate is None:
            raise ProtocolError(
                "bad_format",
                f"{content_type!r} is not one of {', '.join(CONTENT_TYPES)}",
                fatal=True,
            )
        names = list(message)[:MOST_PARAMETERS]
        own = {name: text(message, name) for name in names if isinstance(message[name], str)}
        for name in ("event", "content-type"):
            own.pop(name, None)
        info = CallInfo(
            self.carrier,
            call_id=own.get("call_id", ""),
            caller=own.get("from", ""),
            called=own.get("to", ""),
            parameters=own,
        )
        self.not_twice()
        self.line = Line("l16", rate)
        return [CallStarted(info, self.line)]

    def notify(self, message: Message) -> Sequence[CallEvent]:
        """Read that a mark was reached."""
        return [MarkReached(text(message, "payload", "mark"))]

    def dtmf(self, message: Message) -> Sequence[CallEvent]:
        """Read that a key was pressed."""
        return [key(message, "digit")]

    def receive_bytes(self, data: bytes) -> Sequence[CallEvent]:
        """Read sound."""
        if not self.started:
            raise ProtocolError("not_started", "sound came before the stream started")
        return [self.audio(data)]

    def send_audio(self, data: bytes) -> Outgoing:
        """Return a binary message."""
        return [data]

    def send_clear(self) -> Outgoing:
        """Return a clear message."""
        return ['{"action": "clear"}']

    def send_mark(self, name: str) -> Outgoing:
        """Return a notify message."""
        return [json.dumps({"action": "notify", "payload": {"mark": name}})]

    readers: ClassVar[Readers] = {
        "websocket:connected": connected,
        "websocket:notify": notify,
        "websocket:cleared": JSONProtocol.nothing,
        "websocket:dtmf": dtmf,
    }
