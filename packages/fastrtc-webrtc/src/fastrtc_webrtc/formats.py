"""The payload formats of a media section: rtpmap, fmtp and rtcp-fb lines (RFC 8866, RFC 4585).

Only what aiortc can read goes on to it. It turns numbers into ints without looking, wants a
payload format for every fmtp line, and answers a payload type below 96 with one of its own, which
the peer would not know.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fastrtc_webrtc.sdp import Block

DYNAMIC: Final = range(96, 128)
"""Payload types whose meaning is negotiated, RFC 3551 section 6."""

STATIC: Final[Mapping[str, Mapping[int, tuple[str, int]]]] = {
    "audio": {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000)}  # RFC 3551 table 4
}
"""Payload types that need no rtpmap line, of those that are understood: name and clock rate."""

UNDERSTOOD: Final[Mapping[str, frozenset[tuple[str, int]]]] = {
    "audio": frozenset({("opus", 48000), ("g722", 8000), ("pcmu", 8000), ("pcma", 8000)}),
    "video": frozenset({("vp8", 90000), ("h264", 90000)}),
}
"""What can be encoded and decoded: name in lower case and clock rate."""

NUMBERS: Final = frozenset(
    {
        "apt",
        "max-fr",
        "max-fs",
        "maxplaybackrate",
        "minptime",
        "packetization-mode",
        "stereo",
        "useinbandfec",
    }
)
"""Parameters that are read as numbers further on."""

MOST_DETAILS: Final = 32
"""Parameters of one format, and kinds of feedback; what comes after them is left out."""

H264_LEVELS: Final = frozenset({10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52})
"""H.264 table A-1."""

_RTPMAP: Final = re.compile(r"([0-9]{1,3}) +([A-Za-z0-9._-]{1,32})/([0-9]{1,9})(?:/([0-9]{1,2}))?")
_FMTP: Final = re.compile(r"([0-9]{1,3}) +([ -~]{1,2048})")
_FEEDBACK: Final = re.compile(r"([0-9]{1,3}|\*) +([a-z-]{1,32})(?: +([a-z0-9-]{1,32}))?")
_PARAMETER: Final = re.compile(r"[!-:<-~]+")
_DIGITS: Final = re.compile(r"[0-9]{1,9}")
_PROFILE: Final = re.compile(r"[0-9A-Fa-f]{6}")

# ffmpeg 8 writes the flag for "constrained" as three digits where two belong.
_FFMPEG_PROFILE: Final = re.compile(r"42200([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Format:
    """One payload format."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int | None
    parameters: tuple[tuple[str, str | None], ...] = ()
    feedback: tuple[tuple[str, str | None], ...] = ()

    def parameter(self, name: str) -> str | None:
        """Return the value of a format parameter, None if there is none."""
        return dict(self.parameters).get(name)

    def lines(self) -> Iterator[str]:
        """Yield the lines that describe it."""
        channels = "" if self.channels is None else f"/{self.channels}"
        yield f"a=rtpmap:{self.payload_type} {self.name}/{self.clock_rate}{channels}"
        for kind, detail in self.feedback:
            yield f"a=rtcp-fb:{self.payload_type} {kind}" + (f" {detail}" if detail else "")
        if self.parameters:
            texts = [
                name if value is None else f"{name}={value}" for name, value in self.parameters
            ]
            yield f"a=fmtp:{self.payload_type} {';'.join(texts)}"


@dataclass(frozen=True, slots=True)
class OpusFacts:
    """What a peer says of Opus (RFC 7587 section 6.1)."""

    payload_type: int
    nack: bool
    """Whether it asks for lost packets by NACK, and answers such requests."""

    fec: bool
    """Whether it makes use of in-band FEC."""

    stereo: bool
    """Whether it prefers to receive stereo."""

    sends_stereo: bool
    """Whether it is likely to send stereo."""


