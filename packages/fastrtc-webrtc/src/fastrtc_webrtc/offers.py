"""What is checked in an offer, and what aiortc gets to see of it.

aiortc reads descriptions as if browsers wrote them all: by assertions, look-ups and ``int()``. So
an offer is not passed on with its faults cut out; it is read here, strictly, and written anew with
nothing in it that was not understood. What aiortc sees has

* every media section of the offer, in its place, each with a mid and a direction;
* one transport, that of the section which the BUNDLE group names first (RFC 9143), in all of them;
* no candidates: those come as `Offer.candidates`, for the policy to judge;
* payload formats that can be negotiated, and of the other attributes those that aiortc reads;
* an inactive section in place of each that is rejected: aiortc can't reject any.
  `fastrtc_webrtc.answers.finish_answer` turns its answers to those into rejections.

A section is rejected if the client has closed it, if it is no audio, video or data, or if none of
its formats is understood; an offer that leaves nothing for the stream is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fastrtc_core import ProtocolError
from fastrtc_core.factory import Modality
from fastrtc_core.session import Mode
from fastrtc_webrtc.candidates import Candidate, parse_candidate
from fastrtc_webrtc.sdp import Block, Direction, bad_sdp, join_lines, read_blocks
from fastrtc_webrtc.sections import Section, read_section, section_lines, stand_in_lines
from fastrtc_webrtc.transportfacts import TransportFacts, read_transport

MOST_SECTIONS: Final = 8
MOST_CANDIDATES: Final = 64
"""Candidates taken from one offer."""

_KINDS: Final[dict[Modality, tuple[str, ...]]] = {
    "audio": ("audio",),
    "video": ("video",),
    "audio-video": ("audio", "video"),
}

_SENDS: Final = ("sendonly", "sendrecv")
_RECEIVES: Final = ("recvonly", "sendrecv")


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that has been checked."""

    sdp: str
    """What aiortc is to be given."""

    transport: TransportFacts
    """ICE credentials and DTLS fingerprints of the one transport."""

    bundle: tuple[str, ...]
    """Mids of the sections in use, in the order of the BUNDLE group."""

    sections: tuple[Section, ...]
    candidates: tuple[Candidate, ...]
    """Of the transport; `fastrtc_webrtc.candidates.admit` says which may be used."""

    end_of_candidates: bool
    """Whether the client says that these are all."""

    @property
    def mid(self) -> str:
        """The section that the transport belongs to.

        Candidates that come later with another mid, as they do from Chromium, lead to transports
        that the client gives up as soon as it has the answer.
        """
        return self.bundle[0]

    @property
    def has_data(self) -> bool:
        """Whether there is a section for data channels."""
        return any(section.use == "data" for section in self.sections)

    def media(self, kind: str) -> Section | None:
        """Return the section that carries the stream's audio or video, None if there is none."""
        for section in self.sections:
            if section.use == "media" and section.kind == kind:
                return section
        return None


def check_offer(
    sdp: str,
    *,
    modality: Modality,
    mode: Mode,
    allow_extra_tracks: bool = False,
    max_bytes: int = 65_536,
    renegotiation: bool = False,
) -> Offer:
    """Check an offer, and make of it what aiortc can be given.

    Args:
        sdp: As the client sent it.
        modality: Of the stream. Of an audio-video stream a client need not offer both.
        mode: Of the stream, seen from the client: with ``receive`` it must be ready to receive,
            with ``send`` to send, with ``send-receive`` either.
        allow_extra_tracks: Answer sections that the stream has no use for as inactive, rather than
            refuse the offer.
        max_bytes: Longest offer.
        renegotiation: The session is under way: its media may be put on hold, either way.

    Raises:
        ProtocolError: ``bad_sdp``, whatever is wrong.

    """
    size = len(sdp.encode(errors="surrogatepass"))
    if size > max_bytes:
        raise bad_sdp(f"an offer of {size} bytes, where {max_bytes} are allowed")
    session, blocks = read_blocks(sdp)
    if not 0 < len(blocks) <= MOST_SECTIONS:
        raise bad_sdp(f"an offer has 1 to {MOST_SECTIONS} media sections, not {len(blocks)}")
    sections = [read_section(session, block, index) for index, block in enumerate(blocks)]
    _keep_one_data_section(sections)
    bundle = _bundle(session, sections)
    sections = _choose(sections, modality, mode, allow_extra_tracks, renegotiation)
    if not bundle:
        raise bad_sdp("no media section of the offer is in use")
    by_mid = {section.mid: block for section, block in zip(sections, blocks, strict=True)}
    bundled = [by_mid[mid] for mid in bundle]
    transport = read_transport(session, bundled)
    return Offer(
        sdp=_write(sections, blocks, transport),
        transport=transport,
        bundle=tuple(bundle),
        sections=tuple(sections),
        candidates=_candidates(bundle, bundled),
        end_of_candidates=any(block.has("end-of-candidates") for block in (session, *bundled)),
    )


