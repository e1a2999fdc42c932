"""What is changed in an answer before the client gets it."""

import re
from typing import Final

from fastrtc_webrtc.offers import Offer
from fastrtc_webrtc.sdp import MediaLine, join_lines
from fastrtc_webrtc.sections import Section

_BUNDLE: Final = "a=group:BUNDLE"
_PAYLOAD_TYPE: Final = re.compile(r"[0-9]{1,3}")


def finish_answer(sdp: str, offer: Offer) -> str:
    """Return aiortc's answer with the sections rejected that the check of the offer rejected.

    Its BUNDLE group names what is in use, in the order of the offer.

    Args:
        sdp: The answer to `Offer.sdp`, with all of its sections.
        offer: The offer.

    """
    parts: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    # The first mid of the group says whose transport is used, RFC 9143 section 7.3.1.
    group = f"{_BUNDLE} {' '.join(offer.bundle)}"
    lines = [group if line.startswith(_BUNDLE) else line for line in parts[0]]
    for section, part in zip(offer.sections, parts[1:], strict=True):
        lines += _rejection(section) if section.use == "rejected" else part
    return join_lines(lines)


def _rejection(section: Section) -> list[str]:
    """Return the answer to a section that is rejected, RFC 3264 section 6."""
    formats = section.media.formats
    if section.kind in ("audio", "video"):
        formats = tuple(text for text in formats if _PAYLOAD_TYPE.fullmatch(text)) or ("0",)
    media = MediaLine(section.kind, 0, section.media.profile, formats)
    lines = [str(media), "c=IN IP4 0.0.0.0", "a=inactive"]
    return lines if section.mid is None else [*lines, f"a=mid:{section.mid}"]
