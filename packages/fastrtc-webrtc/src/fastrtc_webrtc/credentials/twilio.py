"""TURN credentials of Twilio, by its own package."""

from importlib import import_module
from typing import Any, Final, Protocol

from fastrtc_core import MissingPackageError
from fastrtc_webrtc.credentials.requests import TIMEOUT
from fastrtc_webrtc.credentials.values import (
    TurnCredentials,
    checked_ttl,
    from_environment,
    unix_time,
)

TWILIO_TTL: Final = 86_400
"""What Twilio itself takes for the default."""

SID: Final = "TWILIO_ACCOUNT_SID"
TOKEN: Final = "TWILIO_AUTH_TOKEN"


class TwilioClient(Protocol):
    """The part of ``twilio.rest.Client`` that is used."""

    @property
    def tokens(self) -> Any: ...  # noqa: D102 - Twilio's own


def get_twilio_turn_credentials(
    twilio_sid: str | None = None,
    twilio_token: str | None = None,
    *,
    ttl: int = TWILIO_TTL,
    client: TwilioClient | None = None,
) -> TurnCredentials:
    """Get credentials for Twilio's TURN servers.

    The configuration has the policy ``relay``: nothing is sent but over those servers.

    Args:
        twilio_sid: SID of the account; by default the variable ``TWILIO_ACCOUNT_SID``.
        twilio_token: Its token; by default ``TWILIO_AUTH_TOKEN``.
        ttl: Seconds the credentials live.
        client: A ``twilio.rest.Client`` to use, instead of one for these two.

    Raises:
        MissingPackageError: The package twilio is not installed.
        ValueError: There is no SID or no token, or `ttl` is not positive.
        twilio.base.exceptions.TwilioRestException: Twilio refused.

    """
    checked_ttl(ttl)
    if client is None:
        client = _client(
            twilio_sid or from_environment(SID), twilio_token or from_environment(TOKEN)
        )
    asked_at = unix_time()
    token = client.tokens.create(ttl=ttl)
    return TurnCredentials(
        {"iceServers": token.ice_servers, "iceTransportPolicy": "relay"}, expires=asked_at + ttl
    )


def _client(sid: str | None, token: str | None) -> TwilioClient:
    try:
        rest = import_module("twilio.rest")
        http = import_module("twilio.http.http_client")
    except ImportError as error:
        what = "asking Twilio for TURN credentials"
        raise MissingPackageError(what, "fastrtc-webrtc[twilio]") from error
    if not sid or not token:
        raise ValueError(
            "a Twilio account has a SID and a token: give twilio_sid and twilio_token, or set "
            f"{SID} and {TOKEN}"
        )
    # Unless told otherwise, Twilio's client would wait for ever.
    client: TwilioClient = rest.Client(
        sid, token, http_client=http.TwilioHttpClient(timeout=TIMEOUT)
    )
    return client
