"""Remote ICE candidates (RFC 8839 section 5.1), and the policy that says which are used.

A candidate is an address that the server is asked to send packets to. Whoever may send an offer
could make the server probe other hosts with them, so that by default (``local``) a candidate is
used only if it is

* the address that the request itself came from,
* a multicast DNS name, which only hosts of the server's own link can answer to,
* a relay with a public address, or
* a private address, if the request came from a private or loopback address; a loopback address,
  if it came from a loopback address.

The rest is left to peer-reflexive candidates: a client behind NAT sends first, and where its
packets come from is answered. The policy ``any`` takes every address of one host. Whatever the
policy, no packet goes to a cloud's metadata service.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Final, Literal, TypeGuard

from fastrtc_core import ProtocolError
from fastrtc_webrtc.addresses import Address, client_address, kind_of, parse_address
from fastrtc_webrtc.settings import CandidatePolicy

CandidateType = Literal["host", "srflx", "prflx", "relay"]
Transport = Literal["udp", "tcp"]

LONGEST: Final = 1024
"""Characters of a candidate; those of browsers have about 200."""

HIGHEST_PORT: Final = 65_535
HIGHEST_PRIORITY: Final = 2**32 - 1  # 32 bits, RFC 8445 section 5.1.2; the grammar has 10 digits
HIGHEST_COMPONENT: Final = 256

FIRST_UNPRIVILEGED_PORT: Final = 1024
"""No media come from ports below, RFC 6335 section 6, and services listen there that an attacker
would like to see probed."""

_FOUNDATION: Final = re.compile(r"[A-Za-z0-9+/]{1,32}")
_TOKEN: Final = re.compile(r"[!-~]{1,256}")
_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_MDNS_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,63}\.local", re.IGNORECASE)
_PREFIX: Final = re.compile(r"(?:a=)?candidate:", re.IGNORECASE)
_TCP_TYPES: Final = frozenset({"active", "passive", "so"})  # RFC 6544 section 4.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A remote candidate whose form has been checked."""

    foundation: str
    component: int
    """1 for RTP, and for everything if RTCP is multiplexed; 1 to 256."""

    transport: Transport
    priority: int
    """0 to 2³²−1."""

    address: str
    """An IPv4 or IPv6 address in its shortest form, or a name such as ``….local``."""

    port: int
    """0 to 65,535; 0 or 9 where there is none, as with active TCP."""

    type: CandidateType
    related_address: str | None = None
    related_port: int | None = None
    tcp_type: str | None = None
    """``active``, ``passive`` or ``so``; only over TCP."""

    ufrag: str | None = None
    """User fragment of the ICE generation that the candidate belongs to, if it says so."""

    extensions: tuple[tuple[str, str], ...] = ()
    """What else it says, in order."""

    mid: str | None = None
    """Media section, if known."""

    @property
    def is_name(self) -> bool:
        """Whether the address is a multicast DNS name, to be resolved before it is used."""
        return parse_address(self.address) is None

    def to_text(self) -> str:
        """Return the candidate as it stands in SDP after ``candidate:``."""
        words = [self.foundation, self.component, self.transport, self.priority]
        words += [self.address, self.port, "typ", self.type]
        optional = (
            ("raddr", self.related_address),
            ("rport", self.related_port),
            ("tcptype", self.tcp_type),
            ("ufrag", self.ufrag),
            *self.extensions,
        )
        for name, value in optional:
            if value is not None:
                words += [name, value]
        return " ".join(map(str, words))


def parse_candidate(text: str, mid: str | None = None) -> Candidate:
    """Take a candidate apart.

    Args:
        text: With or without ``candidate:`` or ``a=candidate:`` before it.
        mid: The media section it came with.

    Raises:
        ProtocolError: ``bad_candidate``: it is none, or its address is a name that is not one of
            multicast DNS. Looking other names up would let a client choose what is asked.

    """
    if len(text) > LONGEST:
        raise _bad(f"a candidate of {len(text)} characters, where {LONGEST} are allowed")
    words = _PREFIX.sub("", text.strip(), count=1).split()
    if len(words) < 8:
        raise _bad(f"a candidate has 8 words at least, not {len(words)}: {shortened(text)}")
    if len(words) % 2:
        raise _bad(f"the last word of {shortened(text)} is the name of an extension with no value")
    if not all(_TOKEN.fullmatch(word) for word in words):
        raise _bad(f"a word of {shortened(text)} is longer than 256 characters or not ASCII")
    foundation, component, transport, priority, address, port, typ, kind = words[:8]
    if not _FOUNDATION.fullmatch(foundation):
        raise _bad(f"a foundation is 1 to 32 letters, digits, + or /, not {shortened(foundation)}")
    if typ != "typ":
        raise _bad(f"the 7th word of a candidate is typ, not {shortened(typ)}")
    transport, kind = transport.lower(), kind.lower()
    if not _is_transport(transport):
        raise _bad(f"a candidate's transport is udp or tcp, not {shortened(transport)}")
    if not _is_type(kind):
        raise _bad(f"a candidate's type is host, srflx, prflx or relay, not {shortened(kind)}")
    pairs = tuple(zip(words[8::2], words[9::2], strict=True))
    known = {name: _EXTENSIONS[name](name, value) for name, value in pairs if name in _EXTENSIONS}
    return Candidate(
        foundation=foundation,
        component=_number("component", component, 1, HIGHEST_COMPONENT),
        transport=transport,
        priority=_number("priority", priority, 0, HIGHEST_PRIORITY),
        address=_address(address),
        port=_number("port", port, 0, HIGHEST_PORT),
        type=kind,
        related_address=known.get("raddr"),
        related_port=int(known["rport"]) if "rport" in known else None,
        tcp_type=known.get("tcptype"),
        ufrag=known.get("ufrag"),
        extensions=tuple(pair for pair in pairs if pair[0] not in _EXTENSIONS),
        mid=mid,
    )


