"""Asterisk: a telephone exchange of one's own, by chan_websocket."""

import os
from typing import Final

from fastrtc_telephony.carrier import TOKEN, Carrier, CarrierRequest, password, same
from fastrtc_telephony.carriers.asterisk.protocol import AsteriskProtocol
from fastrtc_telephony.errors import ConfigurationError, SignatureError
from fastrtc_telephony.media import MediaProtocol

SECRET: Final = "ASTERISK_SECRET"


class Asterisk(Carrier):
    """An Asterisk whose dial plan calls ``Dial(WebSocket/fastrtc/c(ulaw))``.

    Args:
        secret: The ``password`` of the connection in ``websocket_client.conf``, by default what the
            environment has as ``ASTERISK_SECRET``.

    """

    name = "asterisk"
    answers = False
    subprotocols = ("media",)

    def __init__(self, secret: str | None = None) -> None:
        self._given = secret

    def check(self) -> None:
        """Check that there is a password."""
        if not self._secret():
            raise ConfigurationError(
                "choose a password for Asterisk's connections: Asterisk(secret=...), or "
                f"{SECRET} in the environment; in websocket_client.conf it is `password`"
            )

    def protocol(self) -> MediaProtocol:
        """Return the protocol of chan_websocket."""
        return AsteriskProtocol()

    def verify(self, request: CarrierRequest, now: float) -> None:
        """Check the password."""
        self.check()
        given = password(request) or request.get(TOKEN)
        if not same(given, self._secret()):
            raise SignatureError("the password is not the one that was agreed on")

    def verify_socket(self, request: CarrierRequest, now: float) -> bool:
        """Return whether there is the password; raises if it is wrong."""
        self.verify(request, now)
        return True

    def _secret(self) -> str:
        return self._given or os.environ.get(SECRET, "")
