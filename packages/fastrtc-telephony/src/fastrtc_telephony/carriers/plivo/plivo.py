"""Plivo: its webhooks and their signatures."""

import base64
import hashlib
import hmac
import os
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

from fastrtc_telephony.carrier import (
    Answer,
    Carrier,
    CarrierRequest,
    Manners,
    Pairs,
    element,
    response,
    said,
    same,
    with_token,
)
from fastrtc_telephony.carriers.plivo.protocol import PlivoProtocol
from fastrtc_telephony.errors import ConfigurationError, SignatureError
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.media import MediaProtocol

AUTH_TOKEN: Final = "PLIVO_AUTH_TOKEN"


class Plivo(Carrier):
    """Plivo, by an application's answer URL.

    Args:
        auth_token: Of the account, by default what the environment has as ``PLIVO_AUTH_TOKEN``.

    """

    name = "plivo"

    def __init__(self, auth_token: str | None = None) -> None:
        self._auth_token = auth_token

    def check(self) -> None:
        """Check that there is an auth token."""
        if not self._secret():
            raise ConfigurationError(
                "Plivo's requests can't be told from forged ones without the account's auth "
                f"token: Plivo(auth_token=...), or {AUTH_TOKEN} in the environment"
            )

    def protocol(self) -> MediaProtocol:
        """Return the protocol of audio streams."""
        return PlivoProtocol()

    def verify(self, request: CarrierRequest, now: float) -> None:
        """Check the signature, version 3; there may be several, of sub-accounts."""
        nonce = request.headers.get("x-plivo-signature-v3-nonce", "")
        given = request.headers.get("x-plivo-signature-v3", "").split(",")
        self.check()
        fields = request.form if request.method == "POST" else ()
        expected = signature(self._secret(), request.url, fields, nonce)
        if not any(same(expected, one.strip()) for one in given):
            raise SignatureError(
                f"x-plivo-signature-v3 does not fit a {request.method} of {request.url}: that must "
                "be the URL that Plivo has used (see TelephoneSettings.public_url)"
            )

    def read(self, request: CarrierRequest) -> CallInfo:
        """Return what the webhook says."""
        return CallInfo(
            self.name,
            call_id=request.get("CallUUID"),
            caller=request.get("From"),
            called=request.get("To"),
            parameters=request.parameters(),
        )

    def connect(self, url: str, token: str, manners: Manners) -> Answer:
        """Return XML with a bidirectional ``<Stream>``; the call ends with it."""
        stream = element(
            "Stream",
            escape(with_token(url, token)),
            bidirectional="true",
            keepCallAlive="true",
            contentType="audio/x-mulaw;rate=8000",
        )
        return response(said("Speak", manners.greeting, manners), stream)

    def refuse(self, manners: Manners) -> Answer:
        """Return XML with ``<Hangup reason="busy">``, after a sentence if there is one."""
        if manners.busy is None:
            return response(element("Hangup", reason="busy"))
        return response(said("Speak", manners.busy, manners), element("Hangup"))

    def _secret(self) -> str:
        return self._auth_token or os.environ.get(AUTH_TOKEN, "")


def signature(secret: str, url: str, fields: Pairs, nonce: str) -> str:
    """Return Plivo's signature, version 3, of a request.

    Plivo's own package does the same, but brings a client for all that Plivo sells.

    Args:
        secret: The account's auth token.
        url: As Plivo has used it.
        fields: Those of the form.
        nonce: From the request's header.

    """
    parts = urlsplit(url)
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    signed = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if query or fields:
        signed += "?" + "&".join(f"{name}={value}" for name, value in query)
    if query and fields:
        signed += "."
    signed += "".join(name + value for name, value in sorted(fields))
    digest = hmac.new(secret.encode(), f"{signed}.{nonce}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
