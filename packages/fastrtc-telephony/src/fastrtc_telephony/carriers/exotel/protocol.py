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

from collections.abc import Sequence
from typing import ClassVar, Final

from fastrtc_core import ProtocolError
from fastrtc_telephony.events import CallEnded, CallEvent, CallInfo, CallStarted
from fastrtc_telephony.lines import Encoding, Line
from fastrtc_telephony.media import Message, Readers, number, parameters, text
from fastrtc_telephony.streams import StreamProtocol

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


class ExotelProtocol(StreamProtocol):
    """One media stream."""

    carrier = "exotel"
    stream_field = "stream_sid"

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
        self.stream_id, self.line = info.stream_id, Line(ENCODINGS[encoding], rate)
        self.chunk = self.line.seconds(CHUNK)
        return [CallStarted(info, self.line)]

    def stop(self, message: Message) -> Sequence[CallEvent]:
        """Read that the call is over."""
        return [CallEnded(text(message, "stop", "reason", default="the caller has hung up"))]

    readers: ClassVar[Readers] = {**StreamProtocol.readers, "start": start, "stop": stop}
