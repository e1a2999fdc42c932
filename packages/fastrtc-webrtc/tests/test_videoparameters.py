import pytest

from fastrtc_webrtc.videoparameters import MIN_BITRATE, VideoParameters

HD = (1280, 720)


def read(**params: object) -> VideoParameters:
    return VideoParameters.from_rtp_params(params)


def test_nothing_is_asked_by_default() -> None:
    assert VideoParameters.from_rtp_params(None) == read() == VideoParameters()


def test_what_the_server_reads() -> None:
    assert read(codec="H264", minBitrate=1e5, startBitrate=200_000, maxBitrate=300_000) == (
        VideoParameters(
            codec="H264", min_bitrate=100_000, start_bitrate=200_000, max_bitrate=300_000
        )
    )


def test_encodings_as_w3c_has_them() -> None:
    encodings = [{"rid": "h", "maxBitrate": 900_000, "maxFramerate": 15}, {"maxBitrate": 1}]
    assert read(encodings=encodings) == VideoParameters(max_bitrate=900_000, max_framerate=15)


def test_the_lower_of_two_bounds_counts() -> None:
    assert read(maxBitrate=500_000, encodings=[{"maxBitrate": 900_000}]).max_bitrate == 500_000
    assert read(maxBitrate=900_000, encodings=[{"maxBitrate": 500_000}]).max_bitrate == 500_000


def test_other_keys_are_the_browsers() -> None:
    params = {"degradationPreference": "maintain-resolution", "encodings": [], "codecs": object()}
    assert VideoParameters.from_rtp_params(params) == VideoParameters()


@pytest.mark.parametrize("codec", ["vp8", "VP8", "Vp8"])
def test_codecs_in_letters_of_any_case(codec: str) -> None:
    assert read(codec=codec).codec == "VP8"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"codec": "AV1"}, r"rtp_params\['codec'\] must be 'VP8' or 'H264', not 'AV1'"),
        ({"codec": 8}, "not 8"),
        ({"maxBitrate": "fast"}, "maxBitrate of rtp_params must be a number, not 'fast'"),
        ({"maxBitrate": True}, "must be a number, not True"),
        ({"maxBitrate": float("nan")}, "must be a number, not nan"),
        ({"minBitrate": 0}, "above 0"),
        ({"startBitrate": -1}, "above 0"),
        ({"maxBitrate": 1e12}, "at most 1e"),
        ({"encodings": {"maxBitrate": 1}}, "must be a list of dicts"),
        ({"encodings": [1]}, "must be a list of dicts"),
        ({"encodings": [{"maxFramerate": "30"}]}, "maxFramerate of rtp_params must be a number"),
        ({"minBitrate": 2, "maxBitrate": 1}, "max_bitrate must be at least min_bitrate"),
        ({"startBitrate": 2, "maxBitrate": 1}, "max_bitrate must be at least start_bitrate"),
    ],
)
def test_mistakes_are_named(params: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VideoParameters.from_rtp_params(params)


@pytest.mark.parametrize(
    ("size", "start"),
    [
        ((320, 240), 600_000),
        ((640, 480), 1_700_000),
        ((960, 540), 2_000_000),
        (HD, 2_500_000),
        ((1920, 1080), 4_147_200),
    ],
)
def test_usual_bit_rates(size: tuple[int, int], start: int) -> None:
    bitrates = VideoParameters().bitrates(*size)
    assert (bitrates.least, bitrates.start, bitrates.most) == (MIN_BITRATE, start, 2 * start)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (VideoParameters(max_bitrate=1_000_000), (100_000, 1_000_000, 1_000_000)),
        (VideoParameters(max_bitrate=50_000), (50_000, 50_000, 50_000)),
        (VideoParameters(min_bitrate=6_000_000), (6_000_000, 6_000_000, 6_000_000)),
        (VideoParameters(start_bitrate=50_000), (50_000, 50_000, 100_000)),
        (VideoParameters(max_bitrate=9_000_000), (100_000, 2_500_000, 9_000_000)),
    ],
)
def test_bounds_move_what_they_exclude(
    parameters: VideoParameters, expected: tuple[int, int, int]
) -> None:
    bitrates = parameters.bitrates(*HD)
    assert (bitrates.least, bitrates.start, bitrates.most) == expected
