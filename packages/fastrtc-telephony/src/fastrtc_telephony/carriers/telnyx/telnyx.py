"""Telnyx: its TeXML webhooks and their signatures."""

import base64
import os
from typing import TYPE_CHECKING, Final

from fastrtc_core import MissingPackageError
from fastrtc_telephony.carrier import (
    Answer,
    Carrier,
    CarrierRequest,
    Manners,
    element,
    response,
    said,
    with_token,
)
from fastrtc_telephony.carriers.telnyx.protocol import TelnyxProtocol
from fastrtc_telephony.errors import ConfigurationError, SignatureError
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.media import MediaProtocol

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PUBLIC_KEY: Final = "TELNYX_PUBLIC_KEY"
TOLERANCE: Final = 300.0
"""Seconds that a request may be old, as Telnyx recommends."""


class Telnyx(Carrier):
    """Telnyx, by a TeXML application.

    Args:
        public_key: Of the account, base64, by default what the environment has as
            ``TELNYX_PUBLIC_KEY``. Checks what Telnyx has signed.

    """

    name = "telnyx"

    def __init__(self, public_key: str | None = None) -> None:
        self._public_key = public_key

    def check(self) -> None:
        """Check that there is a public key, and what can use it."""
        self._verifier()

    def protocol(self) -> MediaProtocol:
        """Return the protocol of Media Streaming."""
        return TelnyxProtocol()

    def verify(self, request: CarrierRequest, now: float) -> None:
        """Check the Ed25519 signature of time and body."""
        from cryptography.exceptions import InvalidSignature

        stamp = request.headers.get("telnyx-timestamp", "")
        if not (stamp.isascii() and stamp.isdigit()) or abs(now - int(stamp[:12])) > TOLERANCE:
            raise SignatureError(f"telnyx-timestamp is {stamp!r}, which is not now")
        try:
            given = base64.b64decode(
                request.headers.get("telnyx-signature-ed25519", ""), validate=True
            )
            self._verifier().verify(given, stamp.encode() + b"|" + request.body)
        except (ValueError, InvalidSignature):  # the former: no base64, or no ASCII
            raise SignatureError("telnyx-signature-ed25519 does not fit the request") from None

    def read(self, request: CarrierRequest) -> CallInfo:
        """Return what the webhook says."""
        return CallInfo(
            self.name,
            call_id=request.get("CallControlId", "CallSid"),
            caller=request.get("From"),
            called=request.get("To"),
            parameters=request.parameters(),
        )

    def connect(self, url: str, token: str, manners: Manners) -> Answer:
        """Return TeXML with ``<Connect><Stream>``; the call ends with the stream."""
        stream = element("Stream", url=with_token(url, token), bidirectionalMode="rtp")
        return response(said("Say", manners.greeting, manners), element("Connect", stream))

    def refuse(self, manners: Manners) -> Answer:
        """Return TeXML with ``<Reject>``, or a sentence and ``<Hangup>``."""
        if manners.busy is None:
            return response(element("Reject", reason="busy"))
        return response(said("Say", manners.busy, manners), element("Hangup"))

    def _verifier(self) -> "Ed25519PublicKey":
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        except ImportError:
            raise MissingPackageError(
                "checking Telnyx's signatures", "fastrtc-telephony[telnyx]"
            ) from None
        key = self._public_key or os.environ.get(PUBLIC_KEY, "")
        try:
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        except ValueError as error:
            raise ConfigurationError(
                "Telnyx's requests can't be told from forged ones without the account's public "
                f"key, 32 bytes in base64: Telnyx(public_key=...), or {PUBLIC_KEY} in the "
                f"environment ({error})"
            ) from None
