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

from collections.abc import Sequence
from typing import ClassVar

from fastrtc_core import ProtocolError
from fastrtc_telephony.events import CallEvent, CallInfo, CallStarted
from fastrtc_telephony.lines import Encoding, Line
from fastrtc_telephony.media import Message, Readers, number, parameters, text
from fastrtc_telephony.streams import StreamProtocol


class TwilioProtocol(StreamProtocol):
    """One media stream."""

    carrier = "twilio"
    stream_field = "streamSid"
    encodings: ClassVar[dict[str, Encoding]] = {"audio/x-mulaw": "mulaw"}

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
        self.stream_id, self.line = info.stream_id, line
        return [CallStarted(info, line)]

    def check_stream(self, message: Message) -> None:
        """Check that a message is of this stream, if it says of which."""
        stream_id = text(message, "streamSid", default=self.stream_id)
        if stream_id != self.stream_id:
            raise ProtocolError("unknown_stream", f"there is no stream {stream_id!r} here")

    readers: ClassVar[Readers] = {**StreamProtocol.readers, "start": start}
