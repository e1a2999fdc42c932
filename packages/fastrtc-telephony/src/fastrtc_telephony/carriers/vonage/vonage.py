"""Vonage: its answer URLs, NCCO and signed webhooks."""

import hashlib
import json
import os
from typing import Any, Final

from fastrtc_core import MissingPackageError
from fastrtc_telephony.carrier import Answer, Carrier, CarrierRequest, Manners, same, with_token
from fastrtc_telephony.carriers.vonage.protocol import VonageProtocol
from fastrtc_telephony.errors import ConfigurationError, SignatureError
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.media import LONGEST_PARAMETER, MOST_PARAMETERS, MediaProtocol

SIGNATURE_SECRET: Final = "VONAGE_SIGNATURE_SECRET"
TOLERANCE: Final = 300.0
"""Seconds that a request may be old."""


class Vonage(Carrier):
    """Vonage's Voice API, by an application's answer URL.

    Args:
        signature_secret: Of the account, by default what the environment has as
            ``VONAGE_SIGNATURE_SECRET``; signed webhooks must be on in the application's settings.
        rate: Samples per second of the stream: 8000, 16000 or 24000.

    """

    name = "vonage"

    def __init__(self, signature_secret: str | None = None, rate: int = 16_000) -> None:
        if rate not in (8000, 16_000, 24_000):
            raise ValueError(f"Vonage streams at 8000, 16000 or 24000 Hz, not at {rate}")
        self._signature_secret = signature_secret
        self._rate = rate

    def check(self) -> None:
        """Check that there is a secret, and what can use it."""
        _jwt()
        if not self._secret():
            raise ConfigurationError(
                "Vonage's requests can't be told from forged ones without the account's signature "
                f"secret: Vonage(signature_secret=...), or {SIGNATURE_SECRET} in the environment"
            )

    def protocol(self) -> MediaProtocol:
        """Return the protocol of WebSocket endpoints."""
        return VonageProtocol()

    def verify(self, request: CarrierRequest, now: float) -> None:
        """Check the JSON Web Token, and that it is of this body."""
        jwt = _jwt()
        self.check()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise SignatureError("there is no Authorization: Bearer; are signed webhooks on?")
        try:
            claims = jwt.decode(
                token,
                self._secret(),
                algorithms=["HS256"],
                options={"require": ["iat"], "verify_iat": False, "verify_aud": False},
            )
        except (jwt.InvalidTokenError, RecursionError) as error:
            raise SignatureError(f"the token of the request does not hold: {error}") from None
        issued = claims["iat"]
        fits = isinstance(issued, int | float) and now - TOLERANCE <= issued <= now + TOLERANCE
        if not fits:
            raise SignatureError(f"the token of the request is of {issued!r}, which is not now")
        if request.body:
            digest = hashlib.sha256(request.body).hexdigest()
            if not same(digest, str(claims.get("payload_hash"))):
                raise SignatureError("the token belongs to another body")

    def read(self, request: CarrierRequest) -> CallInfo:
        """Return what the webhook says, in its query or as JSON."""
        fields = _fields(request.body) or request.parameters()
        return CallInfo(
            self.name,
            call_id=fields.get("uuid", ""),
            caller=fields.get("from", ""),
            called=fields.get("to", ""),
            parameters=fields,
        )

    def connect(self, url: str, token: str, manners: Manners) -> Answer:
        """Return an NCCO that connects a WebSocket; the call ends with it."""
        endpoint = {
            "type": "websocket",
            "uri": with_token(url, token),
            "content-type": f"audio/l16;rate={self._rate}",
        }
        return _ncco(manners.greeting, manners, {"action": "connect", "endpoint": [endpoint]})

    def refuse(self, manners: Manners) -> Answer:
        """Return an NCCO that says a sentence at most, and so ends the call."""
        return _ncco(manners.busy, manners)

    def _secret(self) -> str:
        return self._signature_secret or os.environ.get(SIGNATURE_SECRET, "")


def _jwt() -> Any:
    try:
        import jwt
    except ImportError:
        raise MissingPackageError(
            "checking Vonage's signatures", "fastrtc-telephony[vonage]"
        ) from None
    return jwt


def _fields(body: bytes) -> dict[str, str]:
    if not body:
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    pairs = list(found.items())[:MOST_PARAMETERS]
    return {name: str(value)[:LONGEST_PARAMETER] for name, value in pairs}


def _ncco(sentence: str | None, manners: Manners, *actions: dict[str, Any]) -> Answer:
    talk = {"action": "talk", "text": sentence, "language": manners.language}
    return Answer(json.dumps([talk, *actions] if sentence else actions), "application/json")
