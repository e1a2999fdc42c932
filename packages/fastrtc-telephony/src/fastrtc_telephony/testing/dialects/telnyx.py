"""Telnyx, from its own side."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlencode

from fastrtc_telephony.carrier import time_of_day
from fastrtc_telephony.testing.dialects.base import (
    FORM,
    Caller,
    Clear,
    Command,
    Connect,
    Dialect,
    DialectError,
    Mark,
    Messages,
    Refuse,
    Sound,
    Webhook,
    decoded,
    parse_object,
    read_twiml,
    xml,
)


class TelnyxDialect(Dialect):
    """Telnyx; ``private_key``, an Ed25519 seed in base64."""

    name = "telnyx"
    environment: ClassVar = {"private_key": "TELNYX_PRIVATE_KEY"}
    path = "/telephone/telnyx/incoming"
    marks_when_cleared = True

    def webhook(self, url: str, caller: Caller) -> Webhook:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        fields = {"CallSid": caller.call_id, "From": caller.caller, "To": caller.called}
        body = urlencode(fields).encode()
        stamp = str(int(time_of_day()))
        seed = base64.b64decode(self.given.get("private_key", ""))
        signed = Ed25519PrivateKey.from_private_bytes(seed).sign(f"{stamp}|".encode() + body)
        headers = {
            "Content-Type": FORM,
            "Telnyx-Timestamp": stamp,
            "Telnyx-Signature-Ed25519": base64.b64encode(signed).decode(),
        }
        return Webhook("POST", url, headers, body)

    def read_answer(self, body: str) -> Connect | Refuse:
        answer = read_twiml(body)
        stream = xml(body).find("Connect/Stream")
        if stream is not None and stream.attrib.get("bidirectionalMode") != "rtp":
            raise DialectError("without bidirectionalMode=rtp, Telnyx plays MP3 only")
        return answer

    def opening(self, caller: Caller, parameters: Mapping[str, str]) -> Messages:
        start = {
            "call_control_id": caller.call_id,
            "from": caller.caller,
            "to": caller.called,
            "custom_parameters": {**caller.parameters, **parameters},
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        }
        begin = {"event": "start", "sequence_number": "1", "stream_id": caller.stream_id}
        return [
            json.dumps({"event": "connected", "version": "1.0.0"}),
            json.dumps({**begin, "start": start}),
        ]

    def sound(self, data: bytes) -> str | bytes:
        self.count += 1
        payload = base64.b64encode(data).decode()
        media = {"track": "inbound", "chunk": str(self.count), "payload": payload}
        return json.dumps({"event": "media", "media": media})

    def read(self, message: str | bytes) -> Sequence[Command]:
        found = parse_object(message)
        match found.get("event"):
            case "media":
                return [Sound(decoded(found["media"]["payload"]))]
            case "clear":
                return [Clear()]
            case "mark":
                return [Mark(found["mark"]["name"])]
            case event:
                raise DialectError(f"Telnyx knows no event {event!r}")

    def mark(self, name: str) -> Messages:
        return [json.dumps({"event": "mark", "mark": {"name": name}})]

    def press(self, key: str) -> Messages:
        return [json.dumps({"event": "dtmf", "dtmf": {"digit": key}})]

    def stop(self) -> Messages:
        return [json.dumps({"event": "stop"})]
