"""Pictures go through real encoders and real decoders."""

import struct
from collections.abc import Iterable

import av
import numpy as np
import pytest
from aiortc.codecs.h264 import H264Decoder, h264_depayload
from aiortc.codecs.vpx import Vp8Decoder, VpxPayloadDescriptor, vp8_depayload
from aiortc.jitterbuffer import JitterFrame

from fastrtc_webrtc.pictures import PlanarPicture, to_pixels, to_planar
from fastrtc_webrtc.settings import PixelFormat
from fastrtc_webrtc.videocodecs import (
    CLOCK,
    REOPEN_INTERVAL,
    H264Encoder,
    VideoEncoder,
    VP8Encoder,
    create_encoder,
)
from fastrtc_webrtc.videoparameters import VideoParameters

MIME_TYPES = ("video/VP8", "video/H264")
MAX_PAYLOAD = 1300
FRAME = CLOCK // 30
USUAL = VideoParameters()

ORDERS: tuple[PixelFormat, ...] = ("bgr24", "rgb24")

both = pytest.mark.parametrize("mime_type", MIME_TYPES)


class Peer:
    """Decodes with what aiortc has."""

    def __init__(self, mime_type: str) -> None:
        self.vp8 = mime_type == "video/VP8"
        self.decoder = Vp8Decoder() if self.vp8 else H264Decoder()

    def decode(self, payloads: Iterable[bytes], timestamp: int) -> list[av.VideoFrame]:
        depayload = vp8_depayload if self.vp8 else h264_depayload
        data = b"".join(depayload(payload) for payload in payloads)
        frames = self.decoder.decode(JitterFrame(data=data, timestamp=timestamp))
        return [frame for frame in frames if isinstance(frame, av.VideoFrame)]