def _keep_one_data_section(sections: list[Section]) -> None:
    data = [section for section in sections if section.use == "data"]
    for section in data[1:]:
        reason = "there is a section for data channels before it"
        sections[section.index] = replace(section, use="rejected", reason=reason)


def _bundle(session: Block, sections: Sequence[Section]) -> list[str]:
    """Return the mids of the sections in use, that of the transport first."""
    mids = [section.mid for section in sections if section.mid is not None]
    if len(set(mids)) < len(mids):
        raise bad_sdp("two media sections have the same mid")
    live = [section.mid for section in sections if section.mid and section.use != "rejected"]
    groups = [value.split() for value in session.all("group")]
    named = next((words[1:] for words in groups if words and words[0] == "BUNDLE"), [])
    if len(live) == 1:
        return live
    missing = [mid for mid in live if mid not in named]
    if missing:
        raise bad_sdp(
            f"the BUNDLE group does not name media section {missing[0]!r}; all must share one "
            'transport: do not set bundlePolicy "max-compat"'
        )
    return [mid for mid in dict.fromkeys(named) if mid in live]


def _choose(
    sections: Sequence[Section],
    modality: Modality,
    mode: Mode,
    allow_extra_tracks: bool,
    renegotiation: bool,
) -> list[Section]:
    """Say which section carries the stream's sound and which its pictures."""
    chosen: list[Section] = []
    for kind in _KINDS[modality]:
        found = [section for section in sections if section.use == "media" and section.kind == kind]
        chosen += sorted(found, key=lambda section: -_fit(section.direction, mode))[:1]
    if not chosen and not renegotiation:
        raise bad_sdp(_nothing_for(sections, modality))
    if not renegotiation and not any(_fit(section.direction, mode) for section in chosen):
        ways = ", ".join(f"{section.kind} {section.direction}" for section in chosen)
        raise bad_sdp(f"a client of this stream must {_DUTIES[mode]}; the offer has {ways}")
    extra = [section for section in sections if section.use == "media" and section not in chosen]
    active = [section for section in extra if section.direction != "inactive"]
    if active and not allow_extra_tracks:
        raise bad_sdp(
            f"media section {active[0].mid!r} ({active[0].kind}) is more than this {modality} "
            "stream takes; leave it out, or make the Stream with allow_extra_tracks=True"
        )
    reason = "it is more than the stream takes"
    return [
        replace(section, use="extra", reason=reason) if section in extra else section
        for section in sections
    ]


_DUTIES: Final[dict[Mode, str]] = {
    "send": "send",
    "receive": "receive",
    "send-receive": "send or receive",
}


def _fit(direction: Direction, mode: Mode) -> int:
    """Return how well a section serves a mode: 0 is not at all."""
    sends, receives = direction in _SENDS, direction in _RECEIVES
    if mode == "send":
        return int(sends)
    if mode == "receive":
        return int(receives)
    return sends + receives


def _nothing_for(sections: Sequence[Section], modality: Modality) -> str:
    for section in sections:
        if section.kind in _KINDS[modality] and section.reason is not None:
            return f"media section {section.index} ({section.kind}) is no use: {section.reason}"
    return f"the offer has no {' and no '.join(_KINDS[modality])} section, the stream's modality"


def _candidates(bundle: Sequence[str], bundled: Sequence[Block]) -> tuple[Candidate, ...]:
    """Return the candidates of the transport, without those that can't be read.

    They belong to the first section of the group. Some clients put them into another one.
    """
    for mid, block in zip(bundle, bundled, strict=True):
        lines = block.all("candidate")[:MOST_CANDIDATES]
        if lines:
            return tuple(found for line in lines if (found := _candidate(line, mid)) is not None)
    return ()


def _candidate(line: str, mid: str) -> Candidate | None:
    try:
        return parse_candidate(line, mid)
    except ProtocolError:
        return None


def _write(sections: Sequence[Section], blocks: Sequence[Block], transport: TransportFacts) -> str:
    # In the order of the sections, whatever the client's: aiortc has made the transport of the
    # first section that of all, and would take it down to put another in its place.
    mids = [section.shown_mid for section in sections]
    lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if transport.ice_lite:
        lines.append("a=ice-lite")
    lines += [f"a=group:BUNDLE {' '.join(mids)}", "a=msid-semantic:WMS *"]
    for section, block in zip(sections, blocks, strict=True):
        if section.use == "rejected":
            lines += stand_in_lines(section.kind, section.shown_mid)
        else:
            shown = "inactive" if section.use == "extra" else section.direction
            lines += section_lines(block, section.shown_mid, shown)
        lines += transport.lines()
    return join_lines(lines)
