"""TURN credentials of Cloudflare, for a TURN key of one's own or for a Hugging Face token."""

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from fastrtc_webrtc.credentials.huggingface import HF_TOKEN, HF_URL, hf_request
from fastrtc_webrtc.credentials.requests import CredentialsRequest, fetch, fetch_async
from fastrtc_webrtc.credentials.values import (
    DEFAULT_TTL,
    TurnCredentials,
    checked_ttl,
    from_environment,
)

if TYPE_CHECKING:
    import httpx

CLOUDFLARE_URL: Final = "https://rtc.live.cloudflare.com/v1/turn/keys"
"""Source: developers.cloudflare.com/realtime/turn/generate-credentials."""

KEY_ID_NAMES: Final = ("CLOUDFLARE_TURN_KEY_ID", "TURN_KEY_ID")
API_TOKEN_NAMES: Final = ("CLOUDFLARE_TURN_KEY_API_TOKEN", "TURN_KEY_API_TOKEN")


def get_cloudflare_turn_credentials(
    turn_key_id: str | None = None,
    turn_key_api_token: str | None = None,
    hf_token: str | None = None,
    ttl: int = DEFAULT_TTL,
    client: "httpx.Client | None" = None,
    *,
    cloudflare_url: str = CLOUDFLARE_URL,
    hf_url: str = HF_URL,
) -> TurnCredentials:
    """Get credentials for Cloudflare's TURN servers.

    A Hugging Face token is used rather than a TURN key if both are given, or if both are in the
    environment; what is given as an argument is used rather than what is in the environment.

    Args:
        turn_key_id: Id of a TURN key of Cloudflare; by default the variable
            ``CLOUDFLARE_TURN_KEY_ID``, or ``TURN_KEY_ID``.
        turn_key_api_token: The key's API token; by default ``CLOUDFLARE_TURN_KEY_API_TOKEN``, or
            ``TURN_KEY_API_TOKEN``.
        hf_token: Token of Hugging Face; by default ``HF_TOKEN``.
        ttl: Seconds the credentials live.
        client: Used for the request if given; not closed.
        cloudflare_url: Asked for a TURN key, instead of Cloudflare.
        hf_url: Asked for a Hugging Face token, instead of the server that Hugging Face runs.

    Raises:
        CredentialsError: The server gave none.
        MissingPackageError: httpx is not installed.
        ValueError: There is neither a token nor a key, or `ttl` is not positive.

    """
    request = _request(turn_key_id, turn_key_api_token, hf_token, ttl, (cloudflare_url, hf_url))
    return fetch(request, client)


async def get_cloudflare_turn_credentials_async(
    turn_key_id: str | None = None,
    turn_key_api_token: str | None = None,
    hf_token: str | None = None,
    ttl: int = DEFAULT_TTL,
    client: "httpx.AsyncClient | None" = None,
    *,
    cloudflare_url: str = CLOUDFLARE_URL,
    hf_url: str = HF_URL,
) -> TurnCredentials:
    """Do what `get_cloudflare_turn_credentials` does on an event loop."""
    request = _request(turn_key_id, turn_key_api_token, hf_token, ttl, (cloudflare_url, hf_url))
    return await fetch_async(request, client)


def _request(
    key_id: str | None,
    api_token: str | None,
    hf_token: str | None,
    ttl: int,
    urls: tuple[str, str],
) -> CredentialsRequest:
    cloudflare_url, hf_url = urls
    key_given = bool(key_id or api_token)
    # Whoever gives a TURN key does not mean the token that his environment has for other things.
    hf_token = hf_token or (None if key_given else from_environment(HF_TOKEN))
    if hf_token:
        return hf_request(hf_token, ttl, hf_url)
    key_id = key_id or from_environment(*KEY_ID_NAMES)
    api_token = api_token or from_environment(*API_TOKEN_NAMES)
    if not key_id or not api_token:
        raise ValueError(_what_is_missing(key_id, api_token))
    return CredentialsRequest(
        provider="Cloudflare",
        method="POST",
        url=f"{cloudflare_url}/{quote(key_id.strip(), safe='')}/credentials/generate-ice-servers",
        token=api_token.strip(),
        ttl=checked_ttl(ttl),
    )


def _what_is_missing(key_id: str | None, api_token: str | None) -> str:
    if key_id:
        return (
            "the TURN key of Cloudflare has no API token: give turn_key_api_token, or set "
            f"{API_TOKEN_NAMES[0]}"
        )
    if api_token:
        return f"the TURN key of Cloudflare has no id: give turn_key_id, or set {KEY_ID_NAMES[0]}"
    return (
        "there is nothing to get TURN credentials for: give turn_key_id and turn_key_api_token, or "
        f"hf_token; or set {KEY_ID_NAMES[0]} and {API_TOKEN_NAMES[0]}, or {HF_TOKEN}"
    )
