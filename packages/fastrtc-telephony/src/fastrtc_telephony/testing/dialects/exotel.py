"""Exotel, from its own side."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlencode

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
    decoded,
    parse_object,
)


class ExotelDialect(Dialect):
    """Exotel; ``secret``."""

    name = "exotel"
    environment: ClassVar = {"secret": "EXOTEL_SECRET"}
    path = "/telephone/exotel/incoming"
    line = Line("l16", 8000)

    def webhook(self, url: str, caller: Caller) -> Webhook:
        query = urlencode({"CallSid": caller.call_id, "CallFrom": caller.caller})
        return Webhook("GET", f"{url}?{query}", {"Authorization": self._password()})

    def read_answer(self, body: str) -> Connect | Refuse:
        found = json.loads(body)
        return Connect(found["url"]) if "url" in found else Refuse(found.get("error", body))

    def opening(self, caller: Caller, parameters: Mapping[str, str]) -> Messages:
        self._stream = caller.stream_id
        start = {
            "stream_sid": caller.stream_id,
            "call_sid": caller.call_id,
            "account_sid": "exotel",
            "from": caller.caller,
            "to": caller.called,
            "custom_parameters": {**caller.parameters, **parameters},
            "media_format": {"encoding": "base64", "sample_rate": "8000", "bit_rate": "128kbps"},
        }
        begin = {"event": "start", "sequence_number": 1, "stream_sid": caller.stream_id}
        return [json.dumps({"event": "connected"}), json.dumps({**begin, "start": start})]

    def sound(self, data: bytes) -> str | bytes:
        self.count += 1
        media = {
            "chunk": self.count,
            "timestamp": str(20 * self.count),
            "payload": base64.b64encode(data).decode(),
        }
        return json.dumps({"event": "media", "stream_sid": self._stream, "media": media})

    def read(self, message: str | bytes) -> Sequence[Command]:
        found = parse_object(message)
        if found.get("stream_sid") != self._stream:
            raise DialectError(f"a message for the stream {found.get('stream_sid')!r}")
        match found.get("event"):
            case "media":
                data = decoded(found["media"]["payload"])
                if len(data) % 320 or not 3200 <= len(data) <= 100_000:
                    raise DialectError(f"{len(data)} bytes are no chunk of Exotel's")
                return [Sound(data)]
            case "clear":
                return [Clear()]
            case "mark":
                return [Mark(found["mark"]["name"])]
            case event:
                raise DialectError(f"Exotel knows no event {event!r}")

    def mark(self, name: str) -> Messages:
        message = {"event": "mark", "stream_sid": self._stream, "mark": {"name": name}}
        return [json.dumps(message)]

    def press(self, key: str) -> Messages:
        message = {"event": "dtmf", "stream_sid": self._stream, "dtmf": {"digit": key}}
        return [json.dumps(message)]

    def stop(self) -> Messages:
        return [json.dumps({"event": "stop", "stop": {"reason": "callended"}})]

    def _password(self) -> str:
        pair = f"fastrtc:{self.given.get('secret', '')}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