def admit(candidate: Candidate, *, client: str | None, policy: CandidatePolicy = "local") -> bool:
    """Whether packets may be sent to a candidate; `objection` says why not."""
    return objection(candidate, client=client, policy=policy) is None


def objection(
    candidate: Candidate, *, client: str | None, policy: CandidatePolicy = "local"
) -> str | None:
    """Return why no packet is sent to a candidate, None if one may be.

    Args:
        candidate: The candidate.
        client: The address that the request came from, see `client_address`; None if it is not
            known, which counts as a public one.
        policy: ``local`` or ``any``.

    """
    if candidate.transport != "udp":
        return "candidates over TCP are not used"
    if candidate.component != 1:
        return f"component {candidate.component} is not used, as RTCP is multiplexed with RTP"
    lowest = 1 if policy == "any" else FIRST_UNPRIVILEGED_PORT
    if candidate.port < lowest:
        return f"port {candidate.port} is below {lowest}"
    address = parse_address(candidate.address)
    if address is None:  # a multicast DNS name
        return None
    return address_objection(
        address,
        client=None if client is None else parse_address(client),
        policy=policy,
        relay=candidate.type == "relay",
    )


def address_objection(
    address: Address, *, client: Address | None, policy: CandidatePolicy, relay: bool = False
) -> str | None:
    """Return why no packet is sent to an address, None if one may be.

    Args:
        address: Where a packet would go; IPv4-mapped ones are looked at as IPv4.
        client: Where the request came from; None if that is not known.
        policy: ``local`` or ``any``.
        relay: Whether it is said to be a relay's.

    """
    kind = kind_of(address)
    if kind == "not unicast":
        return f"{address} is no address of one host"
    if address == client:
        return None
    if kind == "metadata":
        return f"{address} is a cloud's metadata service"
    if policy == "any":
        return None
    return _local_objection(address, client, relay)


def _local_objection(address: Address, client: Address | None, relay: bool) -> str | None:
    kind = kind_of(address)
    source = "public" if client is None else kind_of(client)
    if kind == "special":
        return f"{address} is set aside for other purposes than media"
    if kind == "public":
        if relay:
            return None
        return f"{address} is neither the client's own address nor a relay"
    nearer = ("loopback",) if kind == "loopback" else ("private", "loopback")
    if source in nearer:
        return None
    return f"{address} is {kind}, while the request came from a {source} address"


def _bad(message: str) -> ProtocolError:
    return ProtocolError("bad_candidate", message)


def _is_transport(word: str) -> TypeGuard[Transport]:
    return word in ("udp", "tcp")


def _is_type(word: str) -> TypeGuard[CandidateType]:
    return word in ("host", "srflx", "prflx", "relay")


def _number(name: str, word: str, lowest: int, highest: int) -> int:
    if not _DIGITS.fullmatch(word) or not lowest <= int(word) <= highest:
        raise _bad(f"a candidate's {name} is {lowest} to {highest}, not {shortened(word)}")
    return int(word)


def _address(word: str) -> str:
    address = parse_address(word)
    if address is not None:
        return str(address)
    if _MDNS_NAME.fullmatch(word):
        return word.lower()
    raise _bad(
        f"{shortened(word)} is no IP address and no name in .local; other names are not looked up"
    )


def _port_word(name: str, word: str) -> str:
    return str(_number(name, word, 0, HIGHEST_PORT))


def _tcp_type(name: str, word: str) -> str:
    if word.lower() not in _TCP_TYPES:
        raise _bad(f"{name} is active, passive or so, not {shortened(word)}")
    return word.lower()


def _as_it_is(_: str, word: str) -> str:
    return word


_EXTENSIONS: Final[Mapping[str, Callable[[str, str], str]]] = {
    "raddr": _as_it_is,  # nothing is ever sent there
    "rport": _port_word,
    "tcptype": _tcp_type,
    "ufrag": _as_it_is,
}

__all__ = [
    "Candidate",
    "CandidateType",
    "address_objection",
    "admit",
    "client_address",
    "objection",
    "parse_candidate",
]
