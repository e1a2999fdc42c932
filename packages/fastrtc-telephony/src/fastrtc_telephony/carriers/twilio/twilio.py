"""Twilio: its webhooks, signatures and REST interface."""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from fastrtc_core import MissingPackageError
from fastrtc_telephony.carrier import (
    TOKEN,
    Answer,
    Carrier,
    CarrierRequest,
    Manners,
    Pairs,
    element,
    response,
    said,
    same,
)
from fastrtc_telephony.carriers.twilio.protocol import TwilioProtocol
from fastrtc_telephony.errors import CallControlError, ConfigurationError, SignatureError
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.media import MediaProtocol

AUTH_TOKEN: Final = "TWILIO_AUTH_TOKEN"
ACCOUNT_SID: Final = "TWILIO_ACCOUNT_SID"
SIGNATURE: Final = "x-twilio-signature"
ALGORITHM: Final = "x-twilio-webhooks-signature-settings"

_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Twilio(Carrier):
    """Twilio, and who speaks its language.

    Args:
        auth_token: Of the account, by default what the environment has as ``TWILIO_AUTH_TOKEN``.
            Signs what Twilio sends.
        account_sid: Of the account, by default ``TWILIO_ACCOUNT_SID``. For transfers and calls to
            others.
        client: Makes the REST client, in place of ``twilio.rest.Client(account_sid, auth_token)``.

    """

    name = "twilio"
    token_in_start = True  # Twilio drops the query of a stream's URL

    def __init__(
        self,
        auth_token: str | None = None,
        account_sid: str | None = None,
        *,
        client: Callable[[str, str], Any] | None = None,
    ) -> None:
        self._auth_token = auth_token
        self._account_sid = account_sid
        self._make_client = client

    def check(self) -> None:
        """Check that there is an auth token."""
        if not self._secret():
            raise ConfigurationError(
                f"Twilio's requests can't be told from forged ones without the account's auth "
                f"token: Twilio(auth_token=...), or {AUTH_TOKEN} in the environment"
            )

    def protocol(self) -> MediaProtocol:
        """Return the protocol of Media Streams."""
        return TwilioProtocol()

    def verify(self, request: CarrierRequest, now: float) -> None:
        """Check the signature, made of the URL and the fields of the form."""
        given = request.headers.get(SIGNATURE)
        if given is None:
            raise SignatureError("there is no X-Twilio-Signature")
        algorithm = _algorithm(request.headers.get(ALGORITHM, ""))
        self.check()
        fields = request.form if request.method == "POST" else ()
        if not any(
            same(signature(self._secret(), url, fields, algorithm), given)
            for url in _spellings(request.url)
        ):
            raise SignatureError(
                f"the signature does not fit a {request.method} of {request.url}: that must be the "
                "URL that Twilio has used (see TelephoneSettings.public_url), and the auth token "
                "that of the account"
            )

    def verify_socket(self, request: CarrierRequest, now: float) -> bool:
        """Return whether the request is signed; Twilio signs those for media streams too."""
        if SIGNATURE not in request.headers:
            return False
        self.verify(request, now)
        return True

    def read(self, request: CarrierRequest) -> CallInfo:
        """Return what the webhook says."""
        return CallInfo(
            self.name,
            call_id=request.get("CallSid"),
            caller=request.get("From"),
            called=request.get("To"),
            parameters=request.parameters(),
        )

    def connect(self, url: str, token: str, manners: Manners) -> Answer:
        """Return TwiML with ``<Connect><Stream>``; the call ends with the stream."""
        stream = element("Stream", element("Parameter", name=TOKEN, value=token), url=url)
        return response(said("Say", manners.greeting, manners), element("Connect", stream))

    def refuse(self, manners: Manners) -> Answer:
        """Return TwiML with ``<Reject>``, or a sentence and ``<Hangup>``."""
        if manners.busy is None:
            return response(element("Reject", reason="busy"))
        return response(said("Say", manners.busy, manners), element("Hangup"))

    def transfer(self, call: CallInfo, to: str) -> None:
        """Have the call dial another number, by REST."""
        twiml = response(element("Dial", escape(to))).body
        self.update(call.call_id, twiml=twiml)

    def hang_up(self, call: CallInfo) -> None:
        """End the call by REST, where there is an account; its TwiML may have more to do."""
        if self._sid():
            self.update(call.call_id, status="completed")

    def update(self, call_id: str, **changes: Any) -> None:
        """Change a call by REST; blocks.

        Raises:
            CallControlError: It can't be done.

        """
        try:
            self.client().calls(call_id).update(**changes)
        except Exception as error:  # the SDK's own, and those of what it stands on
            raise CallControlError(f"Twilio did not change the call {call_id}: {error}") from error

    def dial(self, *, to: str, from_: str, url: str, **options: Any) -> str:
        """Call somebody, by REST; blocks.

        Args:
            to: Whom.
            from_: A number of the account.
            url: Of ``/telephone/incoming``, as Twilio can reach it.
            options: Others of ``client.calls.create``, such as ``machine_detection="Enable"``.

        Returns:
            The call's SID.

        Raises:
            CallControlError: It can't be done.

        """
        try:
            call = self.client().calls.create(to=to, from_=from_, url=url, **options)
        except Exception as error:  # the SDK's own, and those of what it stands on
            raise CallControlError(f"Twilio did not call {to}: {error}") from error
        return str(call.sid)

    def client(self) -> Any:
        """Return a REST client.

        Raises:
            ConfigurationError: The account is not known.
            MissingPackageError: twilio is not installed.

        """
        self.check()
        sid = self._sid()
        if not sid:
            raise ConfigurationError(
                f"Twilio's REST interface needs Twilio(account_sid=...), or {ACCOUNT_SID} in the "
                "environment"
            )
        if self._make_client is not None:
            return self._make_client(sid, self._secret())
        try:
            from twilio.rest import Client
        except ImportError:
            raise MissingPackageError(
                "Twilio's REST interface", "fastrtc-telephony[twilio]"
            ) from None
        return Client(sid, self._secret())

    def _secret(self) -> str:
        return self._auth_token or os.environ.get(AUTH_TOKEN, "")

    def _sid(self) -> str:
        return self._account_sid or os.environ.get(ACCOUNT_SID, "")


