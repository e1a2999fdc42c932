"""Asterisk's AudioSocket: sound over TCP.

Written from the page "AudioSocket" in Asterisk's documentation, and from what an Asterisk 22 was
seen to send. A frame is its type in one byte, the length of its payload in two (big-endian), and
the payload::

    type   payload                                 event
    0x00   none                                    CallEnded
    0x01   the call's UUID, 16 bytes; comes first  CallStarted
    0x03   a key, one ASCII character              KeyPressed
    0x10   sound, 16 bits, little-endian, 8 kHz    Audio
    0xff   a code of one byte, or nothing          an error

An Asterisk whose caller hangs up just closes the connection. Sound that was sent can't be taken
back, and nobody tells when it is heard.
"""

import uuid
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from fastrtc_core import ProtocolError
from fastrtc_telephony.events import KEYS, CallEnded, CallEvent, CallInfo, CallStarted, KeyPressed
from fastrtc_telephony.lines import Line
from fastrtc_telephony.media import MediaProtocol, Outgoing

HEADER: Final = 3
UUID_SIZE: Final = 16

OTHER_SOUND: Final = range(0x11, 0x19)
"""Types of sound at other rates, which ``Dial(AudioSocket/...)`` sends if it is given a codec."""

LINE: Final = Line("l16", 8000)

CHUNK: Final = 0.02
"""Seconds of sound in a frame, as Asterisk sends it."""


class Kind(IntEnum):
    """Types of frames."""

    HANG_UP = 0x00
    UUID = 0x01
    KEY = 0x03
    SOUND = 0x10
    ERROR = 0xFF


BEFORE_START: Final = (Kind.HANG_UP, Kind.UUID, Kind.ERROR)


class AudioSocketProtocol(MediaProtocol):
    """One connection of AudioSocket.

    TCP loses nothing, so that what is wrong here stays wrong: every error is fatal.
    """

    carrier = "audiosocket"
    chunk = CHUNK
    lead = 0.04
    """Asterisk sends on at once what it gets; more in advance would come in bursts."""

    clears = False

    def __init__(self) -> None:
        super().__init__()
        self.line = LINE
        self._rest = b""
        self._over = False

    def receive(self, data: str | bytes) -> Sequence[CallEvent]:
        """Take a piece of what the connection carries, wherever it was cut."""
        if isinstance(data, str):
            raise ProtocolError("not_binary", "AudioSocket has no text messages", fatal=True)
        data = self._rest + data
        events: list[CallEvent] = []
        start = 0
        while not self._over and len(data) - start >= HEADER:
            kind, size = data[start], int.from_bytes(data[start + 1 : start + HEADER])
            self._check(kind, size)  # before waiting for what may never come
            end = start + HEADER + size
            if len(data) < end:
                break
            events += self._read(kind, data[start + HEADER : end])
            start = end
        # Less than one frame, the longest of which has 65,538 bytes.
        self._rest = b"" if self._over else data[start:]
        return events

    def _check(self, kind: int, size: int) -> None:
        if not self.started and kind not in BEFORE_START:
            raise ProtocolError(
                "not_started",
                f"it begins with {kind:#04x} and not with a call's UUID: no AudioSocket",
                fatal=True,
            )
        if kind == Kind.UUID and size != UUID_SIZE:
            raise ProtocolError("bad_length", f"a UUID has 16 bytes, not {size}", fatal=True)
        if kind == Kind.SOUND and size % LINE.codec.bytes_per_sample:
            message = f"{size} bytes of sound are no whole number of samples"
            raise ProtocolError("bad_length", message, fatal=True)
        if kind in OTHER_SOUND:
            message = (
                f"sound of type {kind:#04x} is not at 8 kHz: use the application AudioSocket(), "
                "or Dial(AudioSocket/.../c(slin))"
            )
            raise ProtocolError("bad_format", message, fatal=True)

    def _read(self, kind: int, payload: bytes) -> Sequence[CallEvent]:
        match kind:
            case Kind.HANG_UP:
                self._over = True
                return [CallEnded()]
            case Kind.UUID:
                return [self._start(payload)]
            case Kind.KEY:
                # Asterisk has more of them than a telephone: fax tones are keys to it.
                key = payload.decode("latin-1").upper()
                return [KeyPressed(key)] if len(key) == 1 and key in KEYS else []
            case Kind.SOUND:
                return [self.audio(payload)] if payload else []
            case Kind.ERROR:
                message = f"Asterisk reports error {payload[:8].hex() or 'without a code'}"
                raise ProtocolError("carrier_error", message, fatal=True)
            case _:
                return []  # what later versions add

    def _start(self, payload: bytes) -> CallStarted:
        try:
            self.not_twice()
        except ProtocolError as error:
            raise ProtocolError(error.code, error.message, fatal=True) from None
        name = str(uuid.UUID(bytes=payload))
        return CallStarted(CallInfo(self.carrier, call_id=name, stream_id=name), self.line)

    def send_audio(self, data: bytes) -> Outgoing:
        """Return a frame for every 20 ms."""
        size = LINE.size(CHUNK)
        pieces = (data[start : start + size] for start in range(0, len(data), size))
        return [_frame(Kind.SOUND, piece) for piece in pieces]

    def send_end(self) -> Outgoing:
        """Return the frame that hangs up."""
        return [_frame(Kind.HANG_UP)]


def _frame(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2) + payload
