"""What an Opus packet says of itself before it is decoded: RFC 6716, section 3."""

from typing import Final

UNITS_PER_SECOND: Final = 400
"""Of the 2.5 ms in which lengths are counted here."""

MAX_UNITS: Final = 48
"""Of one packet, 120 ms: RFC 6716 section 3.2.5."""

INVALID_PACKET: Final = -4
"""The code of an `OpusError` about a packet: OPUS_INVALID_PACKET in libopus."""

_FRAME_UNITS: Final = (4, 8, 16, 24) * 3 + (4, 8) * 2 + (1, 2, 4, 8) * 4
"""Length of a frame by the configuration in the first byte: RFC 6716, table 2."""

_CELT_ONLY: Final = 16  # the first such configuration; those below have a part by SILK
_SILK_FRAME_UNITS: Final = 8  # a longer frame consists of several, each with a bit of its own


class OpusError(ValueError):
    """A packet is no Opus, or libopus refuses something else; `code` is its reason."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(what)
        self.code = code


def packet_duration(payload: bytes, rate: int = 48_000) -> int:
    """Return for how many samples a packet lasts, from its first two bytes.

    Raises:
        OpusError: It is empty, or claims no frame or more than 120 ms.

    """
    frames = _frame_count(payload)
    units = frames and frames * _FRAME_UNITS[payload[0] >> 3]
    if not 0 < units <= MAX_UNITS:
        start = payload[:2].hex(" ") or "nothing"
        raise OpusError(f"an Opus packet lasts 2.5 to 120 ms, this begins {start}", INVALID_PACKET)
    return units * rate // UNITS_PER_SECOND


def has_fec(payload: bytes) -> bool:
    """Whether a packet holds a second, low bit-rate copy of the sound before its own (LBRR).

    `OpusDecoder.recover` has use for it. What is no Opus packet has none.
    """
    if not payload or payload[0] >> 3 >= _CELT_ONLY:
        return False
    start = _first_frame(payload)
    if start is None or start >= len(payload):
        return False
    # RFC 6716 section 4.2.3: for every channel a bit of voice activity for each SILK frame, then
    # the bit in question. All are of even odds, which leaves them as they are in the range coder.
    frames = max(1, _FRAME_UNITS[payload[0] >> 3] // _SILK_FRAME_UNITS)
    flags = payload[start] >> (7 - frames) & 1
    if payload[0] & 4:
        flags |= payload[start] >> (6 - 2 * frames) & 1
    return bool(flags)


def _frame_count(payload: bytes) -> int:
    """Frames in a packet, 0 if there is no telling: RFC 6716 section 3.2."""
    if not payload:
        return 0
    code = payload[0] & 3
    if code < 3:
        return min(code + 1, 2)
    return payload[1] & 63 if len(payload) > 1 else 0


def _first_frame(payload: bytes) -> int | None:
    """Where the first frame begins, None if that is cut off or the frame is empty."""
    code = payload[0] & 3
    if code < 2:
        return 1
    position = 1
    lengths = 1
    if code == 3:
        if len(payload) < 2:
            return None
        position = 2
        lengths = (payload[1] & 63) - 1 if payload[1] & 0x80 else 0
        if payload[1] & 0x40:  # bytes that add up to the length of the padding at the end
            while position < len(payload) and payload[position] == 255:
                position += 1
            position += 1
    for index in range(lengths):
        if position >= len(payload) or (index == 0 and payload[position] == 0):
            return None
        position += 2 if payload[position] >= 252 else 1
    return position
