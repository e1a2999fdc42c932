"""Plivo's audio streams, bidirectional.

Written from Plivo's protocol reference::

    Plivo sends                                                     event
    {"event": "start", "start": {...}, "extra_headers": "a=b;..."}  CallStarted
    {"event": "media", "media": {"track", "chunk", "payload"}}      Audio
    {"event": "playedStream", "name": ...}                          MarkReached
    {"event": "clearedAudio"}
    {"event": "dtmf", "dtmf": {"digit": "5"}}                       KeyPressed
    {"event": "stop"}                                               CallEnded
"""

import json
from collections.abc import Sequence
from typing import ClassVar

from fastrtc_core import ProtocolError
from fastrtc_telephony.events import CallEvent, CallInfo, CallStarted, MarkReached
from fastrtc_telephony.lines import Line
from fastrtc_telephony.media import (
    MOST_PARAMETERS,
    Message,
    Outgoing,
    Readers,
    base64,
    number,
    text,
)
from fastrtc_telephony.streams import StreamProtocol


class PlivoProtocol(StreamProtocol):
    """One audio stream. It asks for mu-law: of Plivo's 16 bits the byte order is not told."""

    carrier = "plivo"

    def start(self, message: Message) -> Sequence[CallEvent]:
        """Read the start of the stream."""
        encoding = text(message, "start", "mediaFormat", "encoding")
        rate = number(message, "start", "mediaFormat", "sampleRate")
        if (encoding, rate) != ("audio/x-mulaw", 8000):
            raise ProtocolError(
                "bad_format",
                f"the stream has {encoding!r} at {rate} Hz: ask for it by "
                'contentType="audio/x-mulaw;rate=8000"',
                fatal=True,
            )
        info = CallInfo(
            self.carrier,
            call_id=text(message, "start", "callId"),
            stream_id=text(message, "start", "streamId"),
            parameters=_headers(text(message, "extra_headers", default="")),
        )
        self.not_twice()
        self.stream_id, self.line = info.stream_id, Line()
        return [CallStarted(info, self.line)]

    def played(self, message: Message) -> Sequence[CallEvent]:
        """Read that a checkpoint was reached."""
        return [MarkReached(text(message, "name"))]

    def send_audio(self, data: bytes) -> Outgoing:
        """Return a playAudio message."""
        media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": base64(data)}
        return [json.dumps({"event": "playAudio", "media": media})]

    def send_clear(self) -> Outgoing:
        """Return a clearAudio message."""
        return [json.dumps({"event": "clearAudio", "streamId": self.stream_id})]

    def send_mark(self, name: str) -> Outgoing:
        """Return a checkpoint message."""
        return [json.dumps({"event": "checkpoint", "streamId": self.stream_id, "name": name})]

    def send_keys(self, keys: str) -> Outgoing:
        """Return a sendDTMF message."""
        return [json.dumps({"event": "sendDTMF", "dtmf": keys})]

    readers: ClassVar[Readers] = {
        "start": start,
        "media": StreamProtocol.media,
        "playedStream": played,
        "clearedAudio": StreamProtocol.nothing,
        "dtmf": StreamProtocol.dtmf,
        "stop": StreamProtocol.stop,
    }


def _headers(given: str) -> dict[str, str]:
    """Read what Plivo passes on of its XML's extraHeaders.

    Its reference shows ``a=1;b=2``; ``{a: 1, b: 2}`` has been seen too.
    """
    given = given.strip()
    between, separator = ("=", ";")
    if given.startswith("{") and given.endswith("}"):
        given, between, separator = given[1:-1], ":", ","
    pairs = (part.partition(between) for part in given.split(separator)[:MOST_PARAMETERS])
    return {name.strip(): value.strip() for name, found, value in pairs if found and name.strip()}
