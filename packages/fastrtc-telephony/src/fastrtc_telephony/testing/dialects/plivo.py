"""Plivo, from its own side."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlencode

from fastrtc_telephony.carriers.plivo.plivo import signature as plivo_signature
from fastrtc_telephony.testing.dialects.base import (
    FORM,
    Caller,
    Clear,
    Command,
    Connect,
    Dialect,
    DialectError,
    Keys,
    Mark,
    Messages,
    Refuse,
    Sound,
    Webhook,
    decoded,
    parse_object,
    xml,
)


class PlivoDialect(Dialect):
    """Plivo; ``auth_token``."""

    name = "plivo"
    environment: ClassVar = {"auth_token": "PLIVO_AUTH_TOKEN"}
    path = "/telephone/plivo/incoming"

    def webhook(self, url: str, caller: Caller) -> Webhook:
        fields = {"CallUUID": caller.call_id, "From": caller.caller, "To": caller.called}
        nonce = secrets.token_hex(8)
        signed = plivo_signature(self.given.get("auth_token", ""), url, list(fields.items()), nonce)
        headers = {
            "Content-Type": FORM,
            "X-Plivo-Signature-V3": signed,
            "X-Plivo-Signature-V3-Nonce": nonce,
        }
        return Webhook("POST", url, headers, urlencode(fields).encode())

    def read_answer(self, body: str) -> Connect | Refuse:
        root = xml(body)
        stream = root.find("Stream")
        sentence = " ".join(found.text or "" for found in root.iter("Speak"))
        if stream is None:
            hangup = root.find("Hangup")
            how = sentence or (hangup.attrib.get("reason", "") if hangup is not None else "")
            return Refuse(how or "hung up")
        wanted = {
            "bidirectional": "true",
            "keepCallAlive": "true",
            "contentType": "audio/x-mulaw;rate=8000",
        }
        if stream.attrib != wanted:
            raise DialectError(f"a stream of {stream.attrib} is no conversation in mu-law")
        return Connect((stream.text or "").strip(), {}, sentence)

    def opening(self, caller: Caller, parameters: Mapping[str, str]) -> Messages:
        start = {
            "callId": caller.call_id,
            "streamId": caller.stream_id,
            "accountId": "MA0",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        }
        extra = ";".join(f"{name}={value}" for name, value in caller.parameters.items())
        message = {"event": "start", "sequenceNumber": 1, "start": start, "extra_headers": extra}
        return [json.dumps(message)]

    def sound(self, data: bytes) -> str | bytes:
        self.count += 1
        payload = base64.b64encode(data).decode()
        media = {"track": "inbound", "chunk": self.count, "payload": payload}
        return json.dumps({"event": "media", "sequenceNumber": self.count + 1, "media": media})

    def read(self, message: str | bytes) -> Sequence[Command]:
        found = parse_object(message)
        match found.get("event"):
            case "playAudio":
                media = found["media"]
                if (media["contentType"], media["sampleRate"]) != ("audio/x-mulaw", 8000):
                    raise DialectError(f"sound of {media['contentType']}")
                return [Sound(decoded(media["payload"]))]
            case "clearAudio":
                return [Clear()]
            case "checkpoint":
                return [Mark(found["name"])]
            case "sendDTMF":
                return [Keys(found["dtmf"])]
            case event:
                raise DialectError(f"Plivo knows no event {event!r}")

    def mark(self, name: str) -> Messages:
        return [json.dumps({"event": "playedStream", "name": name})]

    def press(self, key: str) -> Messages:
        return [json.dumps({"event": "dtmf", "dtmf": {"track": "inbound", "digit": key}})]

    def stop(self) -> Messages:
        return [json.dumps({"event": "stop"})]
