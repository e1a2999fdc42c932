"""What is known of a carrier: how its requests are checked and answered, and its media protocol."""

import base64
import hmac
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from fastrtc_telephony.errors import CallControlError, SignatureError
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.media import LONGEST_PARAMETER, MOST_PARAMETERS, MediaProtocol

TOKEN: Final = "fastrtc_token"
"""Name of the parameter that ties a media stream to the call it belongs to."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CarrierRequest:
    """A request as the carrier has made it, before any proxy has touched it."""

    method: str
    url: str
    """The whole URL that the carrier used, with its query."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""

    query: Pairs = ()
    form: Pairs = ()
    """Fields of the body, if it is a form."""

    body: bytes = b""

    def get(self, *names: str) -> str:
        """Return the first of these fields of form or query that is there; otherwise nothing."""
        for name in names:
            for have, value in (*self.form, *self.query):
                if have == name:
                    return value
        return ""

    def parameters(self) -> dict[str, str]:
        """Return fields of form and query, within reason."""
        pairs = [*self.query, *self.form][:MOST_PARAMETERS]
        return {
            name[:LONGEST_PARAMETER]: value[:LONGEST_PARAMETER]
            for name, value in pairs
            if name != TOKEN
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a carrier is told to do with a call."""

    body: str
    media_type: str = "application/xml"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Manners:
    """What the carrier itself says to callers."""

    greeting: str | None = None
    """Said before the stream begins; None for nothing."""

    busy: str | None = None
    """Said to callers for whom there is no room; None for the busy tone, where it exists."""

    language: str = "en-US"
    """Of both, BCP 47."""

    voice: str | None = None
    """One of the carrier's; None for its own choice."""


class Carrier(ABC):
    """One carrier, with what is secret between it and us."""

    name: ClassVar[str]
    """As in the routes ``/telephone/{name}/incoming`` and ``/telephone/{name}/handler``."""

    answers: ClassVar[bool] = True
    """Whether it asks what to do with a call; otherwise it opens media streams at once."""

    token_in_start: ClassVar[bool] = False
    """Whether the token comes with the stream's first message, not in its URL."""

    subprotocols: ClassVar[tuple[str, ...]] = ()
    """WebSocket subprotocols that it asks for."""

    @abstractmethod
    def check(self) -> None:
        """Check that requests can be told from forged ones.

        Raises:
            ConfigurationError: A secret is missing; the message says where to put it.
            MissingPackageError: A package is.

        """

    @abstractmethod
    def protocol(self) -> MediaProtocol:
        """Return the protocol of a new media stream."""

    @abstractmethod
    def verify(self, request: CarrierRequest, now: float) -> None:
        """Check that a request is the carrier's.

        Args:
            request: It.
            now: Seconds since 1970.

        Raises:
            SignatureError: It is not.

        """

    def verify_socket(self, request: CarrierRequest, now: float) -> bool:
        """Return whether a WebSocket's request proves by itself that it is the carrier's."""
        return False

    def read(self, request: CarrierRequest) -> CallInfo:
        """Return what a request says of its call."""
        return CallInfo(self.name, request.get("CallSid"), parameters=request.parameters())

    def connect(self, url: str, token: str, manners: Manners) -> Answer:
        """Return what connects a call to its media stream.

        Args:
            url: Of the stream, ``wss://...``.
            token: Ties the stream to the call.
            manners: What to say before.

        """
        raise NotImplementedError

    def refuse(self, manners: Manners) -> Answer:
        """Return what tells a caller that there is no room."""
        raise NotImplementedError

    def transfer(self, call: CallInfo, to: str) -> None:
        """Have a call go on elsewhere; blocks.

        Raises:
            CallControlError: It can't.

        """
        raise CallControlError(
            f"{self.name} transfers no calls from here: end the session, and let the carrier's "
            "own call flow go on to the next number"
        )

    def hang_up(self, call: CallInfo) -> None:  # noqa: B027 - most have nothing to do
        """End a call, beside ending its media stream; blocks.

        For most carriers there is nothing to do: their instructions end with the stream.
        """


def time_of_day() -> float:
    """Return seconds since 1970: signatures tell when they were made."""
    return time.time()  # noqa: TID251 - not a duration


def with_token(url: str, token: str) -> str:
    """Return a URL that carries a token."""
    return f"{url}?{urlencode({TOKEN: token})}"


def same(one: str, other: str) -> bool:
    """Compare secrets in a time that tells nothing of them."""
    return hmac.compare_digest(one.encode(), other.encode())


def password(request: CarrierRequest) -> str | None:
    """Return the password of HTTP's basic authentication (RFC 7617), if there is one."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(rest, validate=True).decode()
    except ValueError:  # no base64, or no ASCII, or no UTF-8
        raise SignatureError("the Authorization field is no basic authentication") from None
    return decoded.partition(":")[2]


def element(tag: str, content: str = "", /, **attributes: str | None) -> str:
    """Return an XML element; the content is XML already, None leaves an attribute out."""
    given = "".join(
        f" {key}={quoteattr(value)}" for key, value in attributes.items() if value is not None
    )
    return f"<{tag}{given}>{content}</{tag}>" if content else f"<{tag}{given}/>"


def response(*elements: str) -> Answer:
    """Return an XML answer of these elements."""
    return Answer(f'<?xml version="1.0" encoding="UTF-8"?>{element("Response", "".join(elements))}')


def said(verb: str, sentence: str | None, manners: Manners) -> str:
    """Return the XML element that says a sentence, nothing if there is none."""
    if not sentence:
        return ""
    return element(verb, escape(sentence), language=manners.language, voice=manners.voice)
