"""Credentials for a TURN server of one's own that knows a secret (coturn: ``static-auth-secret``).

The scheme is that of draft-uberti-behave-turn-rest-00, section 2.2: the user name tells when it
ends, and the password is the user name's HMAC by the secret. So nobody has to be asked.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from fastrtc_webrtc.credentials.values import DEFAULT_TTL, TurnCredentials, checked_ttl, unix_time


def get_coturn_credentials(
    secret: str,
    urls: str | Sequence[str],
    *,
    user: str = "fastrtc",
    ttl: int = DEFAULT_TTL,
    now: float | None = None,
) -> TurnCredentials:
    """Make credentials for a TURN server that shares a secret with us.

    Usable as a stream's configuration by `functools.partial`::

        Stream(..., rtc_configuration=partial(get_coturn_credentials, SECRET, URLS))

    Args:
        secret: The server's ``static-auth-secret``.
        urls: Its URLs, such as ``turn:turn.example.com:3478``; name ``stun:turn.example.com:3478``
            too, for those who can do without the relay.
        user: Part of the user name, for the server's log.
        ttl: Seconds until no new connection can be made by them; those that stand go on.
        now: Seconds since 1970, if not those of the machine's clock.

    Raises:
        ValueError: The secret is empty, there is no URL, or `ttl` is not positive.

    """
    if not secret:
        raise ValueError("the secret of the TURN server is empty")
    if not urls:
        raise ValueError("the TURN server needs at least one URL")
    expires = int((unix_time() if now is None else now) + checked_ttl(ttl))
    username = f"{expires}:{user}"
    digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    server = {
        "urls": urls if isinstance(urls, str) else list(urls),
        "username": username,
        "credential": base64.b64encode(digest).decode(),
    }
    return TurnCredentials({"iceServers": [server]}, expires=expires)
