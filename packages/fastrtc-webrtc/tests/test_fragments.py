import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrtc_core import ProtocolError
from fastrtc_webrtc.fragments import MOST_CANDIDATES, Fragment, format_fragment, parse_fragment
from fastrtc_webrtc.testing.mutations import mutations

UFRAG = "Kx7t"
PWD = "n3WqPz0yLrTb8uVdXsJh5cQe"
TRICKLE = f"""\
a=group:BUNDLE 0 1
a=ice-options:trickle ice2
a=ice-ufrag:{UFRAG}
a=ice-pwd:{PWD}
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=candidate:1 1 udp 2130706431 192.168.1.9 61764 typ host ufrag {UFRAG}
a=candidate:2 1 tcp 1518214911 192.168.1.9 9 typ host tcptype active
a=candidate:3 1 udp 5 not-an-address 1 typ host
a=end-of-candidates
"""


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_trickled_candidates(end: str) -> None:
    fragment = parse_fragment(TRICKLE.replace("\n", end))
    assert (fragment.ufrag, fragment.pwd) == (UFRAG, PWD)
    assert [(found.foundation, found.mid) for found in fragment.candidates] == [
        ("1", "0"),
        ("2", "0"),
    ]
    assert fragment.end_of_candidates


def test_credentials_may_stand_in_the_section() -> None:
    text = f"m=audio 9 RTP/AVP 0\na=mid:0\na=ice-ufrag:{UFRAG}\na=ice-pwd:{PWD}\n"
    assert parse_fragment(text) == Fragment(UFRAG, PWD, (), False)


def test_an_empty_fragment_says_nothing() -> None:
    assert parse_fragment("") == Fragment(None, None, (), False)


def test_the_number_of_candidates_is_bounded() -> None:
    section = "m=audio 9 RTP/AVP 0\n" + "a=candidate:1 1 udp 1 1.2.3.4 5000 typ host\n" * 50
    assert len(parse_fragment(section * 3).candidates) == MOST_CANDIDATES


@pytest.mark.parametrize("text", ["hello", "a=ice-ufrag:x", "a=ice-pwd:short", "m=x", "\n" * 5000])
def test_refusals(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_fragment(text)
    assert caught.value.code == "bad_sdp"


def test_an_answer_can_be_read() -> None:
    text = format_fragment(UFRAG, PWD, "0", ["1 1 udp 1 1.2.3.4 5000 typ host"])
    fragment = parse_fragment(text)
    assert (fragment.ufrag, fragment.pwd, fragment.end_of_candidates) == (UFRAG, PWD, True)
    assert [(found.address, found.mid) for found in fragment.candidates] == [("1.2.3.4", "0")]
    assert text.endswith("a=end-of-candidates\r\n")


@settings(deadline=None)  # the machine may be busy
@given(st.text())
def test_any_text(text: str) -> None:
    for fragment in (text, TRICKLE + text):
        try:
            parse_fragment(fragment)
        except ProtocolError as error:
            assert error.code == "bad_sdp"  # noqa: PT017 - some of these texts pass


def test_mutated_fragments() -> None:
    for text in mutations(TRICKLE, seed=5, count=2000):
        try:
            parse_fragment(text)
        except ProtocolError as error:
            assert error.code == "bad_sdp"  # noqa: PT017 - some of these texts pass
