"""The two forms of the WebSocket protocol: how the client says and understands them.

Documented: JSON messages with base64 mu-law at the handler's rates; both subjects speak it.
Negotiated: `start` asks for binary 16-bit PCM and for `clear` when queued audio is void.
"""

import base64
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.settings import FRAME, RATE
from benchmarks.sound import Int16

Message = str | bytes

_BIAS: Final = 132  # G.711: added to the magnitude so that its leading bit tells the segment
_CLIP: Final = 32635


@dataclass(frozen=True, slots=True)
class Audio:
    """Reply audio at `RATE`."""

    samples: Int16


@dataclass(frozen=True, slots=True)
class Clear:
    """What was received and has not been played yet must not be."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Anything else the server says, such as a `log` message."""

    text: str


Event = Audio | Clear | Notice


class Wire(ABC):
    """One form of the protocol."""

    @abstractmethod
    def start(self, websocket_id: str) -> Message:
        """The first message of a connection."""

    @abstractmethod
    def media(self, samples: Int16) -> Message:
        """One frame of the microphone."""

    @abstractmethod
    def event(self, message: Message) -> Event:
        """What a message of the server means."""


def mulaw_encoded(samples: Int16) -> bytes:
    """16-bit samples as G.711 mu-law."""
    wide = samples.astype(np.int32)
    magnitude = np.minimum(np.abs(wide), _CLIP) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(wide < 0, 0x80, 0)
    code = ~(sign | (segment << 4) | step) & 0xFF
    return bytes(code.astype(np.uint8))


def mulaw_decoded(data: bytes) -> Int16:
    """G.711 mu-law as 16-bit samples."""
    code = ~np.frombuffer(data, np.uint8).astype(np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _BIAS) << ((code >> 4) & 7)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


class Documented(Wire):
    """FastRTC's documented protocol: JSON, base64, mu-law. Its client knows no `clear`."""

    def start(self, websocket_id: str) -> Message:
        return json.dumps({"event": "start", "websocket_id": websocket_id})

    def media(self, samples: Int16) -> Message:
        payload = base64.b64encode(mulaw_encoded(samples)).decode()
        return json.dumps({"event": "media", "media": {"payload": payload}})

    def event(self, message: Message) -> Event:
        content = json.loads(message)
        if content.get("event") == "media":
            return Audio(mulaw_decoded(base64.b64decode(content["media"]["payload"])))
        return Notice(str(message))


class Negotiated(Wire):
    """Binary 16-bit PCM both ways, and `clear`: what this library offers beyond the documents."""

    def start(self, websocket_id: str) -> Message:
        wish = {"encoding": "pcm16", "rate": RATE, "channels": 1, "binary": True, "clear": True}
        return json.dumps({"event": "start", "websocket_id": websocket_id} | wish)

    def media(self, samples: Int16) -> Message:
        return samples.astype("<i2").tobytes()

    def event(self, message: Message) -> Event:
        if isinstance(message, bytes):
            return Audio(np.frombuffer(message, "<i2").astype(np.int16))
        if json.loads(message).get("event") == "clear":
            return Clear()
        return Notice(message)


def frames(samples: Int16) -> list[Int16]:
    """The samples in frames of 20 ms, the last one filled up with zeros."""
    missing = -samples.size % FRAME
    return list(np.pad(samples, (0, missing)).reshape(-1, FRAME))
