"""What an application can ask of the pictures that are sent: ``Stream(rtp_params=...)``.

The dictionary is the browser's too, which gets it as it is for the pictures that it sends
(`RTCRtpSender.setParameters`). The server reads these keys and leaves all others to the browser:

===================  ===============================================================================
``"codec"``          ``"VP8"`` or ``"H264"``; otherwise the client's first choice of the two
``"minBitrate"``     bits per second that are sent however bad the network is said to be
``"startBitrate"``   bits per second as long as nothing is known of the network
``"maxBitrate"``     bits per second that are not exceeded
``"encodings"``      as in W3C's RTCRtpEncodingParameters: a list, of whose first member
                     ``"maxBitrate"`` and ``"maxFramerate"`` (pictures per second) are read
===================  ===============================================================================
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeGuard

VideoCodec = Literal["VP8", "H264"]

HIGHEST_BITRATE: Final = 1_000_000_000

MIN_BITRATE: Final = 100_000
"""Below this, pictures of a usual size are not worth sending."""

START_BITRATES: Final = (
    (320 * 240, 600_000),
    (640 * 480, 1_700_000),
    (960 * 540, 2_000_000),
    (1280 * 720, 2_500_000),
)
"""Up to so many pixels: bits per second for 30 pictures of them.

These are what libwebrtc sends at most if nothing is set (`GetMaxDefaultVideoBitrateKbps` in
video/config/encoder_stream_factory.cc); its authors chose them for a good quality, a quantizer
near 10. Larger pictures get `LARGE_BITS` a pixel.
"""

LARGE_BITS: Final = 2.0
"""Bits per second and pixel of pictures larger than those of `START_BITRATES`.

1080p has 4.1 Mbit/s then; libwebrtc's simulcast of that size has 4 to 5.
"""

MAX_OVER_START: Final = 2.0
"""How much more than at the start is sent if the network takes it."""


@dataclass(frozen=True, slots=True)
class Bitrates:
    """Bits per second."""

    least: int
    start: int
    most: int

    def clamp(self, bitrate: int) -> int:
        """Return what is allowed and nearest to a bit rate."""
        return max(self.least, min(bitrate, self.most))


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoParameters:
    """What is asked of outgoing pictures; None leaves it to their size.

    Raises:
        ValueError: The bit rates contradict each other.

    """

    codec: VideoCodec | None = None
    min_bitrate: int | None = None
    start_bitrate: int | None = None
    max_bitrate: int | None = None
    max_framerate: float | None = None

    def __post_init__(self) -> None:
        ascending = ("min_bitrate", "start_bitrate", "max_bitrate")
        known = [(name, rate) for name in ascending if (rate := getattr(self, name)) is not None]
        for (lower, low), (higher, high) in pairwise(known):
            if low > high:
                raise ValueError(f"{higher} must be at least {lower}, which is {low}, not {high}")

    @classmethod
    def from_rtp_params(cls, params: Mapping[str, object] | None) -> "VideoParameters":
        """Read what concerns the server, see the module.

        Raises:
            ValueError: A value is of the wrong type or out of range.

        """
        params = params or {}
        encoding = _first_encoding(params.get("encodings"))
        limits = [
            limit
            for source in (params, encoding)
            if (limit := _bitrate(source, "maxBitrate")) is not None
        ]
        return cls(
            codec=_codec(params.get("codec")),
            min_bitrate=_bitrate(params, "minBitrate"),
            start_bitrate=_bitrate(params, "startBitrate"),
            max_bitrate=min(limits, default=None),
            max_framerate=_number(encoding, "maxFramerate", 1000),
        )

    def bitrates(self, width: int, height: int) -> Bitrates:
        """Return the bit rates for pictures of a size."""
        start = self.start_bitrate or _usual(width * height)
        least = self.min_bitrate or min(MIN_BITRATE, self.start_bitrate or MIN_BITRATE)
        most = self.max_bitrate or max(round(start * MAX_OVER_START), least)
        least = min(least, most)
        return Bitrates(least, max(least, min(start, most)), most)


def _usual(pixels: int) -> int:
    for most, bitrate in START_BITRATES:
        if pixels <= most:
            return bitrate
    return round(pixels * LARGE_BITS)


def _codec(value: object) -> VideoCodec | None:
    name = value.upper() if isinstance(value, str) else value
    if name is None:
        return None
    if name == "VP8":
        return "VP8"
    if name == "H264":
        return "H264"
    raise ValueError(f"rtp_params['codec'] must be 'VP8' or 'H264', not {value!r}")


def _is_list(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(value, list | tuple)


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


def _first_encoding(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not _is_list(value) or not all(_is_mapping(item) for item in value):
        raise ValueError(f"rtp_params['encodings'] must be a list of dicts, not {value!r}")
    first = value[0] if value else {}
    assert _is_mapping(first)
    return first


def _bitrate(source: Mapping[str, object], key: str) -> int | None:
    value = _number(source, key, HIGHEST_BITRATE)
    return None if value is None else max(1, round(value))


def _number(source: Mapping[str, object], key: str, most: float) -> float | None:
    value = source.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key} of rtp_params must be a number, not {value!r}")
    if not 0 < value <= most:
        raise ValueError(f"{key} of rtp_params must be above 0 and at most {most:g}, not {value!r}")
    return value
