"""Link header fields that tell WHIP and WHEP clients of ICE servers (RFC 9725 section 4.6)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_URL: Final = re.compile(r"(?:stun|turn)s?:[!#-;=?-\[\]_a-z~]+")  # ASCII, without what ends it
_QUOTABLE: Final = re.compile(r"[\t -~\x80-\xff]*")  # RFC 9110 section 5.6.4
_SPECIAL: Final = re.compile(r'(["\\])')


def link_headers(ice_servers: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the value of a Link field for every URL of every server.

    Args:
        ice_servers: ``iceServers`` of an RTCConfiguration: ``urls``, one or a list, and for TURN
            ``username`` and ``credential``.

    Raises:
        ValueError: A URL is none of a STUN or TURN server, or something can't stand in a header
            field.

    """
    return [link for server in ice_servers for link in _links(server)]


def _links(server: Mapping[str, object]) -> Iterator[str]:
    urls = server.get("urls")
    parameters = ['rel="ice-server"']
    if server.get("username") is not None and server.get("credential") is not None:
        parameters += [
            f"username={_quoted('username', server['username'])}",
            f"credential={_quoted('credential', server['credential'])}",
            'credential-type="password"',
        ]
    for url in urls if isinstance(urls, list | tuple) else [urls]:
        if not isinstance(url, str) or not _URL.fullmatch(url):
            raise ValueError(f"{url!r} is no URL of a STUN or TURN server, such as stun:host:port")
        yield "; ".join([f"<{url}>", *parameters])


def _quoted(name: str, value: object) -> str:
    text = str(value)
    if not _QUOTABLE.fullmatch(text):
        raise ValueError(f"the {name} of an ICE server has a character that no header field may")
    return '"' + _SPECIAL.sub(r"\\\1", text) + '"'
