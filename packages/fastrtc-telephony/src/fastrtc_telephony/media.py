"""What a carrier's media protocol must do, and what those that speak JSON have in common.

A protocol is pure: messages in and events out, frames in and messages out. Wrong messages raise
`ProtocolError` and change nothing; unless the error is fatal, the next one is taken as if the wrong
one had not come.
"""

import json
from abc import ABC, abstractmethod
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping, Sequence
from reprlib import repr as shortened
from typing import Any, ClassVar, Final

import numpy as np

from fastrtc_core import ProtocolError
from fastrtc_core.messages import JSON
from fastrtc_telephony.events import KEYS, Audio, CallEvent, KeyPressed
from fastrtc_telephony.lines import Line

MOST_PARAMETERS: Final = 64
LONGEST_PARAMETER: Final = 4096

Message = dict[str, JSON]
Outgoing = Sequence[str | bytes]
"""Messages to be sent, in order."""

Readers = Mapping[str, Callable[[Any, Message], Sequence[CallEvent]]]
"""What reads each kind of message: methods of a protocol."""

NOTHING: Final[Outgoing] = ()


class MediaProtocol(ABC):
    """The media stream of one call."""

    carrier: ClassVar[str]
    """Name of the carrier."""

    chunk: float | None = None
    """Seconds that each message's sound must have; None for any length."""

    clears: ClassVar[bool] = True
    """Whether the carrier can be made to drop what it has not played."""

    lead: ClassVar[float | None] = None
    """Seconds of sound in advance; None for what the settings say, less if it can't clear."""

    closes: ClassVar[bool] = False
    """Whether the carrier wants to end the stream itself when it was asked to."""

    def __init__(self) -> None:
        self.line = Line()
        self.started = False

    @abstractmethod
    def receive(self, data: str | bytes) -> Sequence[CallEvent]:
        """Take a message.

        Raises:
            ProtocolError: It is wrong.

        """

    @abstractmethod
    def send_audio(self, data: bytes) -> Outgoing:
        """Return what carries sound, which is coded as the line is."""

    def send_clear(self) -> Outgoing:
        """Return what makes the carrier drop what it has not played, if it can."""
        return NOTHING

    def send_mark(self, name: str) -> Outgoing:
        """Return what makes the carrier tell when it has played what was sent so far, if it can."""
        return NOTHING

    def send_keys(self, keys: str) -> Outgoing:
        """Return what makes the carrier press keys, if it can; otherwise tones do."""
        return NOTHING

    def send_end(self) -> Outgoing:
        """Return what ends the stream, beside the connection's end."""
        return NOTHING

    def not_twice(self) -> None:
        """Note that the stream has started.

        Raises:
            ProtocolError: It had before.

        """
        if self.started:
            raise ProtocolError("already_started", "the stream was started before")
        self.started = True

    def audio(self, data: bytes) -> Audio:
        """Decode sound.

        Raises:
            ProtocolError: It is not a whole number of samples.

        """
        codec = self.line.codec
        if len(data) % codec.bytes_per_sample:
            raise ProtocolError("bad_length", f"{len(data)} bytes are no whole number of samples")
        return Audio(codec.decode(data)[np.newaxis])


class JSONProtocol(MediaProtocol):
    """A protocol whose messages are JSON objects that say what they are."""

    kind: ClassVar[str] = "event"
    """Name of the field that says it."""

    readers: ClassVar[Readers]
    """What reads each kind. Others are ignored: carriers add new ones."""

    before_start: ClassVar[frozenset[str]] = frozenset({"connected", "start", "stop"})
    """Kinds that may come before the stream has started."""

    def receive(self, data: str | bytes) -> Sequence[CallEvent]:
        """Take a message."""
        if isinstance(data, bytes):
            return self.receive_bytes(data)
        message = parse(data)
        kind = message.get(self.kind)
        if not isinstance(kind, str):
            raise ProtocolError("unknown_event", f"no {self.kind} in {shortened(message)}")
        if not self.started and kind not in self.before_start:
            raise ProtocolError("not_started", f"{shortened(kind)} came before the stream started")
        read = self.readers.get(kind)
        return self.nothing(message) if read is None else read(self, message)

    def receive_bytes(self, data: bytes) -> Sequence[CallEvent]:
        """Take a binary message; by default there are none."""
        raise ProtocolError("not_text", f"{self.carrier} sends no binary messages")

    def nothing(self, message: Message) -> Sequence[CallEvent]:
        """Read a message that means nothing here."""
        return ()


