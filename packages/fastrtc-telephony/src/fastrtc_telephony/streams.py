"""What the carriers that speak Twilio's messages, or nearly, have in common.

Twilio, Telnyx and Exotel name their fields each in its own way where a stream starts, and alike
after; Plivo differs in what it is sent as well.
"""

import json
from collections.abc import Sequence
from typing import ClassVar

from fastrtc_telephony.events import CallEnded, CallEvent, MarkReached
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
    payload,
    text,
)


class StreamProtocol(JSONProtocol):
    """One media stream, told in events. A carrier's own reads how it starts."""

    stream_field: ClassVar[str | None] = None
    """Name of the field that says which stream our messages are for; None if there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.stream_id = ""
        self._order = Order()

    def check_stream(self, message: Message) -> None:
        """Check which stream a message is of; by default it is of this one.

        Raises:
            ProtocolError: It is of another.

        """

    def media(self, message: Message) -> Sequence[CallEvent]:
        """Read sound."""
        self.check_stream(message)
        if find(message, "media", "track") not in (None, "inbound"):
            return ()
        audio = self.audio(payload(message, "media", "payload"))
        self._order.take(number(message, "media", "chunk"))
        return [audio]

    def mark(self, message: Message) -> Sequence[CallEvent]:
        """Read that a mark was reached."""
        self.check_stream(message)
        return [MarkReached(text(message, "mark", "name"))]

    def dtmf(self, message: Message) -> Sequence[CallEvent]:
        """Read that a key was pressed."""
        self.check_stream(message)
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
        stream = {} if self.stream_field is None else {self.stream_field: self.stream_id}
        return json.dumps({"event": event, **stream, **fields})

    readers: ClassVar[Readers] = {
        "connected": JSONProtocol.nothing,
        "media": media,
        "mark": mark,
        "dtmf": dtmf,
        "stop": stop,
    }
