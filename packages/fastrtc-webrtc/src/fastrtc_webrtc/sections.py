"""A media section of an offer: what becomes of it, and how aiortc is to see it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fastrtc_webrtc.formats import OpusFacts, opus_facts, read_formats, understood
from fastrtc_webrtc.sdp import TOKEN, Block, Direction, MediaLine, bad_sdp

Use = Literal["media", "data", "extra", "rejected"]
"""What becomes of a section: it carries the stream's media, or the data channel; or it is answered
inactive, being more than the stream takes; or it is rejected."""

_RTP_PROFILES: Final = (
    "UDP/TLS/RTP/SAVPF",
    "UDP/TLS/RTP/SAVP",
    "TCP/TLS/RTP/SAVPF",
    "RTP/SAVPF",
    "RTP/SAVP",
)
PROFILES: Final[Mapping[str, Sequence[str]]] = {
    "audio": _RTP_PROFILES,
    "video": _RTP_PROFILES,
    "application": ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"),
}
"""Profiles of sections over DTLS, the older names included (RFC 9429 section 5.1.2)."""

MOST_EXTENSIONS: Final = 32
MOST_SOURCES: Final = 64
"""Lines about synchronisation sources; simulcast in three layers has about 20."""

SCTP_PORT: Final = 5000
"""For offers that name none, as before RFC 8841 nobody used another one."""

_EXTMAP: Final = re.compile(r"([0-9]{1,3})(?:/[a-z]{1,8})? +([!-~]{1,256})(?: .*)?")
_EXTENSION_IDS: Final = range(1, 256)  # RFC 8285 section 4.3; 15 means "stop" in short headers
_STOP: Final = 15

_MSID: Final = re.compile(r"[!-~]{1,64} +[!-~]{1,64}")  # RFC 8830 section 2
_SSRC: Final = re.compile(
    r"([0-9]{1,10}) +(cname|msid|mslabel|label):([!-~](?:[ -~]{0,254}[!-~])?)"
)
_SSRC_GROUP: Final = re.compile(r"(FID|SIM|FEC-FR)((?: +[0-9]{1,10}){1,8})")
_HIGHEST_SSRC: Final = 2**32 - 1

_SIZE: Final = re.compile(r"[0-9]{1,18}")
_STAND_INS: Final = {"audio": "0 PCMU/8000", "video": "96 VP8/90000"}


@dataclass(frozen=True, slots=True)
class Section:
    """One media section of an offer."""

    index: int
    """Its place among the sections, ``sdpMLineIndex`` of its candidates."""

    media: MediaLine
    """Its first line, as offered."""

    mid: str | None
    """None only if it is rejected and had none."""

    direction: Direction
    """As offered, seen from the client."""

    use: Use
    opus: OpusFacts | None = None
    """What the client says of Opus; None where it is not offered."""

    reason: str | None = None
    """Why it is rejected or not used, for the log."""

    @property
    def kind(self) -> str:
        """``audio``, ``video``, ``application``, or, only if rejected, something else."""
        return self.media.kind

    @property
    def shown_mid(self) -> str:
        """The mid that aiortc sees; no client could choose one with a colon."""
        return self.mid or f"rejected:{self.index}"


def read_section(session: Block, block: Block, index: int) -> Section:
    """Say what becomes of a section, looked at by itself.

    Args:
        session: The session's own attributes.
        block: The section's.
        index: Its place.

    Raises:
        ProtocolError: ``bad_sdp``: it can neither be used nor rejected.

    """
    media = block.media
    assert media is not None
    mid = block.get("mid")
    if mid is not None and not TOKEN.fullmatch(mid):
        raise bad_sdp(f"the mid of media section {index} is no word of 64 characters at most")
    direction = block.direction() or session.direction() or "sendrecv"
    reason = _why_rejected(media, block)
    if reason is not None:
        return Section(index, media, mid, direction, "rejected", reason=reason)
    if mid is None:
        raise bad_sdp(f"media section {index} ({media.kind}) has no mid")
    if media.kind == "application":
        return Section(index, media, mid, direction, "data")
    if not block.has("rtcp-mux"):
        raise bad_sdp(f"media section {index} ({media.kind}) lacks rtcp-mux, which is needed")
    formats = read_formats(block)
    if not any(understood(media.kind, payload) for payload in formats):
        names = ", ".join(dict.fromkeys(payload.name for payload in formats)) or "none"
        reason = f"none of its formats is understood ({names})"
        return Section(index, media, mid, direction, "rejected", reason=reason)
    opus = opus_facts(formats) if media.kind == "audio" else None
    return Section(index, media, mid, direction, "media", opus)


def _why_rejected(media: MediaLine, block: Block) -> str | None:
    profiles = PROFILES.get(media.kind)
    if media.port == 0 and not block.has("bundle-only"):  # RFC 9143 section 6
        return "the client has closed it"
    if profiles is None:
        return f"it is neither audio nor video nor data, but {media.kind}"
    if media.profile not in profiles:
        return f"its profile is {media.profile}, not {profiles[0]}"
    if media.profile.endswith("/DTLS/SCTP") and media.formats != ("webrtc-datachannel",):
        return "it is for data other than data channels"
    return None


def section_lines(block: Block, mid: str, direction: Direction) -> Iterator[str]:
    """Yield a section without its transport.

    Args:
        block: What the client says, already found to be of a known kind.
        mid: The mid to write.
        direction: The direction to write.

    """
    media = block.media
    assert media is not None
    if media.kind == "application":
        yield from _data_lines(block, mid)
        return
    formats = read_formats(block)
    numbers = " ".join(str(payload.payload_type) for payload in formats)
    yield f"m={media.kind} 9 UDP/TLS/RTP/SAVPF {numbers}"
    yield "c=IN IP4 0.0.0.0"
    yield f"a=mid:{mid}"
    yield f"a={direction}"
    yield "a=rtcp-mux"
    yield from _extension_lines(block)
    msid = block.get("msid")
    if msid is not None and _MSID.fullmatch(msid):
        yield f"a=msid:{msid}"
    yield from _source_lines(block)
    for payload in formats:
        yield from payload.lines()


def stand_in_lines(kind: str, mid: str) -> Iterator[str]:
    """Yield an inactive section that takes the place of one that is rejected."""
    kind = kind if kind in _STAND_INS else "audio"
    payload_type, _ = _STAND_INS[kind].split()
    yield f"m={kind} 9 UDP/TLS/RTP/SAVPF {payload_type}"
    yield "c=IN IP4 0.0.0.0"
    yield f"a=mid:{mid}"
    yield "a=inactive"
    yield "a=rtcp-mux"
    yield f"a=rtpmap:{_STAND_INS[kind]}"


def _data_lines(block: Block, mid: str) -> Iterator[str]:
    """Yield a section for data channels (RFC 8841), the older form included."""
    media = block.media
    assert media is not None
    if media.profile == "DTLS/SCTP":
        port = _port(media.formats[0])
        yield f"m=application 9 DTLS/SCTP {port}"
        yield "c=IN IP4 0.0.0.0"
        yield f"a=mid:{mid}"
        yield f"a=sctpmap:{port} webrtc-datachannel 1024"
    else:
        yield "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
        yield "c=IN IP4 0.0.0.0"
        yield f"a=mid:{mid}"
        yield f"a=sctp-port:{_port(block.get('sctp-port') or '')}"
    size = block.get("max-message-size")
    if size is not None and _SIZE.fullmatch(size):
        yield f"a=max-message-size:{int(size)}"


def _port(text: str) -> int:
    port = int(text) if _SIZE.fullmatch(text) else SCTP_PORT
    return port if 0 < port <= 65_535 else SCTP_PORT


def _extension_lines(block: Block) -> Iterator[str]:
    seen: set[int] = set()
    for value in block.all("extmap"):
        found = _EXTMAP.fullmatch(value)
        if found is None or len(seen) == MOST_EXTENSIONS:
            continue
        number = int(found[1])
        if number in _EXTENSION_IDS and number != _STOP and number not in seen:
            seen.add(number)
            yield f"a=extmap:{number} {found[2]}"


def _source_lines(block: Block) -> Iterator[str]:
    for value in block.all("ssrc-group")[:MOST_SOURCES]:
        found = _SSRC_GROUP.fullmatch(value)
        if found and all(int(ssrc) <= _HIGHEST_SSRC for ssrc in found[2].split()):
            yield f"a=ssrc-group:{found[1]} {' '.join(found[2].split())}"
    for value in block.all("ssrc")[:MOST_SOURCES]:
        found = _SSRC.fullmatch(value)
        if found and int(found[1]) <= _HIGHEST_SSRC:
            yield f"a=ssrc:{int(found[1])} {found[2]}:{found[3]}"
