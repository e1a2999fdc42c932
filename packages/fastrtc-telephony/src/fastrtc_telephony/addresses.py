"""The URL that a carrier has used, of the one that has arrived."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from fastrtc_telephony.settings import TelephoneSettings

_SECURE = {"http": "https", "https": "https", "ws": "wss", "wss": "wss"}
_AS_SOCKET = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def public_url(connection: HTTPConnection, settings: TelephoneSettings) -> str:
    """Return the URL of a request as the carrier has used it.

    Args:
        connection: The request, HTTP or WebSocket.
        settings: Say where this server is, or whose proxies are believed.

    """
    url = connection.url
    path = f"{url.path}?{url.query}" if url.query else url.path
    if settings.public_url is not None:
        parts = urlsplit(settings.public_url)
        scheme = url.scheme if parts.scheme == "http" else _SECURE[url.scheme]
        return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}{path}"
    scheme, host, prefix = url.scheme, url.netloc, ""
    if _is_trusted(connection, settings):
        headers = connection.headers
        if _first(headers, "x-forwarded-proto") in ("https", "wss"):
            scheme = _SECURE[scheme]
        host = _first(headers, "x-forwarded-host") or host
        prefix = _first(headers, "x-forwarded-prefix").rstrip("/")
    return f"{scheme}://{host}{prefix}{path}"


def stream_url(webhook_url: str, incoming: str, handler: str) -> str:
    """Return the URL of a call's media stream, beside that of its webhook.

    Args:
        webhook_url: Of the webhook, as the carrier has used it.
        incoming: End of its path.
        handler: What stands there instead for the stream.

    """
    parts = urlsplit(webhook_url)
    path = parts.path.removesuffix(incoming) + handler
    return f"{_AS_SOCKET[parts.scheme]}://{parts.netloc}{path}"


def _is_trusted(connection: HTTPConnection, settings: TelephoneSettings) -> bool:
    peer = connection.client.host if connection.client else None
    try:
        address = ip_address(peer or "")
    except ValueError:  # a Unix socket, for example
        return False
    return any(address in ip_network(network) for network in settings.trusted_proxies)


def _first(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "").partition(",")[0].strip()
