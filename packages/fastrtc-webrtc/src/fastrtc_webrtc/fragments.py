"""Bodies of PATCH requests: fragments of a description that carry candidates (RFC 8840).

WHIP and WHEP use them for trickle ICE and for ICE restarts (RFC 9725 section 4.3).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fastrtc_core import ProtocolError
from fastrtc_webrtc.candidates import Candidate, parse_candidate
from fastrtc_webrtc.sdp import join_lines, read_blocks
from fastrtc_webrtc.transportfacts import check_credential

MOST_CANDIDATES: Final = 64
"""Candidates taken from one fragment."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a fragment says."""

    ufrag: str | None
    """Says which ICE generation the candidates belong to; a new one asks for an ICE restart."""

    pwd: str | None
    candidates: tuple[Candidate, ...]
    """Without those that can't be read."""

    end_of_candidates: bool


def parse_fragment(text: str) -> Fragment:
    """Read a fragment.

    Args:
        text: A body of the type ``application/trickle-ice-sdpfrag``.

    Raises:
        ProtocolError: ``bad_sdp``: it is malformed.

    """
    session, sections = read_blocks(text)
    blocks = [session, *sections]
    credentials: dict[str, str] = {}
    candidates: list[Candidate] = []
    for block in blocks:
        for name in ("ice-ufrag", "ice-pwd"):
            value = block.get(name)
            if value is not None:
                credentials.setdefault(name, check_credential(name, value))
        for line in block.all("candidate")[: MOST_CANDIDATES - len(candidates)]:
            try:
                candidates.append(parse_candidate(line, block.get("mid")))
            except ProtocolError:
                continue  # of a kind that is not used; the others may do
    return Fragment(
        ufrag=credentials.get("ice-ufrag"),
        pwd=credentials.get("ice-pwd"),
        candidates=tuple(candidates),
        end_of_candidates=any(block.has("end-of-candidates") for block in blocks),
    )


def format_fragment(ufrag: str, pwd: str, mid: str, candidates: Iterable[str]) -> str:
    """Return the answer to a fragment that asked for an ICE restart.

    Args:
        ufrag: The server's new user fragment.
        pwd: Its new password.
        mid: The media section that the transport belongs to.
        candidates: All of the server's, as they stand in SDP after ``candidate:``.

    """
    return join_lines(
        [
            f"a=ice-ufrag:{ufrag}",
            f"a=ice-pwd:{pwd}",
            "m=audio 9 UDP/TLS/RTP/SAVPF 0",  # RFC 8840 section 9: says nothing, must be there
            f"a=mid:{mid}",
            *(f"a=candidate:{candidate}" for candidate in candidates),
            "a=end-of-candidates",
        ]
    )
