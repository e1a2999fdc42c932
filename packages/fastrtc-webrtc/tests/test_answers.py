import pytest

from fastrtc_webrtc.answers import finish_answer
from fastrtc_webrtc.offers import Offer, check_offer

TRANSPORT = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=setup:actpass\r\n"
    f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n"
)
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:b\r\na=rtcp-mux\r\n"
ANSWER = "v=0\r\na=group:BUNDLE {}\r\nm={} 9 P 0\r\na=x\r\nm=audio 9 P 0\r\na=y\r\n"


def offer(first: str) -> Offer:
    sdp = f"v=0\r\na=group:BUNDLE b\r\n{TRANSPORT}{first}{AUDIO}"
    return check_offer(sdp, modality="audio", mode="send-receive")


@pytest.mark.parametrize(
    ("section", "rejection"),
    [
        (
            "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:a\r\n",
            "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:a\r\n",
        ),
        (
            "m=video 0 UDP/TLS/RTP/SAVPF x 97\r\n",
            "m=video 0 UDP/TLS/RTP/SAVPF 97\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n",
        ),
        (
            "m=video 0 UDP/TLS/RTP/SAVPF x\r\n",
            "m=video 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n",
        ),
        (
            "m=image 9 udptl t38\r\n",
            "m=image 0 udptl t38\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n",
        ),
    ],
)
def test_sections_are_rejected_in_their_place(section: str, rejection: str) -> None:
    answer = finish_answer(ANSWER.format("rejected:0 b", "video"), offer(section))
    assert answer == f"v=0\r\na=group:BUNDLE b\r\n{rejection}m=audio 9 P 0\r\na=y\r\n"


def test_the_group_is_in_the_order_of_the_offer() -> None:
    sdp = f"v=0\r\na=group:BUNDLE b a\r\n{TRANSPORT}{AUDIO.replace('mid:b', 'mid:a')}{AUDIO}"
    checked = check_offer(sdp, modality="audio", mode="send", allow_extra_tracks=True)
    answer = ANSWER.format("a b", "audio")
    assert finish_answer(answer, checked) == answer.replace("BUNDLE a b", "BUNDLE b a")


def test_an_answer_to_another_offer_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        finish_answer("v=0\r\n", offer("m=image 9 udptl t38\r\n"))