def signature(secret: str, url: str, fields: Pairs, algorithm: str = "sha1") -> str:
    """Return Twilio's signature of a request.

    Twilio's own package does the same, but brings aiohttp, requests and a client for all that
    Twilio sells: too much for checking an HMAC.

    Args:
        secret: The account's auth token.
        url: As Twilio has used it.
        fields: Those of the form.
        algorithm: ``sha1``, or ``sha256`` for accounts that have asked for it.

    """
    values: dict[str, set[str]] = {}
    for name, value in fields:
        values.setdefault(name, set()).add(value)
    signed = url + "".join(
        name + value for name in sorted(values) for value in sorted(values[name])
    )
    digest = hmac.new(secret.encode(), signed.encode(), getattr(hashlib, algorithm)).digest()
    return base64.b64encode(digest).decode()


def _algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            known = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
            if value.strip().upper() not in known:
                raise SignatureError(f"the signature's algorithm {value.strip()!r} is not known")
            return known[value.strip().upper()]
    return "sha1"


def _spellings(url: str) -> list[str]:
    """Return a URL with and without its port: Twilio is not of one mind about that."""
    parts = urlsplit(url)
    host, colon, port = parts.netloc.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()):  # the end of an IPv6 address, or none
        host, port = parts.netloc, str(_PORTS.get(parts.scheme, ""))
    with_port = parts._replace(netloc=f"{host}:{port}").geturl()
    return [url, parts._replace(netloc=host).geturl(), with_port]
