"""Asterisk, from its own side."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

from fastrtc_telephony.testing.dialects.base import (
    Caller,
    Clear,
    Command,
    Dialect,
    DialectError,
    End,
    Mark,
    Messages,
    Sound,
    parse_object,
)


class AsteriskDialect(Dialect):
    """Asterisk's chan_websocket; ``secret``, and ``format``: ``text`` (or ``json``)."""

    name = "asterisk"
    environment: ClassVar = {"secret": "ASTERISK_SECRET"}
    path = "/telephone/asterisk/handler"
    asks = False

    def headers(self, url: str) -> dict[str, str]:
        pair = f"fastrtc:{self.given.get('secret', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    @property
    def subprotocols(self) -> list[str]:
        return ["media"]

    def opening(self, caller: Caller, parameters: Mapping[str, str]) -> Messages:
        return [
            self._say(
                "MEDIA_START",
                connection_id="fastrtc",
                channel="WebSocket/fastrtc/0x1",
                channel_id=caller.call_id,
                format="ulaw",
                optimal_frame_size=160,
                ptime=20,
            )
        ]

    def sound(self, data: bytes) -> str | bytes:
        return data

    def read(self, message: str | bytes) -> Sequence[Command]:
        if isinstance(message, bytes):
            return [Sound(message)]
        if self._in_json:
            found = parse_object(message)
            name, mark = found.get("command"), str(found.get("correlation_id"))
        else:
            name, _, mark = message.partition(" ")
        match name:
            case "FLUSH_MEDIA":
                return [Clear()]
            case "MARK_MEDIA":
                return [Mark(mark)]
            case "HANGUP":
                return [End()]
            case _:
                raise DialectError(f"Asterisk knows no command {message!r}")

    def mark(self, name: str) -> Messages:
        if self._in_json:
            return [self._say("MEDIA_MARK_PROCESSED", correlation_id=name)]
        return [f"MEDIA_MARK_PROCESSED {name}"]

    def press(self, key: str) -> Messages:
        return [self._say("DTMF_END", digit=key, channel_id="1.1")]

    @property
    def _in_json(self) -> bool:
        return self.given.get("format") == "json"

    def _say(self, event: str, **fields: object) -> str:
        if self._in_json:
            return json.dumps({"event": event, **fields})
        return " ".join([event, *(f"{name}:{value}" for name, value in fields.items())])
