"""Encoders of pictures: VP8 by libvpx and H.264 by libx264, set for conversation.

Theory of operation. Both run at a constant bit rate with a buffer of half a second to a second, so
that no picture, not even a key frame, holds those behind it up for longer. What they are told to
change costs as little as they allow:

* libx264 takes a new bit rate without a key frame, if it was opened at a constant rate, which may
  then be anything below that. It is opened at `HEADROOM` times what is wanted and turned down
  before the first picture. Only its buffer stays as it was, so when the rate has become a
  `TURNED_DOWN`th it is opened anew.
* libvpx could, but FFmpeg has no way to ask it. It is opened anew, which costs a key frame, for
  changes of more than `WORTH_A_KEY_FRAME`.

Neither is opened anew for a rate more often than every `REOPEN_INTERVAL` seconds.

How many pictures there are a second libvpx sees by the timestamps. libx264 in its mode without
delay does not look at them: what it is told is the bit rate at the nominal rate of pictures.
"""

import os
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

import av
from aiortc.codecs.h264 import H264Encoder as H264Packetizer
from aiortc.codecs.vpx import Vp8Encoder as Vp8Packetizer
from av.video.frame import PictureType
from av.video.reformatter import ColorRange

from fastrtc_webrtc.allocator import give_back
from fastrtc_webrtc.pictures import PlanarPicture
from fastrtc_webrtc.videoparameters import Bitrates, VideoParameters

CLOCK: Final = 90_000
"""Ticks per second of timestamps, RFC 7741 section 4.1 and RFC 6184 section 8.1."""

NOMINAL_RATE: Final = 30
"""Pictures per second until it is known better."""

RATES: Final = (5.0, 120.0)
"""Pictures per second between which a rate is believed: a still picture needs no megabits."""

SMOOTHING: Final = 0.1
"""Weight of the newest distance between pictures in their rate."""

HEADROOM: Final = 8
TURNED_DOWN: Final = 4
WORTH_A_KEY_FRAME: Final = 0.25
REOPEN_INTERVAL: Final = 3.0

PIXELS_PER_THREAD: Final = 400_000
MOST_THREADS: Final = 8
"""More than one thread pays for pictures of 720 rows and more, and one core is left to others."""

PICTURE_IDS: Final = 1 << 15
"""RFC 7741 section 4.2."""

NO_KEY_FRAMES: Final = 1 << 20
"""Pictures until a key frame that nobody asked for: never."""


