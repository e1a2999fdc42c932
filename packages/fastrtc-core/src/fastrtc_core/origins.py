"""Which web pages may connect (RFC 6454).

A browser lets any page open a WebSocket to any server and sends the visitor's cookies along; all
that tells the server of it is the Origin header field. Transports that browsers can reach ask
here before they answer.

A server whose own name is not known to it can't tell its name from one that an attacker has
pointed at its address (DNS rebinding): where that matters, restrict the Host field too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

ANY: Final = "*"
"""Stands for every origin."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_HOST: Final = r"(?P<host>\[[0-9a-f:.]+\]|[^\s/:@?#\[\]\\]+)(?::(?P<port>[0-9]{1,5}))?"
_AUTHORITY: Final = re.compile(_HOST, re.IGNORECASE)
_ORIGIN: Final = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://{_HOST}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, host and port, as RFC 6454 section 4 compares them."""

    scheme: str
    host: str
    port: int | None
    """None where the scheme has no port of its own and none was given."""


def parse_origin(text: str) -> Origin:
    """Take an origin apart.

    Args:
        text: As in ``https://example.org`` or ``http://localhost:3000``.

    Raises:
        ValueError: It is none: ``null``, or without a scheme, or with a path.

    """
    found = _ORIGIN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no origin; write it like https://example.org:8443")
    scheme = found["scheme"].lower()
    port = int(found["port"]) if found["port"] else DEFAULT_PORTS.get(scheme)
    return Origin(scheme, found["host"].lower(), port)


def origin_allowed(origin: str | None, host: str, allowed: Sequence[str]) -> bool:
    """Whether a page of this origin may connect.

    Programs other than browsers send no origin and pass. So do pages of the server itself, pages
    on this machine if the server is addressed as on this machine (a development server has
    another port), and listed ones. An origin that can't be read, or ``null``, passes only where
    any does.

    Args:
        origin: The Origin header field; None if there is none.
        host: The Host header field.
        allowed: Origins such as ``https://example.org``; ``*`` stands for any.

    Raises:
        ValueError: One of `allowed` is no origin.

    """
    if origin is None or ANY in allowed:
        return True
    listed = [parse_origin(item) for item in allowed]
    try:
        theirs = parse_origin(origin)
    except ValueError:
        return False
    return theirs in listed or _same_server(theirs, host)


def _same_server(origin: Origin, host: str) -> bool:
    found = _AUTHORITY.fullmatch(host)
    if found is None:
        return False
    name = found["host"].lower()
    port = int(found["port"]) if found["port"] else DEFAULT_PORTS.get(origin.scheme)
    return (origin.host, origin.port) == (name, port) or (
        _is_loopback(origin.host) and _is_loopback(name)
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 section 6.3
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