def parse(text: str) -> Message:
    """Return the object that a message holds.

    Raises:
        ProtocolError: It holds none.

    """
    try:
        message: JSON = _JSON.decode(text)
    except (ValueError, RecursionError):
        raise ProtocolError("not_json", f"not JSON: {shortened(text)}") from None
    if not isinstance(message, dict):
        raise ProtocolError("not_an_object", f"not a JSON object: {shortened(message)}")
    return message


def find(message: Message, *path: str) -> JSON:
    """Return a field of a message's objects, None if it is not there."""
    found: JSON = message
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def text(message: Message, *path: str, default: str | None = None) -> str:
    """Return a field that is a text.

    Raises:
        ProtocolError: It is none, or it is not there and there is no default.

    """
    found = find(message, *path)
    if found is None and default is not None:
        return default
    if not isinstance(found, str) or len(found) > LONGEST_PARAMETER:
        raise _bad(path, f"a text of at most {LONGEST_PARAMETER} characters", found)
    return found


def number(message: Message, *path: str) -> int:
    """Return a field that is a whole number, or a text of one.

    Raises:
        ProtocolError: It is none.

    """
    found = find(message, *path)
    digits = str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    if isinstance(digits, str) and digits.isascii() and digits.isdigit() and len(digits) < 16:
        return int(digits)
    raise _bad(path, "a whole number", found)


def parameters(message: Message, *path: str) -> dict[str, str]:
    """Return a field that is an object of texts; empty if it is not there.

    Raises:
        ProtocolError: It is no such object, or too large.

    """
    found = find(message, *path)
    if found is None:
        return {}
    if not isinstance(found, dict) or len(found) > MOST_PARAMETERS:
        raise _bad(path, f"an object of at most {MOST_PARAMETERS} texts", found)
    if any(len(name) > LONGEST_PARAMETER for name in found):
        raise _bad(path, f"an object of names of at most {LONGEST_PARAMETER} characters", found)
    return {name: text(found, name) for name in found}


def payload(message: Message, *path: str) -> bytes:
    """Return a field that is base64.

    Raises:
        ProtocolError: It is not.

    """
    found = find(message, *path)
    if not isinstance(found, str):
        raise _bad(path, "base64", found)
    try:
        return a2b_base64(found, strict_mode=True)
    except ValueError:
        raise ProtocolError("bad_base64", f"not base64: {shortened(found)}") from None


def key(message: Message, *path: str) -> KeyPressed:
    """Return a field that names a key.

    Raises:
        ProtocolError: It does not.

    """
    found = text(message, *path).upper()
    if len(found) != 1 or found not in KEYS:
        raise _bad(path, f"one of {KEYS}", found)
    return KeyPressed(found)


def base64(data: bytes) -> str:
    """Return bytes as JSON has them."""
    return b2a_base64(data, newline=False).decode("ascii")


class Order:
    """Numbers that must grow. Media that come late are not heard any more."""

    def __init__(self) -> None:
        self._latest = -1

    def take(self, latest: int) -> None:
        """Take the next number.

        Raises:
            ProtocolError: It is not greater than the one before.

        """
        self.check(latest)
        self._latest = latest

    def check(self, latest: int) -> None:
        """Check a number that is not taken yet.

        Raises:
            ProtocolError: It is not greater than the one before.

        """
        if latest <= self._latest:
            message = f"number {latest} came after {self._latest}: its sound is left out"
            raise ProtocolError("out_of_order", message)


def _bad(path: Sequence[str], expected: str, found: JSON) -> ProtocolError:
    name = ".".join(path)
    return ProtocolError("bad_field", f"{name} must be {expected}, not {shortened(found)}")


def _refuse_constant(name: str) -> JSON:
    raise ValueError(f"{name} is no JSON")


_JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant)  # NaN and the infinities
