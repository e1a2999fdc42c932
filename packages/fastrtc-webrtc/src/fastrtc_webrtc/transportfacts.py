"""What an offer says of its transport: ICE (RFC 8839), DTLS (RFC 8122, RFC 8842)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Final, Literal, TypeGuard

from fastrtc_webrtc.sdp import Block, bad_sdp

Setup = Literal["actpass", "active", "passive"]

HASH_BYTES: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
"""Hash functions of fingerprints that are believed, and the length of what they make."""

MOST_FINGERPRINTS: Final = 8

_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839 section 5.4
_PWD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")
_FINGERPRINT: Final = re.compile(r"([!-~]{1,32}) +([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){0,127})")


@dataclass(frozen=True, slots=True)
class TransportFacts:
    """One ICE and DTLS transport, as its owner describes it."""

    ufrag: str
    pwd: str
    fingerprints: tuple[str, ...]
    """Such as ``sha-256 4A:AD:…``, in upper case but for the name; sorted, so that two offers with
    one certificate compare equal."""

    setup: Setup
    ice_lite: bool
    trickle: bool
    """Whether it takes and sends candidates one by one (RFC 8840)."""

    def lines(self) -> Iterator[str]:
        """Yield the attributes for a media section."""
        yield f"a=ice-ufrag:{self.ufrag}"
        yield f"a=ice-pwd:{self.pwd}"
        if self.trickle:
            yield "a=ice-options:trickle"
        for fingerprint in self.fingerprints:
            yield f"a=fingerprint:{fingerprint}"
        yield f"a=setup:{self.setup}"


def read_transport(session: Block, bundled: Sequence[Block]) -> TransportFacts:
    """Return the transport that the sections of a BUNDLE group share.

    It is described by the first section of the group, or for the whole session. Attributes that
    neither has are looked for in the other sections.

    Args:
        session: The session's own attributes.
        bundled: Those of the sections, the first of the group first.

    Raises:
        ProtocolError: ``bad_sdp``: something is missing, or malformed.

    """
    places = [bundled[0], session, *bundled[1:]]
    options = [word for place in places for word in (place.get("ice-options") or "").split()]
    return TransportFacts(
        ufrag=check_credential("ice-ufrag", _first(places, "ice-ufrag")),
        pwd=check_credential("ice-pwd", _first(places, "ice-pwd")),
        fingerprints=_fingerprints(places),
        setup=_setup(_first(places, "setup")),
        ice_lite=session.has("ice-lite"),
        trickle=any("trickle" in option.split(",") for option in options),  # libdatachannel: commas
    )


def check_credential(name: str, value: str) -> str:
    """Return the value of ``ice-ufrag`` or ``ice-pwd``.

    Raises:
        ProtocolError: ``bad_sdp``: it is malformed.

    """
    pattern, lowest = (_UFRAG, 4) if name == "ice-ufrag" else (_PWD, 22)
    if not pattern.fullmatch(value):
        raise bad_sdp(
            f"{name} must be {lowest} to 256 letters, digits, + or /, not {shortened(value)}"
        )
    return value


def _first(places: Sequence[Block], name: str) -> str:
    for place in places:
        value = place.get(name)
        if value is not None:
            return value
    raise bad_sdp(f"the offer has no {name}")


def _fingerprints(places: Sequence[Block]) -> tuple[str, ...]:
    for place in places:
        values = place.all("fingerprint")[:MOST_FINGERPRINTS]
        if values:
            break
    else:
        raise bad_sdp("the offer has no fingerprint: media are taken over DTLS only")
    fingerprints = {text for value in values if (text := _fingerprint(value)) is not None}
    if not fingerprints:
        raise bad_sdp("no fingerprint of the offer is by sha-256, sha-384 or sha-512")
    return tuple(sorted(fingerprints))


def _fingerprint(value: str) -> str | None:
    """Return a fingerprint in one way of writing, None if its hash function is not believed."""
    found = _FINGERPRINT.fullmatch(value)
    if found is None:
        raise bad_sdp(
            f"a fingerprint is a hash function and pairs of hex digits: {shortened(value)}"
        )
    algorithm = found[1].lower()
    if algorithm not in HASH_BYTES:
        return None
    if len(found[2]) != HASH_BYTES[algorithm] * 3 - 1:
        raise bad_sdp(f"a fingerprint by {algorithm} has {HASH_BYTES[algorithm]} bytes")
    return f"{algorithm} {found[2].upper()}"


def _setup(value: str) -> Setup:
    if _is_setup(value):
        return value
    raise bad_sdp(f"setup must be actpass, active or passive, not {shortened(value)}")


def _is_setup(value: str) -> TypeGuard[Setup]:
    return value in ("actpass", "active", "passive")