def read_formats(section: Block) -> list[Format]:
    """Return the formats of a section of audio or video in the order of preference.

    What is malformed, has no name, or has a payload type that can't be negotiated, is left out.
    """
    assert section.media is not None
    names = _names(section)
    parameters = _by_payload_type(section, "fmtp", _FMTP)
    feedback = _by_payload_type(section, "rtcp-fb", _FEEDBACK)
    static = STATIC.get(section.media.kind, {})
    formats: dict[int, Format] = {}
    for text in section.media.formats:
        payload_type = int(text) if len(text) <= 3 and _DIGITS.fullmatch(text) else -1
        described = names.get(payload_type) if payload_type in DYNAMIC else None
        if payload_type in static:
            name, clock_rate = static[payload_type]
            described = (name, clock_rate, None)
        if described is not None and payload_type not in formats:
            name, clock_rate, channels = described
            key = str(payload_type)
            formats[payload_type] = Format(
                payload_type,
                name,
                clock_rate,
                channels,
                parameters=_parameters(parameters.get(key, [])),
                feedback=_feedback(feedback.get(key, []) + feedback.get("*", [])),
            )
    return list(formats.values())


def understood(kind: str, payload: Format) -> bool:
    """Whether a format can be encoded and decoded.

    Of H.264 that is the baseline profile, constrained or not, with packetization mode 1.
    """
    name = payload.name.lower()
    if (name, payload.clock_rate) not in UNDERSTOOD[kind]:
        return False
    return name != "h264" or _is_baseline(payload)


def opus_facts(formats: list[Format]) -> OpusFacts | None:
    """Return what a section says of Opus, None if it does not offer it."""
    for payload in formats:
        if payload.name.lower() == "opus" and understood("audio", payload):
            return OpusFacts(
                payload_type=payload.payload_type,
                nack=("nack", None) in payload.feedback,
                fec=payload.parameter("useinbandfec") == "1",
                stereo=payload.parameter("stereo") == "1",
                sends_stereo=payload.parameter("sprop-stereo") == "1",
            )
    return None


def _is_baseline(payload: Format) -> bool:
    """Whether an H.264 format is what is sent here, RFC 6184 section 8.1 and table 5."""
    profile = payload.parameter("profile-level-id") or "42e01f"  # what libwebrtc takes none to be
    if payload.parameter("packetization-mode") != "1" or not _PROFILE.fullmatch(profile):
        return False
    idc, constraints, level = bytes.fromhex(profile)
    if level not in H264_LEVELS or constraints & 0x0F:
        return False
    return idc == 0x42 or (idc in (0x4D, 0x58) and bool(constraints & 0x80))


def _names(section: Block) -> dict[int, tuple[str, int, int | None]]:
    """Return name, clock rate and channels of payload types; the first line of each counts."""
    names: dict[int, tuple[str, int, int | None]] = {}
    for value in section.all("rtpmap"):
        if found := _RTPMAP.fullmatch(value):
            channels = int(found[4]) if found[4] else None
            names.setdefault(int(found[1]), (found[2], int(found[3]), channels))
    return names


def _by_payload_type(
    section: Block, name: str, pattern: re.Pattern[str]
) -> dict[str, list[re.Match[str]]]:
    """Return the lines of a name that can be read, by the payload type that they begin with."""
    lines: dict[str, list[re.Match[str]]] = {}
    for value in section.all(name):
        if found := pattern.fullmatch(value):
            own = lines.setdefault(found[1].lstrip("0") or "0", [])
            if len(own) < MOST_DETAILS:
                own.append(found)
    return lines


def _parameters(lines: list[re.Match[str]]) -> tuple[tuple[str, str | None], ...]:
    """Return format parameters; of one that is there twice the first counts."""
    parameters: dict[str, str | None] = {}
    for line in lines:
        for text in map(str.strip, line[2].split(";")):
            name, equals, value = text.partition("=")
            readable = name not in NUMBERS or _DIGITS.fullmatch(value)
            if name and readable and _PARAMETER.fullmatch(text) and len(parameters) < MOST_DETAILS:
                parameters.setdefault(name, value if equals else None)
    profile = parameters.get("profile-level-id")
    if profile is not None and (odd := _FFMPEG_PROFILE.fullmatch(profile)):
        parameters["profile-level-id"] = f"42e0{odd[1]}"
    return tuple(parameters.items())


def _feedback(lines: list[re.Match[str]]) -> tuple[tuple[str, str | None], ...]:
    kinds = dict.fromkeys((line[2], line[3]) for line in lines)
    return tuple(kinds)[:MOST_DETAILS]
