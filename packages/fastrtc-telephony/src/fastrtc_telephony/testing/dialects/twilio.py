"""Twilio, from its own side."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from fastrtc_telephony.carriers.twilio import signature as twilio_signature
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
)


class TwilioDialect(Dialect):
    """Twilio; ``auth_token``."""

    name = "twilio"
    environment: ClassVar = {"auth_token": "TWILIO_AUTH_TOKEN"}
    marks_when_cleared = True

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        super().__init__(given)
        self._stream = ""
        self._sequence = 0

    def webhook(self, url: str, caller: Caller) -> Webhook:
        fields = {
            "CallSid": caller.call_id,
            "From": caller.caller,
            "To": caller.called,
            "CallStatus": "ringing",
            "Direction": "inbound",
        }
        signed = twilio_signature(self.given.get("auth_token", ""), url, list(fields.items()))
        headers = {"Content-Type": FORM, "X-Twilio-Signature": signed}
        return Webhook("POST", url, headers, urlencode(fields).encode())

    def read_answer(self, body: str) -> Connect | Refuse:
        answer = read_twiml(body)
        if isinstance(answer, Connect) and urlsplit(answer.url).query:
            raise DialectError("Twilio drops the query of a stream's URL")
        return answer

    def headers(self, url: str) -> dict[str, str]:
        return {"X-Twilio-Signature": twilio_signature(self.given.get("auth_token", ""), url, ())}

    def opening(self, caller: Caller, parameters: Mapping[str, str]) -> Messages:
        self._stream = caller.stream_id
        start = {
            "accountSid": "AC0",
            "streamSid": caller.stream_id,
            "callSid": caller.call_id,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {**caller.parameters, **parameters},
        }
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        return [json.dumps(connected), self._say("start", start=start)]

    def sound(self, data: bytes) -> str | bytes:
        self.count += 1
        media = {
            "track": "inbound",
            "chunk": str(self.count),
            "timestamp": str(20 * self.count),
            "payload": base64.b64encode(data).decode(),
        }
        return self._say("media", media=media)

    def read(self, message: str | bytes) -> Sequence[Command]:
        found = parse_object(message)
        if found.get("streamSid") != self._stream:
            raise DialectError(f"a message for the stream {found.get('streamSid')!r}")
        match found.get("event"):
            case "media":
                return [Sound(decoded(found["media"]["payload"]))]
            case "clear":
                return [Clear()]
            case "mark":
                return [Mark(found["mark"]["name"])]
            case event:
                raise DialectError(f"Twilio knows no event {event!r}")

    def mark(self, name: str) -> Messages:
        return [self._say("mark", mark={"name": name})]

    def press(self, key: str) -> Messages:
        return [self._say("dtmf", dtmf={"track": "inbound_track", "digit": key})]

    def stop(self) -> Messages:
        return [self._say("stop", stop={"accountSid": "AC0", "callSid": "CA0"})]

    def _say(self, event: str, **fields: Any) -> str:
        self._sequence += 1
        given = {"sequenceNumber": str(self._sequence), "streamSid": self._stream}
        return json.dumps({"event": event, **given, **fields})
