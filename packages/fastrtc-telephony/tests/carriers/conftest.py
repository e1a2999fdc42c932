"""Conversations as the carriers' guides show them."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from fastrtc_telephony.carriers.asterisk import AsteriskProtocol
from fastrtc_telephony.carriers.exotel import ExotelProtocol
from fastrtc_telephony.carriers.genesys import GenesysProtocol
from fastrtc_telephony.carriers.plivo import PlivoProtocol
from fastrtc_telephony.carriers.telnyx import TelnyxProtocol
from fastrtc_telephony.carriers.twilio import TwilioProtocol
from fastrtc_telephony.carriers.vonage import VonageProtocol
from fastrtc_telephony.media import MediaProtocol

Message = dict[str, Any] | str | bytes


@dataclass(frozen=True)
class Talk:
    """One carrier's messages, in order."""

    name: str
    make: Callable[[], MediaProtocol]
    start: Message
    sound: Callable[[int, bytes], Message]
    """Makes a message of a number and bytes."""

    rest: list[Message]
    before: list[Message] = field(default_factory=list)
    kind: str = "event"
    width: int = 1
    """Bytes of a sample."""

    @property
    def messages(self) -> list[Message]:
        sounds = [self.sound(number, bytes(range(160))) for number in (1, 2)]
        return [*self.before, self.start, *sounds, *self.rest]

    @property
    def kinds(self) -> list[str]:
        found = [one[self.kind] for one in self.messages if isinstance(one, dict)]
        return sorted({*found, "start", "media", "error", "update", "DTMF_END"})

    def sent(self, message: Message) -> str | bytes:
        return json.dumps(message) if isinstance(message, dict) else message


def media(**common: Any) -> Callable[[int, bytes], Message]:
    def make(number: int, data: bytes) -> Message:
        sound = {"track": "inbound", "chunk": str(number), "payload": b64encode(data).decode()}
        return {"event": "media", "media": sound, **common}

    return make


def genesys(kind: str, seq: int, **parameters: Any) -> Message:
    return {
        "version": "2",
        "type": kind,
        "seq": seq,
        "serverseq": 0,
        "id": "s1",
        "position": "PT1S",
        "parameters": parameters,
    }


TWILIO = Talk(
    "twilio",
    TwilioProtocol,
    {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": "AC1",
            "streamSid": "MZ1",
            "callSid": "CA1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"room": "7"},
        },
        "streamSid": "MZ1",
    },
    media(streamSid="MZ1"),
    [
        {"event": "mark", "streamSid": "MZ1", "mark": {"name": "m1"}},
        {"event": "dtmf", "streamSid": "MZ1", "dtmf": {"track": "inbound_track", "digit": "5"}},
        {"event": "stop", "streamSid": "MZ1", "stop": {"accountSid": "AC1", "callSid": "CA1"}},
    ],
    [{"event": "connected", "protocol": "Call", "version": "1.0.0"}],
)
TELNYX = Talk(
    "telnyx",
    TelnyxProtocol,
    {
        "event": "start",
        "sequence_number": "1",
        "start": {
            "call_control_id": "v2:C1",
            "from": "+13122010094",
            "to": "+13122123456",
            "media_format": {"encoding": "L16", "sample_rate": 16000, "channels": 1},
        },
        "stream_id": "S1",
    },
    media(stream_id="S1"),
    [
        {"event": "mark", "mark": {"name": "m1"}},
        {"event": "dtmf", "dtmf": {"digit": "5"}},
        {"event": "stop", "stop": {"call_control_id": "v2:C1"}},
    ],
    [{"event": "connected", "version": "1.0.0"}],
    width=2,
)
PLIVO = Talk(
    "plivo",
    PlivoProtocol,
    {
        "event": "start",
        "sequenceNumber": 0,
        "start": {
            "callId": "C1",
            "streamId": "S1",
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        },
        "extra_headers": "{}",
    },
    media(streamId="S1"),
    [
        {"event": "playedStream", "streamId": "S1", "name": "m1"},
        {"event": "clearedAudio", "streamId": "S1"},
        {"event": "dtmf", "dtmf": {"track": "inbound", "digit": "5"}},
        {"event": "stop"},
    ],
)
VONAGE = Talk(
    "vonage",
    VonageProtocol,
    {
        "event": "websocket:connected",
        "content-type": "audio/l16;rate=16000",
        "call_id": "C1",
    },
    lambda number, data: data,
    [
        {"event": "websocket:notify", "payload": {"mark": "m1"}},
        {"event": "websocket:cleared"},
        {"event": "websocket:dtmf", "digit": "5", "duration": 260},
    ],
    width=2,
)
EXOTEL = Talk(
    "exotel",
    ExotelProtocol,
    {
        "event": "start",
        "sequence_number": "1",
        "stream_sid": "MZ1",
        "start": {
            "stream_sid": "MZ1",
            "call_sid": "CA1",
            "from": "+919876543210",
            "to": "+918047491899",
            "media_format": {"encoding": "raw/slin", "sample_rate": "8000", "bit_rate": "16"},
        },
    },
    media(stream_sid="MZ1"),
    [
        {"event": "mark", "stream_sid": "MZ1", "mark": {"name": "m1"}},
        {"event": "dtmf", "stream_sid": "MZ1", "dtmf": {"digit": "5", "duration": "100"}},
        {"event": "stop", "stream_sid": "MZ1", "stop": {"reason": "callended"}},
    ],
    [{"event": "connected"}],
    width=2,
)
GENESYS = Talk(
    "genesys",
    GenesysProtocol,
    genesys(
        "open",
        1,
        conversationId="C1",
        participant={"id": "p", "ani": "+15550111", "dnis": "+15550122"},
        media=[{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}],
    ),
    lambda number, data: data,
    [
        genesys("ping", 2, rtt="PT0.1S"),
        genesys("dtmf", 3, digit="5"),
        genesys("update", 4, language="de-DE"),
        genesys("close", 5, reason="end"),
    ],
    kind="type",
)
ASTERISK = Talk(
    "asterisk",
    AsteriskProtocol,
    "MEDIA_START connection_id:k1 channel:WebSocket/f/0x1 channel_id:17.1 format:slin ptime:20",
    lambda number, data: data,
    ["MEDIA_XOFF", "MEDIA_MARK_PROCESSED m1", "DTMF_END digit:5 duration_ms:90"],
    width=2,
)
ASTERISK_JSON = Talk(
    "asterisk",
    AsteriskProtocol,
    {"event": "MEDIA_START", "connection_id": "k1", "channel_id": "17.1", "format": "ulaw"},
    lambda number, data: data,
    [
        {"event": "MEDIA_XOFF"},
        {"event": "MEDIA_MARK_PROCESSED", "correlation_id": "m1"},
        {"event": "DTMF_END", "digit": "5", "duration_ms": 90},
    ],
)

TALKS = {
    "twilio": TWILIO,
    "telnyx": TELNYX,
    "plivo": PLIVO,
    "vonage": VONAGE,
    "exotel": EXOTEL,
    "genesys": GENESYS,
    "asterisk": ASTERISK,
    "asterisk-json": ASTERISK_JSON,
}


@pytest.fixture(scope="session", params=list(TALKS.values()), ids=list(TALKS))
def talk(request: pytest.FixtureRequest) -> Talk:
    """Return each carrier's conversation in turn."""
    found: Talk = request.param
    return found


@pytest.fixture(scope="session", params=["twilio", "telnyx", "plivo", "exotel"])
def json_talk(request: pytest.FixtureRequest) -> Talk:
    """Return the conversations whose sound is in JSON."""
    return TALKS[request.param]
