"""What a configuration of ICE servers is: its forms brought to one, and how long it holds.

The form is the W3C's RTCConfiguration as a dict. Three more are taken: a list of servers alone, one
server alone, and Cloudflare's, where ``iceServers`` is one server and no list.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, Final

from fastrtc_core import FastRTCError
from fastrtc_webrtc.credentials.values import TurnCredentials

ICE_URL: Final = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+)"
    r"(?::(?P<port>\d{1,5}))?(?:\?transport=(?P<transport>udp|tcp))?"
)
"""RFC 7064 section 3.1 and RFC 7065 section 3.1."""

HIGHEST_PORT: Final = 65_535

POLICIES: Final = ("all", "relay")

END_IN_USERNAME: Final = re.compile(r"(\d{9,11})(?::|$)")
"""How user names of the TURN REST scheme begin: seconds since 1970, when they end."""

LIFETIME_KEYS: Final = ("ttl", "expires")
"""Keys of a result that are for us, and no part of an RTCConfiguration."""


class ConfigurationError(FastRTCError, ValueError):
    """There is no usable configuration of ICE servers."""


@dataclass(frozen=True, slots=True)
class IceUrl:
    """The parts of a server's URL."""

    text: str
    scheme: str
    host: str
    transport: str | None

    @property
    def is_turn(self) -> bool:
        """Whether it is a relay's."""
        return self.scheme.startswith("turn")


def parse_ice_url(url: object) -> IceUrl:
    """Take the URL of a STUN or TURN server apart.

    Raises:
        ConfigurationError: It is none.

    """
    match = ICE_URL.fullmatch(url) if isinstance(url, str) else None
    if match is None or not isinstance(url, str):
        raise ConfigurationError(
            f"{url!r} is no URL of an ICE server: write stun:host:port, turn:host:port or "
            "turns:host:port?transport=tcp"
        )
    scheme, host, port, transport = match.group("scheme", "host", "port", "transport")
    if port is not None and not 0 < int(port) <= HIGHEST_PORT:
        raise ConfigurationError(f"the ICE server {url!r} has no valid port")
    if transport is not None and scheme.startswith("stun"):
        raise ConfigurationError(f"the ICE server {url!r}: a URL of STUN names no transport")
    return IceUrl(url, scheme, host, transport)


def ice_configuration(value: object) -> dict[str, Any]:
    """Bring a configuration to the form that a browser takes.

    Returns:
        A new dict with ``iceServers``, a list of dicts with ``urls``, and ``username`` and
        ``credential`` where there are any; and whatever else an RTCConfiguration may have.

    Raises:
        ConfigurationError: It is no configuration, or no client could use it.

    """
    if isinstance(value, list | tuple):
        value = {"iceServers": value}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            "a configuration is a dict with iceServers, or a list of servers, not an object of the "
            f"type {type(value).__name__}"
        )
    if "urls" in value:
        value = {"iceServers": [value]}
    result = {key: item for key, item in value.items() if key not in LIFETIME_KEYS}
    result["iceServers"] = [_server(server) for server in _list(value.get("iceServers"))]
    _check_policy(result)
    return result


def _server(server: object) -> dict[str, Any]:
    urls = server.get("urls", server.get("url")) if isinstance(server, Mapping) else None
    if not isinstance(server, Mapping) or not urls:
        # Without its values: they may be passwords.
        have = ", ".join(map(str, server)) if isinstance(server, Mapping) else type(server).__name__
        raise ConfigurationError(f"an ICE server is a dict with urls; this one has only: {have}")
    result = {
        key: item for key, item in server.items() if key not in ("url", "urls") and item is not None
    }
    for url in map(parse_ice_url, _list(urls)):
        if url.is_turn and not (server.get("username") and server.get("credential")):
            raise ConfigurationError(
                f"the TURN server {url.text!r} needs a username and a credential"
            )
    return {"urls": list(urls) if isinstance(urls, tuple) else urls, **result}


def _check_policy(configuration: Mapping[str, Any]) -> None:
    policy = configuration.get("iceTransportPolicy", "all")
    if policy not in POLICIES:
        raise ConfigurationError(f"iceTransportPolicy must be all or relay, not {policy!r}")
    if policy == "relay" and not any(url.is_turn for _, url in server_urls(configuration)):
        raise ConfigurationError(
            "iceTransportPolicy is relay, and no server is a TURN server: nothing could connect"
        )


def server_urls(configuration: Mapping[str, Any]) -> Iterable[tuple[Mapping[str, Any], IceUrl]]:
    """Yield every server of a configuration once for each of its URLs."""
    for server in configuration["iceServers"]:
        for url in _list(server["urls"]):
            yield server, parse_ice_url(url)


def _list(value: object) -> list[Any]:
    """Return the items of a list, the one item that stands where a list may be, or none."""
    if isinstance(value, list | tuple):
        return list(value)
    return [] if value is None else [value]


def end_of(value: object, *, now: float) -> float | None:
    """Return when what a configuration says ends, in seconds since 1970; None if it does not say.

    Read are the key ``ttl`` (seconds from now), the key ``expires`` (seconds since 1970, or a time
    in ISO 8601), user names that begin with a time, and what `TurnCredentials` know.

    Args:
        value: What `ice_configuration` takes and can use.
        now: Seconds since 1970.

    Raises:
        ConfigurationError: ``ttl`` or ``expires`` can't be read.

    """
    ends = [value.expires] if isinstance(value, TurnCredentials) else []
    if isinstance(value, Mapping):
        if value.get("ttl") is not None:
            ends.append(now + _number("ttl", value["ttl"]))
        if value.get("expires") is not None:
            ends.append(_time(value["expires"]))
    names = [str(each.get("username", "")) for each in ice_configuration(value)["iceServers"]]
    ends += [float(match[1]) for name in names if (match := END_IN_USERNAME.match(name))]
    return min(ends, default=None)


def _time(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            raise ConfigurationError(f"expires is no time: {value!r}") from None
    return _number("expires", value)


def _number(key: str, value: object) -> float:
    if isinstance(value, int | float | str):
        with suppress(ValueError, OverflowError):
            number = float(value)
            if isfinite(number):
                return number
    raise ConfigurationError(f"{key} must be a number of seconds, not {value!r}")
