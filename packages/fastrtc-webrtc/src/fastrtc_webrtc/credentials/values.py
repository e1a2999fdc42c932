"""What all providers have in common: the result, its lifetime, and where secrets come from."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

DEFAULT_TTL: Final = 600
"""Seconds that credentials live unless told otherwise: long enough to connect, and of no use to
whoever finds them later."""


class TurnCredentials(dict[str, Any]):
    """An RTCConfiguration (W3C) as a dict, with ``iceServers``, that knows when it ends.

    Args:
        configuration: What the browser's RTCPeerConnection takes.
        expires: When the credentials end, in seconds since 1970.

    """

    __slots__ = ("expires",)

    def __init__(self, configuration: Mapping[str, Any], *, expires: float) -> None:
        super().__init__(configuration)
        self.expires = expires


def unix_time() -> float:
    """Return the seconds since 1970, the clock that servers of credentials go by."""
    return datetime.now(UTC).timestamp()


def from_environment(*names: str) -> str | None:
    """Return the first of these variables that is set and not empty."""
    for name in names:
        if value := os.environ.get(name, "").strip():
            return value
    return None


def checked_ttl(ttl: int) -> int:
    """Return the lifetime.

    Raises:
        ValueError: It is no positive number.

    """
    if not ttl > 0:
        raise ValueError(f"ttl must be a positive number of seconds, not {ttl!r}")
    return ttl
