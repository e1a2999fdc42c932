"""Genesys AudioHook, version 2, as its Audio Connector uses it.

Written from the protocol's description. Control messages are JSON, sound is binary::

    Genesys sends                                    event
    {"type": "open", "parameters": {...}}            CallStarted, and we answer "opened"
    binary                                           Audio, mu-law at 8 kHz, the caller's channel
    {"type": "ping"}                                 we answer "pong"
    {"type": "dtmf", "parameters": {"digit": "5"}}   KeyPressed
    {"type": "close", "parameters": {"reason"}}      we answer "closed", CallEnded

Every message counts up ``seq`` and repeats the other side's last one. There are no marks. To end
the session, a server asks for it (``disconnect``), and the client closes.
"""

import json
from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np

from fastrtc_core import ProtocolError
from fastrtc_core.messages import JSON
from fastrtc_telephony.events import Audio, CallEnded, CallEvent, CallInfo, CallStarted, Reply
from fastrtc_telephony.media import (
    JSONProtocol,
    Message,
    Order,
    Outgoing,
    Readers,
    find,
    key,
    number,
    parameters,
    text,
)

VERSION: Final = "2"
PROBE: Final = "00000000-0000-0000-0000-000000000000"
"""The conversation of a connection that only tests whether there is a server."""


class GenesysProtocol(JSONProtocol):
    """One AudioHook session."""

    carrier = "genesys"
    kind = "type"
    closes = True
    before_start = frozenset({"open", "ping", "close", "error"})

    def __init__(self) -> None:
        super().__init__()
        self._id = ""
        self._heard = 0
        self._sent = 0
        self._order = Order()
        self._caller = 0
        self._channels = 1

    def open(self, message: Message) -> Sequence[CallEvent]:
        """Read the start of the session, and choose how the sound comes."""
        latest = self._check(message)
        media = _choose(find(message, "parameters", "media"))
        conversation = text(message, "parameters", "conversationId")
        info = CallInfo(
            self.carrier,
            call_id=conversation,
            stream_id=text(message, "id"),
            caller=text(message, "parameters", "participant", "ani", default=""),
            called=text(message, "parameters", "participant", "dnis", default=""),
            parameters=parameters(message, "parameters", "inputVariables"),
        )
        self.not_twice()
        self._note(latest, message)
        self._id = info.stream_id
        channels = media["channels"]
        assert isinstance(channels, list)
        self._channels = len(channels)
        self._caller = channels.index("external")
        opened = Reply(self._send("opened", {"startPaused": False, "media": [media]}))
        if conversation == PROBE:
            return [opened]
        return [opened, CallStarted(info, self.line)]

    def ping(self, message: Message) -> Sequence[CallEvent]:
        """Answer a ping."""
        self._note(self._check(message), message)
        return [Reply(self._send("pong", {}))]

    def dtmf(self, message: Message) -> Sequence[CallEvent]:
        """Read that a key was pressed."""
        latest = self._check(message)
        pressed = key(message, "parameters", "digit")
        self._note(latest, message)
        return [pressed]

    def close(self, message: Message) -> Sequence[CallEvent]:
        """Read that the session ends, and agree."""
        latest = self._check(message)
        reason = text(message, "parameters", "reason", default="")
        self._note(latest, message)
        return [Reply(self._send("closed", {})), CallEnded(reason)]

    def error(self, message: Message) -> Sequence[CallEvent]:
        """Read what Genesys says against what it was sent."""
        latest = self._check(message)
        reason = text(message, "parameters", "message", default="no reason")
        self._note(latest, message)
        raise ProtocolError("carrier_error", f"Genesys reports an error: {reason}")

    def nothing(self, message: Message) -> Sequence[CallEvent]:
        """Count a message that means nothing here."""
        self._note(self._check(message), message)
        return ()

    def receive_bytes(self, data: bytes) -> Sequence[CallEvent]:
        """Read sound, the samples of all channels in turn."""
        if not self.started:
            raise ProtocolError("not_started", "sound came before the session was opened")
        if len(data) % self._channels:
            raise ProtocolError(
                "bad_length", f"{len(data)} bytes are not {self._channels} channels"
            )
        everything = self.audio(data).samples.reshape(-1, self._channels)
        return [Audio(np.ascontiguousarray(everything[:, self._caller])[np.newaxis])]

    def send_audio(self, data: bytes) -> Outgoing:
        """Return a binary message."""
        return [data]

    def send_clear(self) -> Outgoing:
        """Return the event that the caller has barged in."""
        return [self._send("event", {"entities": [{"type": "barge_in", "data": {}}]})]

    def send_end(self) -> Outgoing:
        """Return a disconnect message."""
        if not self.started:
            return ()
        return [self._send("disconnect", {"reason": "completed", "outputVariables": {}})]

    def _send(self, kind: str, given: dict[str, JSON]) -> str:
        self._sent += 1
        return json.dumps(
            {
                "version": VERSION,
                "type": kind,
                "seq": self._sent,
                "clientseq": self._heard,
                "id": self._id,
                "parameters": given,
            }
        )

    def _check(self, message: Message) -> int:
        """Return a message's number; a message that is wrong is not counted."""
        if text(message, "version") != VERSION:
            raise ProtocolError("bad_version", "only AudioHook 2 is spoken here", fatal=True)
        if self.started and text(message, "id") != self._id:
            raise ProtocolError("unknown_stream", f"there is no session {message.get('id')!r} here")
        latest = number(message, "seq")
        self._order.check(latest)
        return latest

    def _note(self, latest: int, message: Message) -> None:
        self._order.take(latest)
        self._heard = latest
        self._id = text(message, "id", default=self._id)

    readers: ClassVar[Readers] = {
        "open": open,
        "ping": ping,
        "dtmf": dtmf,
        "close": close,
        "error": error,
    }


def _choose(offered: JSON) -> dict[str, JSON]:
    """Return the offered form of sound that has the caller, alone if possible."""
    fit: list[dict[str, JSON]] = []
    for one in offered if isinstance(offered, list) else []:
        if not isinstance(one, dict) or one.get("format") != "PCMU" or one.get("rate") != 8000:
            continue
        channels = one.get("channels")
        if channels in (["external"], ["external", "internal"], ["internal", "external"]):
            fit.append({"type": "audio", "format": "PCMU", "channels": channels, "rate": 8000})
    if not fit:
        raise ProtocolError(
            "bad_format", "no PCMU at 8000 Hz with an external channel is offered", fatal=True
        )
    return min(fit, key=lambda one: len(str(one["channels"])))
