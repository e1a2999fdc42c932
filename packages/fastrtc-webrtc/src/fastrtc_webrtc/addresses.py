"""What an address is: whose, how far it reaches, and whether anything may be sent to it.

Kinds are a table of their own rather than the properties of `ipaddress`, whose meaning has changed
between patch releases of Python. The networks are those of IANA's special-purpose address
registries (RFC 6890) and of its registries of multicast addresses.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal

Kind = Literal["public", "private", "loopback", "special", "metadata", "not unicast"]
"""``special`` are addresses for documentation, benchmarks, tunnels and protocols, which no client
on the Internet has; ``metadata`` those of the services that tell cloud machines their
credentials."""

LONGEST_FORWARDED: Final = 32
"""Proxies that a request may have come through; entries beyond them are not looked at."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_TABLE: Final[Sequence[tuple[Kind, str]]] = (
    ("not unicast", "0.0.0.0/8"),  # this host, RFC 1122 section 3.2.1.3
    ("not unicast", "224.0.0.0/4"),
    ("not unicast", "240.0.0.0/4"),  # reserved, and the limited broadcast address
    ("not unicast", "::/128"),
    ("not unicast", "ff00::/8"),
    ("metadata", "169.254.169.254/32"),  # of Amazon, Google, Microsoft and others
    ("metadata", "169.254.170.0/24"),  # Amazon's containers
    ("metadata", "168.63.129.16/32"),  # Microsoft's
    ("metadata", "100.100.100.200/32"),  # Alibaba's
    ("metadata", "fd00:ec2::/32"),  # Amazon's
    ("metadata", "fd20:ce::254/128"),  # Google's
    ("loopback", "127.0.0.0/8"),
    ("loopback", "::1/128"),
    ("private", "10.0.0.0/8"),  # RFC 1918
    ("private", "172.16.0.0/12"),
    ("private", "192.168.0.0/16"),
    ("private", "100.64.0.0/10"),  # behind a carrier's NAT, RFC 6598
    ("private", "169.254.0.0/16"),  # link-local, RFC 3927
    ("private", "fc00::/7"),  # unique local, RFC 4193
    ("private", "fe80::/10"),  # link-local
    ("special", "192.0.0.0/24"),  # protocol assignments, RFC 6890
    ("special", "192.0.2.0/24"),  # documentation, RFC 5737
    ("special", "198.51.100.0/24"),
    ("special", "203.0.113.0/24"),
    ("special", "192.88.99.0/24"),  # relays of 6to4, RFC 7526
    ("special", "198.18.0.0/15"),  # benchmarks, RFC 2544
    ("special", "2001::/23"),  # protocol assignments, RFC 2928: Teredo, ORCHID, benchmarks
    ("special", "2001:db8::/32"),  # documentation, RFC 3849
    ("special", "3fff::/20"),  # documentation, RFC 9637
    ("public", "64:ff9b::/96"),  # IPv4 by way of NAT64, RFC 6052; what it leads to counts too
    ("public", "2000::/3"),  # all that IANA has given out
    ("special", "::/0"),
    ("public", "0.0.0.0/0"),
)
"""The first network that an address is in says what it is."""

_KINDS: Final[Sequence[tuple[Kind, Network]]] = tuple(
    (kind, ip_network(text)) for kind, text in _TABLE
)

_LEAD_TO_IPV4: Final = (
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64: the last 32 bits
    (IPv6Network("2002::/16"), 80),  # 6to4: the 32 bits after the prefix
)


def parse_address(text: str) -> Address | None:
    """Return an address, an IPv4-mapped one as the IPv4 address; None if the text is none.

    An IPv6 address with a zone is none: a zone has a meaning on one machine only.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


@lru_cache(maxsize=1024)
def kind_of(address: Address) -> Kind:
    """Return what an address is; one that leads to an IPv4 address is what that is."""
    if isinstance(address, IPv6Address) and kind_in_table(address) == "public":
        for network, shift in _LEAD_TO_IPV4:
            if address in network:
                return kind_in_table(IPv4Address(int(address) >> shift & 0xFFFFFFFF))
    return kind_in_table(address)


def kind_in_table(address: Address) -> Kind:
    """Return what the table says of an address."""
    return next(kind for kind, network in _KINDS if address in network)


def normalised(text: str) -> str | None:
    """Return an address in its shortest form, IPv4-mapped ones as IPv4; None if it is none."""
    address = parse_address(text)
    return None if address is None else str(address)


def client_address(
    peer: str | None, forwarded_for: str | None, trusted: Sequence[str]
) -> str | None:
    """Return the address that a request came from, looking through trusted proxies.

    Every proxy appends the address of its own peer to ``X-Forwarded-For``, so the field is read
    from its end; the first address that is no trusted proxy's is the client's. An entry that
    can't be read ends the walk: what stands before it was not written by a proxy that is trusted.

    Args:
        peer: The address at the other end of the connection; None if there is none.
        forwarded_for: The ``X-Forwarded-For`` field, several of them joined by commas.
        trusted: Addresses or networks of proxies.

    Raises:
        ValueError: One of `trusted` is no address or network.

    """
    networks = [ip_network(network) for network in trusted]
    client = parse_address(peer.partition("%")[0]) if peer is not None else None  # without zone
    hops = (forwarded_for or "").rsplit(",", LONGEST_FORWARDED)[-LONGEST_FORWARDED:]
    while client is not None and hops and any(client in network for network in networks):
        hop = _forwarded(hops.pop())
        if hop is None:
            break
        client = hop
    return None if client is None else str(client)


def _forwarded(entry: str) -> Address | None:
    """Read one entry of the field; some proxies add the port."""
    text = entry.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return parse_address(text)
