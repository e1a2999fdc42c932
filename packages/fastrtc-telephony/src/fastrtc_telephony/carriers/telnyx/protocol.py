"""Telnyx Media Streaming, bidirectional by RTP payloads.

Written from Telnyx's description of the messages. They are much as Twilio's, with other names::

    Telnyx sends                                                   event
    {"event": "connected", ...}
    {"event": "start", "stream_id", "start": {...}}                CallStarted
    {"event": "media", "media": {"track", "chunk", "payload"}}     Audio
    {"event": "mark", "mark": {"name": ...}}                       MarkReached
    {"event": "dtmf", "dtmf": {"digit": "5"}}                      KeyPressed
    {"event": "error", "payload": {"code", "title", "detail"}}     ProtocolError
    {"event": "stop", ...}                                         CallEnded

Telnyx does not promise the order of media; what is late is left out.
"""

import json
from collections.abc import Sequence
from typing import ClassVar, Final

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

ENCODINGS: Final[dict[str, Encoding]] = {"PCMU": "mulaw", "PCMA": "alaw", "L16": "l16"}
RATES: Final = (8000, 16000, 24000)


class TelnyxProtocol(JSONProtocol):
    """One media stream."""

    carrier = "telnyx"

    def __init__(self) -> None:
        super().__init__()
        self._order = Order()

    def start(self, message: Message) -> Sequence[CallEvent]:
        """Read the start of the stream."""
        encoding = text(message, "start", "media_format", "encoding")
        rate = number(message, "start", "media_format", "sample_rate")
        if encoding not in ENCODINGS or rate not in RATES:
            wanted = f"{', '.join(ENCODINGS)} at {', '.join(map(str, RATES))} Hz"
            raise ProtocolError(
                "bad_format", f"{encoding!r} at {rate} Hz is not one of {wanted}", fatal=True
            )
        info = CallInfo(
            self.carrier,
            call_id=text(message, "start", "call_control_id"),
            stream_id=text(message, "stream_id"),
            caller=text(message, "start", "from", default=""),
            called=text(message, "start", "to", default=""),
            parameters=parameters(message, "start", "custom_parameters"),
        )
        self.not_twice()
        self.line = Line(ENCODINGS[encoding], rate)
        return [CallStarted(info, self.line)]

    def media(self, message: Message) -> Sequence[CallEvent]:
        """Read sound."""
        if find(message, "media", "track") not in (None, "inbound"):
            return ()
        audio = self.audio(payload(message, "media", "payload"))
        self._order.take(number(message, "media", "chunk"))
        return [audio]

    def mark(self, message: Message) -> Sequence[CallEvent]:
        """Read that a mark was reached."""
        return [MarkReached(text(message, "mark", "name"))]

    def dtmf(self, message: Message) -> Sequence[CallEvent]:
        """Read that a key was pressed."""
        return [key(message, "dtmf", "digit")]

    def error(self, message: Message) -> Sequence[CallEvent]:
        """Read what Telnyx says against what it was sent."""
        title = text(message, "payload", "title", default="an error")
        detail = text(message, "payload", "detail", default="")
        raise ProtocolError("carrier_error", f"Telnyx reports {title}: {detail}")

    def stop(self, message: Message) -> Sequence[CallEvent]:
        """Read that the call is over."""
        return [CallEnded("the caller has hung up")]

    def send_audio(self, data: bytes) -> Outgoing:
        """Return a media message."""
        return [json.dumps({"event": "media", "media": {"payload": base64(data)}})]

    def send_clear(self) -> Outgoing:
        """Return a clear message."""
        return [json.dumps({"event": "clear"})]

    def send_mark(self, name: str) -> Outgoing:
        """Return a mark message."""
        return [json.dumps({"event": "mark", "mark": {"name": name}})]

    readers: ClassVar[Readers] = {
        "connected": JSONProtocol.nothing,
        "start": start,
        "media": media,
        "mark": mark,
        "dtmf": dtmf,
        "error": error,
        "stop": stop,
    }
    before_start = frozenset({"connected", "start", "stop", "error"})
