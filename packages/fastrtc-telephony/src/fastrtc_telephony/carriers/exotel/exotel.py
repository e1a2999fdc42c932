"""Exotel: its Voicebot applet, by a static URL or one that is asked for."""

import json
import os
from typing import Final

from fastrtc_telephony.carrier import (
    Answer,
    Carrier,
    CarrierRequest,
    Manners,
    password,
    same,
    with_token,
)
from fastrtc_telephony.carriers.exotel.protocol import ExotelProtocol
from fastrtc_telephony.errors import ConfigurationError, SignatureError
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.media import MediaProtocol

SECRET: Final = "EXOTEL_SECRET"


class Exotel(Carrier):
    """Exotel's Voicebot applet. It signs nothing, so a password in its URL stands for that.

    Args:
        secret: The password of ``https://any:SECRET@example.org/telephone/exotel/incoming`` (or
            ``wss://...handler``) in the applet; Exotel sends it by basic authentication. By
            default what the environment has as ``EXOTEL_SECRET``.

    """

    name = "exotel"

    def __init__(self, secret: str | None = None) -> None:
        self._given = secret

    def check(self) -> None:
        """Check that there is a password."""
        if not self._secret():
            raise ConfigurationError(
                "Exotel signs nothing: choose a password for its URL, Exotel(secret=...), or "
                f"{SECRET} in the environment"
            )

    def protocol(self) -> MediaProtocol:
        """Return the protocol of the Voicebot applet."""
        return ExotelProtocol()

    def verify(self, request: CarrierRequest, now: float) -> None:
        """Check the password."""
        self.check()
        if not same(password(request) or "", self._secret()):
            raise SignatureError("the password is not the one that was agreed on")

    def verify_socket(self, request: CarrierRequest, now: float) -> bool:
        """Return whether there is the password."""
        if "authorization" not in request.headers:
            return False
        self.verify(request, now)
        return True

    def read(self, request: CarrierRequest) -> CallInfo:
        """Return what the webhook says."""
        return CallInfo(
            self.name,
            call_id=request.get("CallSid"),
            caller=request.get("CallFrom", "From"),
            called=request.get("CallTo", "To"),
            parameters=request.parameters(),
        )

    def connect(self, url: str, token: str, manners: Manners) -> Answer:
        """Return the stream's URL; what is said before is the call flow's."""
        return Answer(json.dumps({"url": with_token(url, token)}), "application/json")

    def refuse(self, manners: Manners) -> Answer:
        """Return a failure, after which the call flow goes on to its next applet."""
        return Answer(json.dumps({"error": "busy"}), "application/json", 503)

    def _secret(self) -> str:
        return self._given or os.environ.get(SECRET, "")
