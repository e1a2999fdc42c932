import pytest

from fastrtc_webrtc.formats import MOST_DETAILS, Format, read_formats, understood
from fastrtc_webrtc.sdp import read_blocks


def formats(*lines: str) -> list[Format]:
    return read_formats(read_blocks("\n".join(lines))[1][0])


def h264(parameters: str) -> Format:
    return formats(
        "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=rtpmap:96 H264/90000", f"a=fmtp:96 {parameters}"
    )[0]


def test_order_is_that_of_preference() -> None:
    found = formats(
        "m=audio 9 UDP/TLS/RTP/SAVPF 8 111 0",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:111 opus/48000/2",
    )
    assert [(payload.payload_type, payload.name, payload.channels) for payload in found] == [
        (8, "PCMA", None),
        (111, "opus", 2),
        (0, "PCMU", None),
    ]


def test_lines() -> None:
    (found,) = formats(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:* transport-cc",
        "a=rtcp-fb:111 nack",
        "a=rtcp-fb:111 nack pli",
        "a=fmtp:111 minptime=10; useinbandfec=1;;flag",
    )
    assert list(found.lines()) == [
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 nack",
        "a=rtcp-fb:111 nack pli",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1;flag",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "a=rtpmap:96",
        "a=rtpmap:96 VP8",
        "a=rtpmap:96 VP8/x",
        "a=rtpmap:96 VP8/90000/x",
        "a=rtpmap:96 V P8/90000",
        "a=rtpmap:x VP8/90000",
        "a=rtpmap:٩٦ VP8/90000",
        "a=rtpmap:97 VP8/90000",
        "a=rtpmap:96 VP8/" + "9" * 5000,
    ],
)
def test_formats_without_a_name_are_left_out(line: str) -> None:
    assert formats("m=video 9 UDP/TLS/RTP/SAVPF 96", line) == []


@pytest.mark.parametrize("number", ["1", "13", "35", "63", "72", "95", "128", "255", "x", "-1"])
def test_payload_types_that_cannot_be_negotiated_are_left_out(number: str) -> None:
    assert formats(f"m=video 9 UDP/TLS/RTP/SAVPF {number}", f"a=rtpmap:{number} VP8/90000") == []


def test_a_static_payload_type_is_what_it_is() -> None:
    (found,) = formats("m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=rtpmap:0 opus/48000/2")
    assert (found.name, found.clock_rate) == ("PCMU", 8000)
    assert formats("m=video 9 UDP/TLS/RTP/SAVPF 0", "a=rtpmap:0 VP8/90000") == []


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("apt=96", (("apt", "96"),)),
        ("apt=x", ()),
        ("apt", ()),
        ("apt=", ()),
        ("apt=-1", ()),
        ("apt=1_0", ()),
        ("apt=" + "9" * 100, ()),
        ("packetization-mode", ()),
        ("packetization-mode=1", (("packetization-mode", "1"),)),
        ("a=1;a=2", (("a", "1"),)),
        ("0-15", (("0-15", None),)),
        ("111/111", (("111/111", None),)),
        ("=1", ()),
        ("a b=1", ()),
    ],
)
def test_parameters(text: str, parameters: tuple[tuple[str, str | None], ...]) -> None:
    assert h264(text).parameters == parameters


def test_details_are_bounded() -> None:
    many = ";".join(f"p{number}=1" for number in range(100))
    assert len(h264(many).parameters) == MOST_DETAILS
    feedback = [f"a=rtcp-fb:* x-{letter}{other}" for letter in "abcdefg" for other in "hijklmnop"]
    (found,) = formats("m=video 9 UDP/TLS/RTP/SAVPF 96", "a=rtpmap:96 VP8/90000", *feedback)
    assert len(found.feedback) == MOST_DETAILS


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("packetization-mode=1;profile-level-id=42e01f", True),
        ("packetization-mode=1;profile-level-id=42001f", True),
        ("packetization-mode=1;profile-level-id=42C01F", True),
        ("packetization-mode=1;profile-level-id=4d801f", True),
        ("packetization-mode=1;profile-level-id=58c01f", True),
        ("packetization-mode=1;profile-level-id=422001f", True),  # ffmpeg 8
        ("packetization-mode=1", True),
        ("packetization-mode=0;profile-level-id=42e01f", False),
        ("profile-level-id=42e01f", False),
        ("packetization-mode=1;profile-level-id=640c1f", False),
        ("packetization-mode=1;profile-level-id=4d001f", False),
        ("packetization-mode=1;profile-level-id=42e01e00", False),
        ("packetization-mode=1;profile-level-id=42e0ff", False),
        ("packetization-mode=1;profile-level-id=42e11f", False),
        ("packetization-mode=1;profile-level-id=xyz", False),
    ],
)
def test_h264(parameters: str, expected: bool) -> None:
    assert understood("video", h264(parameters)) == expected
