"""Genesys Cloud: AudioHook's connections and their signatures."""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from fastrtc_telephony.carrier import Carrier, CarrierRequest, same
from fastrtc_telephony.carriers.genesys.protocol import GenesysProtocol
from fastrtc_telephony.errors import ConfigurationError, SignatureError
from fastrtc_telephony.media import MediaProtocol

API_KEY: Final = "GENESYS_API_KEY"
CLIENT_SECRET: Final = "GENESYS_CLIENT_SECRET"
TOLERANCE: Final = 300.0
"""Seconds that a signature may be old, unless it says itself when it expires."""

MUST_COVER: Final = frozenset(
    {"@request-target", "audiohook-organization-id", "audiohook-session-id", "x-api-key"}
)
"""Components that a signature must cover to be worth anything."""

_INPUT: Final = re.compile(r"(?P<label>[a-z0-9_-]+)=(?P<params>\((?P<names>[^()]*)\)(?P<rest>.*))")
_PARAMETER: Final = re.compile(r';\s*(?P<name>[a-z]+)=(?:"(?P<text>[^"]*)"|(?P<number>\d{1,15}))')


class Genesys(Carrier):
    """Genesys Cloud, by its Audio Connector or AudioHook integration.

    Args:
        api_key: As in the integration's settings, by default what the environment has as
            ``GENESYS_API_KEY``.
        client_secret: Base64, as in the integration's settings, by default
            ``GENESYS_CLIENT_SECRET``.

    """

    name = "genesys"
    answers = False

    def __init__(self, api_key: str | None = None, client_secret: str | None = None) -> None:
        self._api_key = api_key
        self._client_secret = client_secret

    def check(self) -> None:
        """Check that there are a key and a secret."""
        if not self._key() or not self._secret():
            raise ConfigurationError(
                "Genesys's connections can't be told from forged ones without the integration's "
                "API key and client secret: Genesys(api_key=..., client_secret=...), or "
                f"{API_KEY} and {CLIENT_SECRET} in the environment"
            )

    def protocol(self) -> MediaProtocol:
        """Return the protocol AudioHook."""
        return GenesysProtocol()

    def verify(self, request: CarrierRequest, now: float) -> None:
        """Check the API key, and the HTTP message signature."""
        self.check()
        if not same(request.headers.get("x-api-key", ""), self._key()):
            raise SignatureError("X-API-KEY is not the integration's")
        try:
            secret = base64.b64decode(self._secret(), validate=True)
        except ValueError:  # also of what is not ASCII
            raise ConfigurationError("Genesys's client secret must be base64") from None
        check_signature(request, secret, now)

    def verify_socket(self, request: CarrierRequest, now: float) -> bool:
        """Return whether the connection is signed."""
        if "signature" not in request.headers:
            return False
        self.verify(request, now)
        return True

    def _key(self) -> str:
        return self._api_key or os.environ.get(API_KEY, "")

    def _secret(self) -> str:
        return self._client_secret or os.environ.get(CLIENT_SECRET, "")


def check_signature(request: CarrierRequest, secret: bytes, now: float) -> None:
    """Check an HTTP message signature by HMAC (RFC 9421, as AudioHook uses its draft).

    Args:
        request: With the fields ``signature`` and ``signature-input``.
        secret: Shared with who signs.
        now: Seconds since 1970.

    Raises:
        SignatureError: It does not hold.

    """
    found = _INPUT.fullmatch(request.headers.get("signature-input", ""))
    if found is None:
        raise SignatureError("Signature-Input can't be read")
    names = re.findall(r'"([^"]*)"', found["names"])
    if missing := MUST_COVER - set(names):
        raise SignatureError(f"the signature does not cover {', '.join(sorted(missing))}")
    _check_time(found["rest"], now)
    have = _components(request)
    if unknown := [name for name in names if name not in have]:
        raise SignatureError(f"the signature covers {unknown[0]!r}, which is not there")
    lines = [f'"{name}": {have[name]}' for name in names]
    base = "\n".join([*lines, f'"@signature-params": {found["params"]}'])
    expected = base64.b64encode(hmac.new(secret, base.encode(), hashlib.sha256).digest()).decode()
    if not same(request.headers.get("signature", "").strip(), f"{found['label']}=:{expected}:"):
        raise SignatureError(
            f"the signature does not fit {request.url}: that must be the URL that Genesys has used "
            "(see TelephoneSettings.public_url)"
        )


def _components(request: CarrierRequest) -> Mapping[str, str]:
    url = urlsplit(request.url)
    target = url.path + (f"?{url.query}" if url.query else "")
    derived = {"@request-target": target, "@authority": url.netloc.lower()}
    return {**request.headers, **derived}


def _check_time(rest: str, now: float) -> None:
    numbers = {
        found["name"]: int(found["number"])
        for found in _PARAMETER.finditer(rest)
        if found["number"] is not None
    }
    created, expires = numbers.get("created"), numbers.get("expires")
    if created is None or created > now + TOLERANCE:
        raise SignatureError(f"the signature was made at {created}, which is not now")
    if now > (expires if expires is not None else created + TOLERANCE):
        raise SignatureError("the signature has expired")