def plain(color: tuple[int, int, int], width: int = 320, height: int = 240) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def textured(seed: int, width: int = 320, height: int = 240) -> PlanarPicture:
    """A picture full of detail, which costs an encoder whatever it is given."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (-(-height // 4), -(-width // 4), 3), np.uint8)
    return to_planar(blocks.repeat(4, 0).repeat(4, 1)[:height, :width].copy(), "bgr24")


def encode_all(
    encoder: VideoEncoder, pictures: Iterable[PlanarPicture], *, start: int = 0, fps: int = 30
) -> list[tuple[list[bytes], bool]]:
    return [
        encoder.encode(picture, start + number * CLOCK // fps)
        for number, picture in enumerate(pictures)
    ]


def bits(results: Iterable[tuple[list[bytes], bool]]) -> int:
    return 8 * sum(len(payload) for payloads, _ in results for payload in payloads)


# Form


@both
@pytest.mark.parametrize("color", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40)])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("height", [240, 242])
def test_colors_come_back(
    mime_type: str, color: tuple[int, int, int], order: PixelFormat, height: int
) -> None:
    encoder, peer = create_encoder(mime_type, USUAL), Peer(mime_type)
    picture = to_planar(plain(color, height=height), order)
    decoded = []
    for number in range(3):
        payloads, _ = encoder.encode(picture, number * FRAME)
        decoded += peer.decode(payloads, number * FRAME)
    pixels = to_pixels(decoded[-1], order).pixels
    assert pixels.shape == (height, 320, 3)
    assert np.abs(pixels.astype(int) - color).max() <= 8


def test_what_is_red_in_one_order_is_blue_in_the_other() -> None:
    red = to_planar(plain((255, 0, 0)), "rgb24")
    payloads, _ = create_encoder("video/VP8", USUAL).encode(red, 0)
    [frame] = Peer("video/VP8").decode(payloads, 0)
    assert to_pixels(frame, "bgr24").pixels[9, 9].tolist() == pytest.approx([0, 0, 255], abs=6)


@both
def test_payloads_fit_into_packets(mime_type: str) -> None:
    payloads, key = create_encoder(mime_type, USUAL).encode(textured(1, 640, 480), 0)
    assert key
    assert len(payloads) > 10
    assert max(map(len, payloads)) <= MAX_PAYLOAD


def test_pictures_of_vp8_are_numbered() -> None:
    encoder = create_encoder("video/VP8", USUAL)
    numbers = []
    for number in range(5):
        payloads, _ = encoder.encode(textured(number), number * FRAME)
        of_picture = {VpxPayloadDescriptor.parse(payload)[0].picture_id for payload in payloads}
        assert len(of_picture) == 1
        numbers += [picture_id for picture_id in of_picture if picture_id is not None]
        encoder.close()  # numbers go on in a new codec
    assert [(later - numbers[0]) % (1 << 15) for later in numbers] == [0, 1, 2, 3, 4]


def parameter_set(payloads: list[bytes]) -> bytes:
    units = h264_depayload(payloads[0]).split(b"\0\0\0\1")
    return next(unit for unit in units if unit and unit[0] & 0x1F == 7)


@pytest.mark.parametrize(
    ("size", "fps", "level"),
    [
        ((160, 120), 30, 31),
        ((1280, 720), 30, 31),
        ((1280, 720), 60, 32),
        ((1920, 1080), 30, 40),
        ((3840, 2160), 30, 51),
        ((8000, 16), 30, 51),
    ],
)
def test_h264_says_what_it_is(size: tuple[int, int], fps: int, level: int) -> None:
    width, height = size
    parameters = VideoParameters(max_framerate=fps)
    picture = to_planar(plain((9, 99, 199), width, height), "bgr24")
    payloads, key = create_encoder("video/H264", parameters).encode(picture, 0)
    profile, constraints, said = struct.unpack("!BBB", parameter_set(payloads)[1:4])
    assert key
    assert profile == 66
    assert constraints & 0x40  # constraint_set1_flag: constrained baseline
    assert said == level


def test_h264_names_its_colors() -> None:
    payloads, _ = create_encoder("video/H264", USUAL).encode(textured(1), 0)
    [frame] = Peer("video/H264").decode(payloads, 0)
    assert (frame.colorspace, frame.color_range) == (6, 1)


@both
@pytest.mark.parametrize("size", [(321, 241), (321, 240), (320, 241), (5, 7), (2, 2)])
def test_odd_sizes_lose_a_row_or_column(mime_type: str, size: tuple[int, int]) -> None:
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, width // 2 // 2 * 2 :] = 200
    payloads, _ = create_encoder(mime_type, USUAL).encode(to_planar(pixels, "bgr24"), 0)
    [frame] = Peer(mime_type).decode(payloads, 0)
    assert (frame.width, frame.height) == (width // 2 * 2, height // 2 * 2)
    back = to_pixels(frame, "bgr24").pixels.astype(int)
    assert np.abs(back - pixels[: frame.height, : frame.width]).mean() < 8


@both
def test_the_size_may_change(mime_type: str) -> None:
    encoder, peer = create_encoder(mime_type, USUAL), Peer(mime_type)
    sizes = [(320, 240)] * 3 + [(640, 360)] * 3 + [(322, 242)] * 3
    keys, seen = [], []
    for number, size in enumerate(sizes):
        payloads, key = encoder.encode(textured(number, *size), number * FRAME)
        keys.append(key)
        seen += [(frame.width, frame.height) for frame in peer.decode(payloads, number * FRAME)]
    assert keys == [True, False, False] * 3
    assert seen == sizes


# Key frames


@both
def test_key_frames_come_when_they_are_asked_for(mime_type: str) -> None:
    encoder = create_encoder(mime_type, USUAL)
    wanted = [number in (7, 20) for number in range(40)]
    keys = [
        encoder.encode(textured(number), number * FRAME, key=key)[1]
        for number, key in enumerate(wanted)
    ]
    assert keys == [True, *wanted[1:]]


@both
def test_a_decoder_can_begin_at_any_key_frame(mime_type: str) -> None:
    encoder = create_encoder(mime_type, VideoParameters(start_bitrate=3_000_000))
    peer = Peer(mime_type)
    for number in range(5):
        encoder.encode(textured(number), number * FRAME)
    frames = []
    for number in range(5, 20):  # the same picture: it becomes better
        payloads, _ = encoder.encode(textured(5), number * FRAME, key=number == 5)
        frames += peer.decode(payloads, number * FRAME)
    assert len(frames) == 15
    seen, sent = frames[-1].to_ndarray(), textured(5).planes
    assert np.corrcoef(seen.ravel(), sent.ravel())[0, 1] > 0.9


# Bit rate


@both
@pytest.mark.parametrize("bitrate", [300_000, 1_200_000])
def test_the_bit_rate_holds_for_noise(mime_type: str, bitrate: int) -> None:
    encoder = create_encoder(mime_type, VideoParameters(start_bitrate=bitrate))
    results = encode_all(encoder, (textured(n) for n in range(150)))
    assert bits(results[30:]) / 4 == pytest.approx(bitrate, rel=0.2)


@both
@pytest.mark.parametrize("fps", [10, 60])
def test_the_bit_rate_holds_at_any_rate_of_pictures(mime_type: str, fps: int) -> None:
    encoder = create_encoder(mime_type, VideoParameters(start_bitrate=1_000_000))
    results = encode_all(encoder, (textured(n) for n in range(8 * fps)), fps=fps)
    assert bits(results[4 * fps :]) / 4 == pytest.approx(1_000_000, rel=0.25)


@both
def test_the_bit_rate_is_bounded(mime_type: str) -> None:
    parameters = VideoParameters(min_bitrate=200_000, start_bitrate=300_000, max_bitrate=400_000)
    encoder = create_encoder(mime_type, parameters)
    encoder.encode(textured(0), 0)
    assert encoder.bitrate == 300_000
    for asked, given in ((1, 200_000), (250_000, 250_000), (10**9, 400_000)):
        encoder.set_bitrate(asked)
        assert encoder.bitrate == given
    encoder.set_bitrate(None)
    assert encoder.bitrate == 300_000


@both
def test_the_bit_rate_follows_what_is_set(mime_type: str) -> None:
    encoder = create_encoder(
        mime_type, VideoParameters(start_bitrate=500_000, max_bitrate=4_000_000)
    )
    encode_all(encoder, (textured(n) for n in range(90)))
    for step, bitrate in enumerate((1_500_000, 400_000), start=1):
        encoder.set_bitrate(bitrate)
        results = encode_all(encoder, (textured(n) for n in range(180)), start=step * 10 * CLOCK)
        assert bits(results[90:]) / 3 == pytest.approx(bitrate, rel=0.2)


def keys_while_changing(encoder: VideoEncoder, bitrates: list[int]) -> list[int]:
    """Set a bit rate at every picture; return which were key frames."""
    keys = []
    for number, bitrate in enumerate(bitrates):
        encoder.set_bitrate(bitrate)
        if encoder.encode(textured(number), number * FRAME)[1]:
            keys.append(number)
    return keys


def test_h264_follows_without_key_frames() -> None:
    encoder = create_encoder("video/H264", VideoParameters(start_bitrate=800_000))
    rates = (
        np.geomspace(800_000, 1_600_000, 100).tolist()
        + np.geomspace(1_600_000, 250_000, 100).tolist()
    )
    assert keys_while_changing(encoder, [round(rate) for rate in rates]) == [0]


def test_vp8_takes_small_changes_as_none() -> None:
    encoder = create_encoder("video/VP8", VideoParameters(start_bitrate=800_000))
    rates = [800_000 + 80_000 * (-1) ** number for number in range(200)]
    assert keys_while_changing(encoder, rates) == [0]


@both
def test_a_rate_that_jumps_costs_few_key_frames(mime_type: str) -> None:
    encoder = create_encoder(
        mime_type, VideoParameters(start_bitrate=800_000, max_bitrate=8_000_000)
    )
    rates = [8_000_000 if number // 10 % 2 else 150_000 for number in range(300)]
    keys = keys_while_changing(encoder, rates)
    assert keys
    assert np.diff(keys).min(initial=1000) >= REOPEN_INTERVAL * 30 - 1


# Life


@both
def test_it_begins_anew_after_it_was_closed(mime_type: str) -> None:
    encoder = create_encoder(mime_type, USUAL)
    assert encoder.encode(textured(0), 0)[1]
    encoder.close()
    encoder.close()
    assert encoder.encode(textured(1), FRAME)[1]


@both
def test_it_begins_anew_after_an_error(mime_type: str) -> None:
    encoder, peer = create_encoder(mime_type, USUAL), Peer(mime_type)
    encoder.encode(textured(0), 0)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the codec says to this
        encoder.encode(PlanarPicture(np.zeros((4, 3), np.uint8)), FRAME)
    payloads, key = encoder.encode(textured(2), 2 * FRAME)
    assert key
    assert len(peer.decode(payloads, 0)) == 1


def test_encoders_are_found_by_their_types() -> None:
    assert isinstance(create_encoder("video/vp8", USUAL), VP8Encoder)
    assert isinstance(create_encoder("video/H264", USUAL), H264Encoder)
    with pytest.raises(ValueError, match="not 'video/AV1'"):
        create_encoder("video/AV1", USUAL)
