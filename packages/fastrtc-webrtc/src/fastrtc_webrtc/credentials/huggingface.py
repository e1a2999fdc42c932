"""TURN credentials for the token of a Hugging Face account, which has some traffic free."""

import warnings
from typing import TYPE_CHECKING, Final

from fastrtc_webrtc.credentials.requests import CredentialsRequest, fetch, fetch_async
from fastrtc_webrtc.credentials.values import (
    DEFAULT_TTL,
    TurnCredentials,
    checked_ttl,
    from_environment,
)

if TYPE_CHECKING:
    import httpx

HF_URL: Final = "https://fastrtc-turn-service.hf.space/credentials"
"""The Space that makes Cloudflare credentials for accounts of Hugging Face.

Its other name, turn.fastrtc.org, is never asked: its name servers know the domain no more, so that
whoever takes them over would be sent the tokens.
"""

HF_TOKEN: Final = "HF_TOKEN"


def get_hf_turn_credentials(
    token: str | None = None,
    ttl: int = DEFAULT_TTL,
    client: "httpx.Client | None" = None,
    *,
    hf_url: str = HF_URL,
) -> TurnCredentials:
    """Get TURN credentials for a Hugging Face token. Deprecated.

    `get_cloudflare_turn_credentials` asks the same server when it is given ``hf_token``.

    Args:
        token: Of Hugging Face; the variable ``HF_TOKEN`` by default.
        ttl: Seconds the credentials live.
        client: Used for the request if given; not closed.
        hf_url: Asked instead of the server that `HF_URL` names.

    Raises:
        CredentialsError: The server gave none.
        MissingPackageError: httpx is not installed.
        ValueError: There is no token, or `ttl` is not positive.

    """
    _warn("get_hf_turn_credentials", "get_cloudflare_turn_credentials")
    return fetch(hf_request(_token(token), ttl, hf_url), client)


async def get_hf_turn_credentials_async(
    token: str | None = None,
    ttl: int = DEFAULT_TTL,
    client: "httpx.AsyncClient | None" = None,
    *,
    hf_url: str = HF_URL,
) -> TurnCredentials:
    """Do what `get_hf_turn_credentials` does on an event loop. Deprecated."""
    _warn("get_hf_turn_credentials_async", "get_cloudflare_turn_credentials_async")
    return await fetch_async(hf_request(_token(token), ttl, hf_url), client)


def hf_request(token: str, ttl: int, url: str) -> CredentialsRequest:
    """Return the request for a token."""
    return CredentialsRequest(
        provider="Hugging Face", method="GET", url=url, token=token.strip(), ttl=checked_ttl(ttl)
    )


def _token(given: str | None) -> str:
    token = given or from_environment(HF_TOKEN)
    if token is None:
        raise ValueError(f"there is no Hugging Face token: give token, or set {HF_TOKEN}")
    return token


def _warn(old: str, new: str) -> None:
    warnings.warn(
        f"{old} is deprecated: call {new}(hf_token=...)", DeprecationWarning, stacklevel=3
    )
