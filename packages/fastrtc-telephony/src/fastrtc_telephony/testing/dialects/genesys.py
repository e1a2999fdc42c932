"""Genesys, from its own side."""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from fastrtc_telephony.carrier import time_of_day
from fastrtc_telephony.testing.dialects.base import (
    Caller,
    Clear,
    Command,
    Dialect,
    DialectError,
    End,
    Messages,
    Sound,
    parse_object,
)


class GenesysDialect(Dialect):
    """Genesys AudioHook; ``api_key`` and ``client_secret`` (base64)."""

    name = "genesys"
    environment: ClassVar = {"api_key": "GENESYS_API_KEY", "client_secret": "GENESYS_CLIENT_SECRET"}
    path = "/telephone/genesys/handler"
    asks = False

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        super().__init__(given)
        self._session = str(uuid.uuid4())
        self._seq = 0
        self._server = 0
        self._opened = False

    def headers(self, url: str) -> dict[str, str]:
        parts = urlsplit(url)
        key = self.given.get("api_key", "")
        fields = {
            "audiohook-organization-id": str(uuid.uuid4()),
            "audiohook-session-id": self._session,
            "audiohook-correlation-id": str(uuid.uuid4()),
            "x-api-key": key,
        }
        covered = {"@request-target": parts.path, "@authority": parts.netloc, **fields}
        names = " ".join(f'"{name}"' for name in covered)
        nonce = base64.b64encode(secrets.token_bytes(12)).decode()
        now = int(time_of_day())
        params = (
            f'({names});keyid="{key}";nonce="{nonce}";alg="hmac-sha256";created={now};'
            f"expires={now + 10}"
        )
        lines = [f'"{name}": {value}' for name, value in covered.items()]
        signed = "\n".join([*lines, f'"@signature-params": {params}'])
        secret = base64.b64decode(self.given.get("client_secret", ""))
        digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        signature = f"sig1=:{base64.b64encode(digest).decode()}:"
        return {**fields, "signature-input": f"sig1={params}", "signature": signature}

    def opening(self, caller: Caller, parameters: Mapping[str, str]) -> Messages:
        media = [
            {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
            {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
        ]
        given = {
            "organizationId": "o",
            "conversationId": caller.call_id,
            "participant": {"id": "p", "ani": caller.caller, "dnis": caller.called},
            "media": media,
            "language": "en-US",
            "inputVariables": {**caller.parameters, **parameters},
        }
        return [self._say("open", given)]

    def sound(self, data: bytes) -> str | bytes:
        return data

    def read(self, message: str | bytes) -> Sequence[Command]:
        if isinstance(message, bytes):
            if not self._opened:
                raise DialectError("sound before the session was opened")
            return [Sound(message)]
        found = parse_object(message)
        if (found["version"], found["id"]) != ("2", self._session):
            raise DialectError(f"a message of another session: {message}")
        if found["seq"] != self._server + 1 or found["clientseq"] > self._seq:
            raise DialectError(f"a message out of order: {message}")
        self._server = found["seq"]
        match found["type"]:
            case "opened":
                (media,) = found["parameters"]["media"]
                self._opened = media["channels"] == ["external"]
                return []
            case "event":
                (entity,) = found["parameters"]["entities"]
                return [Clear()] if entity["type"] == "barge_in" else []
            case "disconnect":
                return [End((self._say("close", {"reason": "disconnect"}),))]
            case "pong" | "closed":
                return []
            case kind:
                raise DialectError(f"AudioHook knows no {kind!r} of a server's")

    def press(self, key: str) -> Messages:
        return [self._say("dtmf", {"digit": key})]

    def stop(self) -> Messages:
        return [self._say("close", {"reason": "end"})]

    def _say(self, kind: str, given: Mapping[str, Any]) -> str:
        self._seq += 1
        message = {
            "version": "2",
            "type": kind,
            "seq": self._seq,
            "serverseq": self._server,
            "id": self._session,
            "position": "PT0S",
            "parameters": given,
        }
        return json.dumps(message)
