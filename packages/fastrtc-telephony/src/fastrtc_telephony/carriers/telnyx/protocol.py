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

from collections.abc import Sequence
from typing import ClassVar, Final

from fastrtc_core import ProtocolError
from fastrtc_telephony.events import CallEvent, CallInfo, CallStarted
from fastrtc_telephony.lines import Encoding, Line
from fastrtc_telephony.media import Message, Readers, number, parameters, text
from fastrtc_telephony.streams import StreamProtocol

ENCODINGS: Final[dict[str, Encoding]] = {"PCMU": "mulaw", "PCMA": "alaw", "L16": "l16"}
RATES: Final = (8000, 16000, 24000)


class TelnyxProtocol(StreamProtocol):
    """One media stream."""

    carrier = "telnyx"

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
        self.stream_id, self.line = info.stream_id, Line(ENCODINGS[encoding], rate)
        return [CallStarted(info, self.line)]

    def error(self, message: Message) -> Sequence[CallEvent]:
        """Read what Telnyx says against what it was sent."""
        title = text(message, "payload", "title", default="an error")
        detail = text(message, "payload", "detail", default="")
        raise ProtocolError("carrier_error", f"Telnyx reports {title}: {detail}")

    readers: ClassVar[Readers] = {**StreamProtocol.readers, "start": start, "error": error}
    before_start = frozenset({"connected", "start", "stop", "error"})
