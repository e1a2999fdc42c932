"""Exotel's Voicebot applet.

Written from Exotel's guide: Twilio's messages, with other names and 16 bits little-endian::

    Exotel sends                                               event
    {"event": "connected"}
    {"event": "start", "stream_sid", "start": {...}}           CallStarted
    {"event": "media", "media": {"chunk", "payload"}}          Audio
    {"event": "mark", "mark": {"name": ...}}                   MarkReached
    {"event": "dtmf", "dtmf": {"digit": "5"}}                  KeyPressed
    {"event": "stop", ...}                                     CallEnded

A message of ours has a multiple of 320 bytes, and 3,200 at least (200 ms at 8 kHz): shorter ones
crackle.
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

CHUNK: Final = 3200
"""Bytes of sound in a message."""

RATES: Final = (8000, 16000, 24000)
ENCODINGS: Final[dict[str, Encoding]] = {
    "": "l16",  # it need not be told
    "base64": "l16",  # as the guide's example has it
    "raw/slin": "l16",
    "audio/l16": "l16",
    "audio/x-raw": "l16",
    "audio/x-mulaw": "mulaw",
    "mulaw": "mulaw",
}


class ExotelProtocol(JSONProtocol):
    """One media stream."""

    carrier = "exotel"

    def __init__(self) -> None:
        super().__init__()
        self._stream_id = ""
        self._order = Order()

    def start(self, message: Message) -> Sequence[CallEvent]:
        """Read the start of the stream."""
        encoding = text(message, "start", "media_format", "encoding", default="").lower()
        rate = number(message, "start", "media_format", "sample_rate")
        if encoding not in ENCODINGS or rate not in RATES:
            message_ = f"{encoding!r} at {rate} Hz is no format of Exotel's"
            raise ProtocolError("bad_format", message_, fatal=True)
        info = CallInfo(
            self.carrier,
            call_id=text(message, "start", "call_sid"),
            stream_id=text(message, "stream_sid"),
            caller=text(message, "start", "from", default=""),
            called=text(message, "start", "to", default=""),
            parameters=parameters(message, "start", "custom_parameters"),
        )
        self.not_twice()
        self._stream_id, self.line = info.stream_id, Line(ENCODINGS[encoding], rate)
        self.chunk = self.line.seconds(CHUNK)
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

    def stop(self, message: Message) -> Sequence[CallEvent]:
        """Read that the call is over."""
        return [CallEnded(text(message, "stop", "reason", default="the caller has hung up"))]

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
        return json.dumps({"event": event, "stream_sid": self._stream_id, **fields})

    readers: ClassVar[Readers] = {
        "connected": JSONProtocol.nothing,
        "start": start,
        "media": media,
        "mark": mark,
        "dtmf": dtmf,
        "stop": stop,
    }