def threads_for(pixels: int) -> int:
    """Return how many threads an encoder may use."""
    cores = (os.cpu_count() or 1) - 1
    return max(1, min(pixels // PIXELS_PER_THREAD, cores, MOST_THREADS))


class VideoEncoder(ABC):
    """Encodes pictures one after the other; may be used from any thread.

    Args:
        parameters: Bounds of the bit rate.

    """

    def __init__(self, parameters: VideoParameters) -> None:
        self._parameters = parameters
        self._bitrates: Bitrates | None = None
        self._wanted: int | None = None
        self._lock = threading.Lock()
        self._codec: av.VideoCodecContext | None = None
        self._opened_at = 0
        self._opened_for = 0
        self._last: int | None = None
        self._rate = float(NOMINAL_RATE)

    def set_bitrate(self, bitrate: int | None) -> None:
        """Say how much may be sent from the next picture on.

        Args:
            bitrate: Bits per second; brought between the bounds. None if nothing is known.

        """
        self._wanted = bitrate

    @property
    def bitrate(self) -> int:
        """Bits per second wanted for the pictures of the present size; 0 before there are any."""
        if self._bitrates is None:
            return 0
        wanted = self._wanted
        return self._bitrates.start if wanted is None else self._bitrates.clamp(wanted)

    def encode(
        self, picture: PlanarPicture, timestamp: int, *, key: bool = False
    ) -> tuple[list[bytes], bool]:
        """Encode a picture. This takes milliseconds: don't, on an event loop.

        The size may change; a key frame begins the new one. After an error the encoder begins
        anew, with a key frame too.

        Args:
            picture: What to encode.
            timestamp: Its time in ticks of `CLOCK`, later than the picture's before.
            key: Whether to make it a key frame.

        Returns:
            RTP payloads, none if the picture was left out to keep the bit rate; and whether it is
            a key frame.

        """
        with self._lock:
            try:
                self._note_rate(timestamp)
                codec = self._codec_for(picture, timestamp)
                packets = codec.encode(_frame(picture, timestamp, key=key))
            except BaseException:
                self._codec = None
                raise
        data = b"".join(bytes(packet) for packet in packets)
        return self._packetize(data), any(packet.is_keyframe for packet in packets)

    def close(self) -> None:
        """Free the codec, after the picture that it works at; the next one would begin anew."""
        with self._lock:
            self._codec = None

    def _note_rate(self, timestamp: int) -> None:
        if self._last is not None:
            least, most = RATES
            rate = min(max(CLOCK / max(1, timestamp - self._last), least), most)
            self._rate += SMOOTHING * (rate - self._rate)
        self._last = timestamp

    def _codec_for(self, picture: PlanarPicture, timestamp: int) -> av.VideoCodecContext:
        codec, size = self._codec, (picture.width, picture.height)
        if codec is not None and (codec.width, codec.height) == size:
            due = timestamp - self._opened_at >= REOPEN_INTERVAL * CLOCK
            if self._adjust(codec, self.bitrate) or not due:
                return codec
        if codec is not None:  # the new one, of tens of megabytes, takes the place of the old
            self._codec = codec = None
            give_back()
        self._bitrates = self._parameters.bitrates(*size)
        codec = self._create(self.bitrate, *size)
        self._codec, self._opened_at, self._opened_for = codec, timestamp, self.bitrate
        return codec

    @abstractmethod
    def _create(self, bitrate: int, width: int, height: int) -> av.VideoCodecContext: ...

    @abstractmethod
    def _adjust(self, codec: av.VideoCodecContext, bitrate: int) -> bool:
        """Set the bit rate as well as it goes; return whether that is well enough."""

    @abstractmethod
    def _packetize(self, data: bytes) -> list[bytes]: ...


def _frame(picture: PlanarPicture, timestamp: int, *, key: bool) -> av.VideoFrame:
    # Not from_numpy_buffer: in PyAV 18 it takes every height for a multiple of 4.
    frame = av.VideoFrame.from_ndarray(picture.planes, "yuv420p")
    frame.pts = timestamp
    frame.time_base = Fraction(1, CLOCK)
    frame.pict_type = PictureType.I if key else PictureType.NONE
    return frame


def _new_codec(name: str, bitrate: int, width: int, height: int) -> av.VideoCodecContext:
    codec = av.CodecContext.create(name, "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height = width, height
    codec.pix_fmt = "yuv420p"
    codec.bit_rate = bitrate
    codec.time_base = Fraction(1, CLOCK)
    codec.framerate = Fraction(NOMINAL_RATE)
    codec.gop_size = NO_KEY_FRAMES
    codec.thread_count = threads_for(width * height)
    return codec


class VP8Encoder(VideoEncoder):
    """VP8, RFC 6386, in the payload format of RFC 7741."""

    OPTIONS: Final = {
        "deadline": "realtime",
        "cpu-used": "-6",
        "lag-in-frames": "0",
        "static-thresh": "1",
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "max-intra-rate": "450",
        "drop-threshold": "30",
    }
    """For conversation.

    A key frame may be 4.5 times as long as other pictures, in percent. With twice that, half a
    second of pictures full of detail was left out after it; where there is less detail the limit
    is not seen. Pictures are left out when no more than 30 percent of the buffer are free.
    """

    QUANTIZERS: Final = (2, 63)
    """Finest and coarsest. libwebrtc stops at 56, where pictures full of detail take three times
    their bit rate and so most of them are left out; here it is a third."""

    def __init__(self, parameters: VideoParameters) -> None:
        super().__init__(parameters)
        self._picture_id = random.randrange(PICTURE_IDS)

    def _create(self, bitrate: int, width: int, height: int) -> av.VideoCodecContext:
        codec = _new_codec("libvpx", bitrate, width, height)
        codec.qmin, codec.qmax = self.QUANTIZERS
        # The least and the most being equal means a constant rate; the buffer is of one second.
        rate = str(bitrate)
        codec.options = {**self.OPTIONS, "minrate": rate, "maxrate": rate, "bufsize": rate}
        return codec

    def _adjust(self, codec: av.VideoCodecContext, bitrate: int) -> bool:
        return abs(bitrate - self._opened_for) <= WORTH_A_KEY_FRAME * self._opened_for

    def _packetize(self, data: bytes) -> list[bytes]:
        if not data:
            return []
        self._picture_id = (self._picture_id + 1) % PICTURE_IDS
        return Vp8Packetizer._packetize(data, self._picture_id)


class H264Encoder(VideoEncoder):
    """H.264 in its constrained baseline profile, in the payload format of RFC 6184."""

    OPTIONS: Final = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "profile": "baseline",
        "sc_threshold": "0",  # no key frames at cuts: blocks of other pictures can be new as well
    }

    LEVELS: Final = (
        ("3.1", 3_600, 108_000),
        ("3.2", 5_120, 216_000),
        ("4.0", 8_192, 245_760),
        ("4.2", 8_704, 522_240),
        ("5.0", 22_080, 589_824),
        ("5.1", 36_864, 983_040),
        ("5.2", 36_864, 2_073_600),
        ("6.2", 139_264, 16_711_680),
    )
    """Macroblocks in a picture and in a second, ITU-T H.264 table A-1, from what every WebRTC
    endpoint has (RFC 7742 section 6.2 asks for 1.2, all have 3.1)."""

    BUFFER: Final = 0.5
    """Seconds."""

    BT601: Final = 6
    """In ITU-T H.264 table E-5."""

    def _create(self, bitrate: int, width: int, height: int) -> av.VideoCodecContext:
        ceiling = str(HEADROOM * bitrate)
        codec = _new_codec("libx264", HEADROOM * bitrate, width, height)
        codec.colorspace, codec.color_range = self.BT601, ColorRange.MPEG
        codec.options = {
            **self.OPTIONS,
            "level": self.level(width, height),
            "maxrate": ceiling,
            "bufsize": str(round(self.BUFFER * bitrate)),
        }
        codec.open()
        codec.bit_rate = self._nominal(bitrate, bitrate)
        return codec

    def level(self, width: int, height: int) -> str:
        """Return the level for pictures of a size."""
        columns, rows = -(-width // 16), -(-height // 16)
        per_second = columns * rows * (self._parameters.max_framerate or NOMINAL_RATE)
        for level, in_picture, in_second in self.LEVELS:
            fits = max(columns, rows) ** 2 <= 8 * in_picture  # annex A, section A.3.1
            if fits and columns * rows <= in_picture and per_second <= in_second:
                return level
        return self.LEVELS[-1][0]

    def _adjust(self, codec: av.VideoCodecContext, bitrate: int) -> bool:
        codec.bit_rate = self._nominal(bitrate, self._opened_for)
        return self._opened_for / TURNED_DOWN <= bitrate <= self._opened_for * HEADROOM

    def _nominal(self, bitrate: int, opened_for: int) -> int:
        """Return what to call a bit rate for an encoder that believes in the nominal rate."""
        return round(min(bitrate * NOMINAL_RATE / self._rate, opened_for * HEADROOM))

    def _packetize(self, data: bytes) -> list[bytes]:
        return H264Packetizer._packetize(H264Packetizer._split_bitstream(data))


ENCODERS: Final[Mapping[str, Callable[[VideoParameters], VideoEncoder]]] = {
    "video/vp8": VP8Encoder,
    "video/h264": H264Encoder,
}


def create_encoder(mime_type: str, parameters: VideoParameters) -> VideoEncoder:
    """Return a new encoder.

    Args:
        mime_type: ``video/VP8`` or ``video/H264``, in letters of any case.
        parameters: Bounds of the bit rate.

    Raises:
        ValueError: There is no encoder of that type.

    """
    make = ENCODERS.get(mime_type.lower())
    if make is None:
        raise ValueError(f"pictures are encoded as video/VP8 or video/H264, not {mime_type!r}")
    return make(parameters)
