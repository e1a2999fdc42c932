"""How each carrier talks to a server, from the carrier's side.

Written from the carriers' descriptions, as are the protocols of `fastrtc_telephony.carriers`, and
apart from those: a mistake has to be made twice to stay unseen.
"""

import base64
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from xml.etree import ElementTree

from fastrtc_telephony.lines import Line

FORM: Final = "application/x-www-form-urlencoded"


class DialectError(ValueError):
    """The server has sent what this carrier does not understand."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who rings whom."""

    caller: str = "+14155550100"
    called: str = "+14155550123"
    call_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    stream_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Custom parameters of the stream."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An HTTP request of the carrier's."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Connect:
    """The server wants the call connected to a stream."""

    url: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    said: str = ""
    """What the carrier is to say before."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The server does not want the call."""

    how: str


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound for the caller, coded as the line is."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Clear:
    """What was not played yet is to be dropped."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The server wants to know when what came before has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The carrier is to press keys."""

    keys: str


@dataclass(frozen=True, slots=True)
class End:
    """The server ends the stream; the messages, if any, are the answer."""

    answers: tuple[str | bytes, ...] = ()


Command = Sound | Clear | Mark | Keys | End
Messages = Sequence[str | bytes]


class Dialect(ABC):
    """One carrier's side of a call.

    Args:
        given: Its secrets, see `environment`.

    """

    name: ClassVar[str]
    path: ClassVar[str] = "/telephone/incoming"
    """Of the webhook, or of the stream where there is none."""

    environment: ClassVar[Mapping[str, str]]
    """Its secrets, and what they are called in the environment of a server."""

    asks: ClassVar[bool] = True
    """Whether it asks by a webhook what to do."""

    marks_when_cleared: ClassVar[bool] = False
    """Whether marks that were cleared are reported as reached."""

    line: Line = Line()

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self.given: Final = dict(given or {})
        self.count = 0

    def webhook(self, url: str, caller: Caller) -> Webhook:
        """Return what asks the server what to do with a call."""
        raise NotImplementedError

    def read_answer(self, body: str) -> Connect | Refuse:
        """Read what the server wants."""
        raise NotImplementedError

    def headers(self, url: str) -> dict[str, str]:
        """Return header fields for the stream's connection."""
        return {}

    @property
    def subprotocols(self) -> list[str]:
        """WebSocket subprotocols to ask for."""
        return []

    @classmethod
    def secrets(cls, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the secrets that an environment has."""
        return {
            name: environment[variable]
            for name, variable in cls.environment.items()
            if variable in environment
        }

    @abstractmethod
    def opening(self, caller: Caller, parameters: Mapping[str, str]) -> Messages:
        """Return the first messages of a stream."""

    @abstractmethod
    def sound(self, data: bytes) -> str | bytes:
        """Return a message with sound of the caller's."""

    @abstractmethod
    def read(self, message: str | bytes) -> Sequence[Command]:
        """Read a message of the server's.

        Raises:
            DialectError: This carrier would not understand it.

        """

    def mark(self, name: str) -> Messages:
        """Return word that a mark was reached."""
        return ()

    def press(self, key: str) -> Messages:
        """Return word that the caller has pressed a key."""
        return ()

    def stop(self) -> Messages:
        """Return word that the caller has hung up."""
        return ()


def parse_object(message: str | bytes) -> dict[str, Any]:
    """Return the object that a text message holds."""
    found = json.loads(message) if isinstance(message, str) else None
    if not isinstance(found, dict):
        raise DialectError(f"not a JSON object: {message[:80]!r}")
    return found


def decoded(payload: object) -> bytes:
    """Return what a payload holds."""
    try:
        return base64.b64decode(str(payload), validate=True)
    except ValueError:
        raise DialectError("a payload that is not base64") from None


def xml(body: str) -> ElementTree.Element:
    """Return an answer's root."""
    root = ElementTree.fromstring(body)  # of the server that is tested
    if root.tag != "Response":
        raise DialectError(f"the answer is a {root.tag}, not a Response")
    return root


def read_twiml(body: str, verb: str = "Say") -> Connect | Refuse:
    """Read TwiML, or what looks like it."""
    root = xml(body)
    sentence = " ".join(found.text or "" for found in root.iter(verb))
    stream = root.find("Connect/Stream")
    if stream is not None:
        given = {found.attrib["name"]: found.attrib["value"] for found in stream.iter("Parameter")}
        return Connect(stream.attrib["url"], given, sentence)
    reject = root.find("Reject")
    if reject is not None:
        return Refuse(reject.attrib.get("reason", "rejected"))
    if root.find("Hangup") is not None or sentence:
        return Refuse(sentence or "hung up")
    raise DialectError(f"nothing to do with the call in {body}")
