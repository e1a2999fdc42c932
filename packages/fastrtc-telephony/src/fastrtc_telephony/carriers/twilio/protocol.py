"""Twilio Media Streams, bidirectional.

Written from Twilio's description of the WebSocket messages of ``<Connect><Stream>``::

    Twilio sends                                           event
    {"event": "connected", ...}
    {"event": "start", "streamSid", "start": {...}}        CallStarted
    {"event": "media", "media": {"payload": base64}}       Audio, mu-law at 8 kHz
    {"event": "mark", "mark": {"name": ...}}               MarkReached; a clear reaches all marks
    {"event": "dtmf", "dtmf": {"digit": "5"}}              KeyPressed
    {"event": "stop", ...}                                 CallEnded
"""

import json
from collections.abc import Sequence
from typing import ClassVar

from fastrtc_core import ProtocolError
from fastrtc_telephony.events import CallEnded, CallEvent, CallInfo, CallStarted, MarkReached
from fastrtc_telephony.lines import Encoding, Line
from fastrtc_telephony.media import (
    JSONProtocol,
    Message,
    Order,
    Outgoing,
    Readers,
    base64,
    find,
    key,
    number,
    parameters,
    payload,
    text,
)


class TwilioProtocol(JSONProtocol):
    """One media stream."""

    carrier = "twilio"
    encodings: ClassVar[dict[str, Encoding]] = {"audio/x-mulaw": "mulaw"}

    def __init__(self) -> None:
        super().__init__()
        self._stream_id = ""
        self._order = Order()

    def start(self, message: Message) -> Sequence[CallEvent]:
        """Read the start of the stream."""
        encoding = text(message, "start", "mediaFormat", "encoding")
        if encoding not in self.encodings:
            raise ProtocolError("bad_format", f"Twilio sends mu-law, not {encoding!r}", fatal=True)
        info = CallInfo(
            self.carrier,
            call_id=text(message, "start", "callSid"),
            stream_id=text(message, "start", "streamSid"),
            parameters=parameters(message, "start", "customParameters"),
        )
        line = Line(self.encodings[encoding], number(message, "start", "mediaFormat", "sampleRate"))
        if line.rate != 8000:
            raise ProtocolError("bad_format", f"Twilio sends 8000 Hz, not {line.rate}", fatal=True)
        self.not_twice()
        self._stream_id, self.line = info.stream_id, line
        return [CallStarted(info, line)]

    def media(self, message: Message) -> Sequence[CallEvent]:
        """Read sound."""
        self._check_stream(message)
        if find(message, "media", "track") not in (None, "inbound"):
            return ()
        audio = self.audio(payload(message, "media", "payload"))
        self._order.take(number(message, "media", "chunk"))
        return [audio]

    def mark(self, message: Message) -> Sequence[CallEvent]:
        """Read that a mark was reached."""
        self._check_stream(message)
        return [MarkReached(text(message, "mark", "name"))]

    def dtmf(self, message: Message) -> Sequence[CallEvent]:
        """Read that a key was pressed."""
        self._check_stream(message)
        return [key(message, "dtmf", "digit")]

    def stop(self, message: Message) -> Sequence[CallEvent]:
        """Read that the call is over."""
        return [CallEnded("the caller has hung up")]

    def send_audio(self, data: bytes) -> Outgoing:
        """Return a media message."""
        return [self._send("media", media={"payload": base64(data)})]

    def send_clear(self) -> Outgoing:
        """Return a clear message."""
        return [self._send("clear")]

    def send_mark(self, name: str) -> Outgoing:
        """Return a mark message."""
        return [self._send("mark", mark={"name": name})]

    def _send(self, event: str, **fields: object) -> str:
        return json.dumps({"event": event, "streamSid": self._stream_id, **fields})

    def _check_stream(self, message: Message) -> None:
        stream_id = text(message, "streamSid", default=self._stream_id)
        if stream_id != self._stream_id:
            raise ProtocolError("unknown_stream", f"there is no stream {stream_id!r} here")

    readers: ClassVar[Readers] = {
        "connected": JSONProtocol.nothing,
        "start": start,
        "media": media,
        "mark": mark,
        "dtmf": dtmf,
        "stop": stop,
    }
