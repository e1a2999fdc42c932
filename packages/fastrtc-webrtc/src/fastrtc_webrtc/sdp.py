"""A session description (RFC 8866) as lines: taken apart, nothing interpreted yet."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Final, Literal

from fastrtc_core import ProtocolError

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
DIRECTIONS: Final[Sequence[Direction]] = ("sendrecv", "sendonly", "recvonly", "inactive")

MOST_LINES: Final = 2048
"""Lines of a description; an offer of Chromium for sound, pictures and data has about 200."""

TOKEN: Final = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,64}")  # RFC 8866 section 9, with a bound

_END_OF_LINE: Final = re.compile(r"\r\n|\n|\r")
_LINE: Final = re.compile(r"([a-z])=(.*)", re.DOTALL)
_MEDIA: Final = re.compile(
    r"(?P<kind>[a-z][a-z0-9-]{0,31}) (?P<port>[0-9]{1,5}) "
    r"(?P<profile>[A-Za-z0-9/-]{1,64})(?P<formats>(?: +[!-~]{1,64}){1,64})"
)


@dataclass(frozen=True, slots=True)
class MediaLine:
    """The line that begins a media section."""

    kind: str
    port: int
    profile: str
    formats: tuple[str, ...]

    def __str__(self) -> str:
        return f"m={self.kind} {self.port} {self.profile} {' '.join(self.formats)}"


@dataclass(frozen=True, slots=True)
class Block:
    """The attributes of a session or of one of its media sections, in order."""

    media: MediaLine | None
    """None for the session's own."""

    attributes: tuple[tuple[str, str], ...]
    """Names and values; the value of one that has none is empty."""

    def all(self, name: str) -> list[str]:
        """Return the values of all attributes of a name."""
        return [value for found, value in self.attributes if found == name]

    def has(self, name: str) -> bool:
        """Whether there is an attribute of a name."""
        return any(found == name for found, _ in self.attributes)

    def get(self, name: str) -> str | None:
        """Return the value of the first attribute of a name, None if there is none."""
        return next((value for found, value in self.attributes if found == name), None)

    def direction(self) -> Direction | None:
        """Return which way media flow as this block alone says it, None if it does not."""
        return next((direction for direction in DIRECTIONS if self.has(direction)), None)


def read_blocks(text: str) -> tuple[Block, list[Block]]:
    """Take a description, or a fragment of one, apart.

    Lines other than media lines and attributes are dropped, empty ones too.

    Args:
        text: The description; its lines may end in any way.

    Returns:
        The session's own attributes, and those of each media section.

    Raises:
        ProtocolError: ``bad_sdp``: a line is none of SDP, or there are too many.

    """
    lines = _END_OF_LINE.split(text)
    if len(lines) > MOST_LINES:
        raise bad_sdp(f"a description of {len(lines)} lines, where {MOST_LINES} are allowed")
    heads: list[MediaLine | None] = [None]
    attributes: list[list[tuple[str, str]]] = [[]]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise bad_sdp(f"line {number} is no line of SDP, a letter and =: {shortened(line)}")
        if found[1] == "m":
            heads.append(_media_line(found[2].strip(), number))
            attributes.append([])
        elif found[1] == "a":
            name, _, value = found[2].partition(":")
            attributes[-1].append((name.strip(), value.strip()))
    blocks = [Block(head, tuple(own)) for head, own in zip(heads, attributes, strict=True)]
    return blocks[0], blocks[1:]


def join_lines(lines: Iterable[str]) -> str:
    """Return lines as SDP wants them."""
    return "".join(f"{line}\r\n" for line in lines)


def bad_sdp(message: str) -> ProtocolError:
    """Return the error for a description that can't be used."""
    return ProtocolError("bad_sdp", message)


def _media_line(text: str, number: int) -> MediaLine:
    found = _MEDIA.fullmatch(text)
    if found is None or int(found["port"]) > 65_535:
        raise bad_sdp(
            f"line {number} must name a kind, a port, a profile and 1 to 64 formats, "
            f"not {shortened(text)}"
        )
    formats = tuple(found["formats"].split())
    return MediaLine(found["kind"], int(found["port"]), found["profile"], formats)
