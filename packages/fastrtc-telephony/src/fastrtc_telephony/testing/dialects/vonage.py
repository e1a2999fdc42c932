"""Vonage, from its own side."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

from fastrtc_telephony.carrier import time_of_day
from fastrtc_telephony.lines import Line
from fastrtc_telephony.testing.dialects.base import (
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
    parse_object,
)


class VonageDialect(Dialect):
    """Vonage; ``signature_secret``."""

    name = "vonage"
    environment: ClassVar = {"signature_secret": "VONAGE_SIGNATURE_SECRET"}
    path = "/telephone/vonage/incoming"
    line = Line("l16", 16000)

    def webhook(self, url: str, caller: Caller) -> Webhook:
        call = {"from": caller.caller, "to": caller.called, "uuid": caller.call_id}
        body = json.dumps(call).encode()
        claims = {
            "iss": "Vonage",
            "iat": int(time_of_day()),
            "payload_hash": hashlib.sha256(body).hexdigest(),
        }
        token = _hs256(claims, self.given.get("signature_secret", ""))
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        return Webhook("POST", url, headers, body)

    def read_answer(self, body: str) -> Connect | Refuse:
        actions = json.loads(body)
        sentence = " ".join(one["text"] for one in actions if one["action"] == "talk")
        for action in actions:
            if action["action"] == "connect":
                (endpoint,) = action["endpoint"]
                if endpoint["content-type"] != f"audio/l16;rate={self.line.rate}":
                    self.line = Line("l16", int(endpoint["content-type"].partition("=")[2]))
                return Connect(endpoint["uri"], endpoint.get("headers", {}), sentence)
        return Refuse(sentence or "hung up")

    def opening(self, caller: Caller, parameters: Mapping[str, str]) -> Messages:
        content_type = f"audio/l16;rate={self.line.rate}"
        given = {**caller.parameters, **parameters}
        return [json.dumps({"event": "websocket:connected", "content-type": content_type, **given})]

    def sound(self, data: bytes) -> str | bytes:
        return data

    def read(self, message: str | bytes) -> Sequence[Command]:
        if isinstance(message, bytes):
            if len(message) != self.line.size(0.02):
                raise DialectError(f"{len(message)} bytes are not 20 ms")
            return [Sound(message)]
        found = parse_object(message)
        match found.get("action"):
            case "clear":
                return [Clear()]
            case "notify":
                return [Mark(json.dumps(found["payload"]))]
            case action:
                raise DialectError(f"Vonage knows no action {action!r}")

    def mark(self, name: str) -> Messages:
        return [json.dumps({"event": "websocket:notify", "payload": json.loads(name)})]

    def press(self, key: str) -> Messages:
        return [json.dumps({"event": "websocket:dtmf", "digit": key, "duration": 260})]


def _hs256(claims: Mapping[str, object], secret: str) -> str:
    """Return a JSON Web Token (RFC 7519, HS256)."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    signed = b".".join(parts)
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return b".".join([signed, base64.urlsafe_b64encode(digest).rstrip(b"=")]).decode()
