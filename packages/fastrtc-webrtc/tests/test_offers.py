import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrtc_core import ProtocolError
from fastrtc_webrtc.answers import finish_answer
from fastrtc_webrtc.formats import OpusFacts
from fastrtc_webrtc.offers import Offer, check_offer
from fastrtc_webrtc.testing.mutations import load_offers, mutations

OFFERS = load_offers(Path(__file__).parent / "data" / "offers")
CHROME = OFFERS["chrome_audio_video_data"]
AUDIO = OFFERS["chrome_audio_trickle"]

Uses = list[tuple[str, str | None, str]]

EXPECTED: list[tuple[str, Uses, int]] = [
    ("aiortc", [("audio", "0", "media"), ("video", "1", "media")], 2),
    ("chrome_audio_data_mdns", [("audio", "0", "media")], 4),
    ("chrome_audio_trickle", [("audio", "0", "media")], 0),
    ("chrome_audio_video_data", [("audio", "0", "media"), ("video", "1", "media")], 4),
    ("chrome_simulcast", [("audio", "0", "media"), ("video", "1", "media")], 4),
    ("chrome_video", [("video", "0", "media")], 4),
    ("chrome_watch", [("audio", "0", "media"), ("video", "1", "media")], 0),
    ("ffmpeg_whip", [("audio", "0", "media"), ("video", "1", "media")], 0),
    ("ffmpeg_whip_video", [("video", "1", "media")], 0),
    ("firefox_audio_video_data", [("audio", "0", "media"), ("video", "1", "media")], 3),
    ("firefox_stopped", [("video", None, "rejected"), ("audio", "1", "media")], 2),
    ("firefox_trickle", [("audio", "0", "media"), ("video", "1", "media")], 0),
    ("gstreamer_whipsink", [("video", "video0", "media"), ("audio", "audio1", "media")], 4),
    ("libwebrtc_android", [("audio", "0", "media"), ("video", "1", "media")], 6),
    ("obs_30_1", [("audio", "0", "media"), ("video", "1", "media")], 3),
    ("obs_31", [("audio", "0", "media"), ("video", "1", "media")], 0),
    ("pion_video", [("video", "0", "media")], 3),
    ("safari_12", [("audio", "audio", "media")], 2),
    ("safari_audio_video", [("audio", "0", "media"), ("video", "1", "media")], 2),
    ("whep_player", [("audio", "0", "media"), ("video", "1", "media")], 0),
]
"""Of every offer: its sections of sound and pictures, and the number of its candidates."""


def check(sdp: str, **options: Any) -> Offer:
    return check_offer(sdp, **{"modality": "audio-video", "mode": "send-receive", **options})


def refusal(sdp: str, **options: Any) -> str:
    with pytest.raises(ProtocolError) as caught:
        check(sdp, **options)
    assert (caught.value.code, caught.value.fatal) == ("bad_sdp", False)
    return caught.value.message


def uses(offer: Offer) -> Uses:
    return [(section.kind, section.mid, section.use) for section in offer.sections]


def without(sdp: str, start: str) -> str:
    return re.sub(rf"^{re.escape(start)}.*\r\n", "", sdp, flags=re.MULTILINE)


def changed(sdp: str, pattern: str, replacement: str) -> str:
    found, count = re.subn(pattern, replacement, sdp, flags=re.MULTILINE)
    assert count, pattern
    return found


async def negotiate(offer: Offer) -> str:
    """Have aiortc answer an offer, and return the answer that the client gets."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        await peer.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        answer = await peer.createAnswer()
    finally:
        await peer.close()
    return finish_answer(answer.sdp, offer)


# What clients send


@pytest.mark.parametrize(("name", "expected", "candidates"), EXPECTED)
def test_corpus(name: str, expected: Uses, candidates: int) -> None:
    offer = check(OFFERS[name])
    assert [use for use in uses(offer) if use[2] != "data"] == expected
    assert offer.has_data == ("m=application" in OFFERS[name])
    assert len(offer.candidates) == candidates
    assert {found.mid for found in offer.candidates} <= {offer.mid}


def test_the_corpus_is_complete() -> None:
    assert sorted(OFFERS) == [name for name, *_ in EXPECTED]


@pytest.mark.parametrize("name", OFFERS)
async def test_aiortc_answers_every_client(name: str) -> None:
    offer = check(OFFERS[name])
    answer = SessionDescription.parse(await negotiate(offer))
    assert [media.kind for media in answer.media] == [section.kind for section in offer.sections]
    for section, media in zip(offer.sections, answer.media, strict=True):
        assert media.rtp.muxId == (section.mid or "")
        assert (media.port == 0) == (section.use == "rejected")
        if section.use == "media":
            ours = {codec.payloadType for codec in media.rtp.codecs}
            assert ours <= {int(text) for text in section.media.formats}


@pytest.mark.parametrize("name", OFFERS)
def test_aiortc_is_given_no_candidates_and_one_transport(name: str) -> None:
    offer = check(OFFERS[name])
    described = SessionDescription.parse(offer.sdp)
    for media in described.media:
        assert not media.ice_candidates
        assert not media.ice_candidates_complete
        assert media.direction is not None or media.kind == "application"
        assert media.dtls is not None
        assert media.ice is not None
        assert media.ice.usernameFragment == offer.transport.ufrag
        assert media.ice.password == offer.transport.pwd
        prints = [f"{found.algorithm} {found.value}" for found in media.dtls.fingerprints]
        assert tuple(prints) == offer.transport.fingerprints
    assert described.group[0].items == [media.rtp.muxId for media in described.media] or (
        name == "firefox_stopped"
    )


def test_facts_of_the_transport() -> None:
    transport = check(OFFERS["obs_30_1"]).transport
    assert transport.ufrag == re.findall("ice-ufrag:(.*)\r", OFFERS["obs_30_1"])[0]
    assert transport.setup == "actpass"
    assert transport.trickle
    assert not transport.ice_lite
    assert transport.fingerprints[0].startswith("sha-256 B9:46:E6:")
    assert not check(OFFERS["ffmpeg_whip"]).transport.trickle
    assert check(OFFERS["ffmpeg_whip"]).transport.setup == "passive"
    assert check(changed(AUDIO, "^a=group", "a=ice-lite\r\na=group")).transport.ice_lite


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("chrome_audio_trickle", OpusFacts(111, False, True, False, False)),
        ("firefox_trickle", OpusFacts(109, False, True, True, False)),
        ("libwebrtc_android", OpusFacts(111, True, True, False, False)),
        ("gstreamer_whipsink", OpusFacts(97, True, False, False, True)),
        ("obs_31", OpusFacts(111, False, True, True, True)),
        ("ffmpeg_whip", OpusFacts(111, False, False, False, False)),
    ],
)
def test_facts_of_opus(name: str, facts: OpusFacts) -> None:
    section = check(OFFERS[name]).media("audio")
    assert section is not None
    assert section.opus == facts


def test_candidates_are_those_of_the_transport() -> None:
    offer = check(OFFERS["firefox_audio_video_data"])
    assert [(found.transport, found.type, found.port) for found in offer.candidates] == [
        ("udp", "host", 47512),
        ("tcp", "host", 9),
        ("udp", "srflx", 47519),
    ]
    assert offer.end_of_candidates
    assert not check(OFFERS["firefox_trickle"]).end_of_candidates


def test_a_candidate_that_cannot_be_read_is_left_out() -> None:
    sdp = changed(CHROME, "^(a=candidate:[0-9]+) 1 udp [0-9]+ 192.168.1.23", r"\1 1 udp x 1.2.3.4")
    assert [found.address for found in check(sdp).candidates if found.transport == "udp"] == [
        "fdd4:1c0a:77e2:1::23"
    ]


def test_candidates_of_another_section_are_found() -> None:
    first, audio, *rest = CHROME.split("m=")
    offer = check("m=".join([first, without(audio, "a=candidate"), *rest]))
    assert {found.mid for found in offer.candidates} == {"1"}


def test_the_number_of_candidates_is_bounded() -> None:
    line = "a=candidate:1 1 udp 1 10.0.0.1 5000 typ host\r\n"
    assert len(check(changed(AUDIO, "^a=mid", line * 500 + "a=mid")).candidates) == 64


# Modality, mode and extra sections


@pytest.mark.parametrize(("modality", "kind"), [("audio", "video"), ("video", "audio")])
def test_extra_sections_are_refused_in_words(modality: str, kind: str) -> None:
    message = refusal(CHROME, modality=modality)
    assert f"({kind}) is more than this {modality} stream takes" in message
    assert "allow_extra_tracks" in message


@pytest.mark.parametrize("modality", ["audio", "video"])
async def test_extra_sections_are_answered_inactive_if_allowed(modality: str) -> None:
    offer = check(CHROME, modality=modality, allow_extra_tracks=True)
    expected = ["media" if kind == modality else "extra" for kind in ("audio", "video")]
    assert [section.use for section in offer.sections] == [*expected, "data"]
    answer = SessionDescription.parse(await negotiate(offer))
    directions = [media.direction == "inactive" for media in answer.media[:2]]
    assert directions == [use == "extra" for use in expected]


def test_an_inactive_extra_section_does_no_harm() -> None:
    first, audio, video, data = CHROME.split("m=")
    sdp = "m=".join([first, audio, video.replace("a=sendrecv", "a=inactive"), data])
    assert uses(check(sdp, modality="audio"))[1] == ("video", "1", "extra")


def test_a_second_section_of_a_kind_is_extra() -> None:
    first, audio, *_ = AUDIO.split("m=")
    second = audio.replace("a=mid:0", "a=mid:9")
    sdp = "m=".join([first.replace("BUNDLE 0 1", "BUNDLE 0 9"), audio, second])
    assert "is more than" in refusal(sdp)
    assert [use for _, _, use in uses(check(sdp, allow_extra_tracks=True))] == ["media", "extra"]


def test_the_section_that_serves_the_mode_is_taken() -> None:
    first, audio, *_ = AUDIO.split("m=")
    sends = audio.replace("a=sendrecv", "a=sendonly")
    receives = audio.replace("a=sendrecv", "a=recvonly").replace("a=mid:0", "a=mid:9")
    sdp = "m=".join([first.replace("BUNDLE 0 1", "BUNDLE 0 9"), sends, receives])
    offer = check(sdp, mode="receive", allow_extra_tracks=True)
    assert [use for _, _, use in uses(offer)] == ["extra", "media"]


@pytest.mark.parametrize(
    ("mode", "direction", "fits"),
    [
        ("send-receive", "sendrecv", True),
        ("send-receive", "sendonly", True),
        ("send-receive", "recvonly", True),
        ("send-receive", "inactive", False),
        ("send", "sendrecv", True),
        ("send", "sendonly", True),
        ("send", "recvonly", False),
        ("receive", "sendrecv", True),
        ("receive", "recvonly", True),
        ("receive", "sendonly", False),
        ("receive", "inactive", False),
    ],
)
def test_modes(mode: str, direction: str, fits: bool) -> None:
    sdp = AUDIO.replace("a=sendrecv", f"a={direction}")
    if fits:
        assert check(sdp, mode=mode).sections[0].direction == direction
    else:
        assert f"the offer has audio {direction}" in refusal(sdp, mode=mode)
    assert check(sdp, mode=mode, renegotiation=True).sections[0].direction == direction


def test_a_direction_may_be_the_sessions_or_none_at_all() -> None:
    sdp = without(AUDIO, "a=sendrecv")
    assert check(sdp).sections[0].direction == "sendrecv"
    sdp = changed(sdp, "^a=group", "a=recvonly\r\na=group")
    assert check(sdp).sections[0].direction == "recvonly"
    assert "a=recvonly" in check(sdp).sdp


def test_a_section_of_the_modality_is_needed() -> None:
    assert refusal(AUDIO, modality="video") == (
        "the offer has no video section, the stream's modality"
    )


def test_formats_that_nobody_understands_are_named() -> None:
    sdp = changed(OFFERS["chrome_video"], "VP8|H264", "H266")
    message = refusal(sdp, modality="video")
    assert message.startswith("media section 0 (video) is no use: none of its formats")
    assert "H266" in message


# Sections that are rejected


async def test_a_section_without_known_formats_is_rejected_and_the_rest_goes_on() -> None:
    sdp = changed(CHROME, "VP8|H264", "H266")
    offer = check(sdp)
    assert [use for _, _, use in uses(offer)] == ["media", "rejected", "data"]
    answer = await negotiate(offer)
    assert "m=video 0 UDP/TLS/RTP/SAVPF 96 97 " in answer
    assert "a=group:BUNDLE 0 2\r\n" in answer


@pytest.mark.parametrize(
    "line",
    [
        "m=text 9 UDP/TLS/RTP/SAVPF 98",
        "m=image 9 UDP/TLS/UDPTL t38",
        "m=audio 9 RTP/AVP 0",
        "m=application 9 TCP/BFCP *",
        "m=application 9 UDP/DTLS/SCTP something-else",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",  # a second one
    ],
)
async def test_what_is_not_used_is_rejected_in_its_place(line: str) -> None:
    first, audio, data = AUDIO.split("m=")
    offer = check("m=".join([first, audio, data, f"{line[2:]}\r\na=mid:x\r\n"]))
    assert offer.sections[2].use == "rejected"
    assert offer.sections[2].reason
    answer = await negotiate(offer)
    assert answer.count("m=") == 3
    kind, _, rest = line.split(" ", 2)
    assert answer.endswith(f"{kind} 0 {rest}\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:x\r\n")


@pytest.mark.parametrize("mid", [True, False])
async def test_a_session_goes_on_after_a_section_was_closed(mid: bool) -> None:
    first, audio, _, data = CHROME.split("m=")
    closed = "video 0 UDP/TLS/RTP/SAVPF 96\r\na=inactive\r\n" + ("a=mid:1\r\n" if mid else "")
    later = "m=".join([first.replace("BUNDLE 0 1 2", "BUNDLE 0 2"), audio, closed, data])
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        for sdp in (CHROME, later):
            offer = check(sdp, renegotiation=sdp == later)
            await peer.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            await peer.setLocalDescription(await peer.createAnswer())
            answer = finish_answer(peer.localDescription.sdp, offer)
        assert "m=video 0 " in answer
        assert "a=group:BUNDLE 0 2\r\n" in answer
    finally:
        await peer.close()


def test_an_offer_of_nothing_but_closed_sections_is_refused() -> None:
    sdp = changed(AUDIO, "^m=(audio|application) 9", r"m=\1 0")
    assert refusal(sdp, renegotiation=True) == "no media section of the offer is in use"


def test_bundle_only_sections_are_in_use() -> None:
    assert [use for _, _, use in uses(check(OFFERS["gstreamer_whipsink"]))] == ["media", "media"]


# The transport


async def test_the_transport_is_that_of_the_first_section_of_the_group() -> None:
    sdp = changed(CHROME, "BUNDLE 0 1 2", "BUNDLE 1 0 2")
    first, audio, *rest = sdp.split("m=")
    audio = re.sub("a=ice-ufrag:.*", "a=ice-ufrag:other\r", audio)
    offer = check("m=".join([first, audio, *rest]))
    assert offer.mid == "1"
    assert offer.transport.ufrag != "other"
    assert {found.mid for found in offer.candidates} == {"1"}
    assert "a=group:BUNDLE 1 0 2\r\n" in await negotiate(offer)


def test_sections_may_leave_the_transport_to_the_first() -> None:
    first, audio, video, data = CHROME.split("m=")
    for start in ("a=ice-", "a=fingerprint", "a=setup"):
        video, data = without(video, start), without(data, start)
    assert check("m=".join([first, audio, video, data])).transport == check(CHROME).transport


def test_one_section_needs_no_group() -> None:
    assert check(without(OFFERS["chrome_video"], "a=group")).bundle == ("0",)


def test_mids_that_do_not_exist_may_stand_in_the_group() -> None:
    assert check(OFFERS["ffmpeg_whip_video"]).bundle == ("1",)


def test_fingerprints_compare_whatever_their_case_and_order() -> None:
    hashes = re.findall("a=fingerprint:(.*)\r", OFFERS["aiortc"])[:3]
    lines = "".join(f"a=fingerprint:{text.swapcase()}\r\n" for text in reversed(hashes))
    mixed = changed(without(OFFERS["aiortc"], "a=fingerprint"), "^a=setup", f"{lines}a=setup")
    assert check(mixed).transport.fingerprints == check(OFFERS["aiortc"]).transport.fingerprints


def test_fingerprints_by_weak_hashes_do_not_count() -> None:
    weak = "a=fingerprint:sha-1 " + ":".join(["AB"] * 20)
    both = changed(AUDIO, "^a=fingerprint", f"{weak}\r\na=fingerprint")
    assert check(both).transport == check(AUDIO).transport
    assert "sha-256" in refusal(changed(AUDIO, "^a=fingerprint.*", f"{weak}\r"))


# What is wrong is said


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda sdp: "", "1 to 8 media sections, not 0"),
        (lambda sdp: "hello", "line 1 is no line of SDP"),
        (lambda sdp: sdp.split("m=")[0], "1 to 8 media sections, not 0"),
        (lambda sdp: sdp + sdp * 4, "1 to 8 media sections, not 10"),
        (lambda sdp: sdp + "a=x\r\n" * 3000, "lines, where 2048 are allowed"),
        (lambda sdp: sdp + "a=" + "x" * 70_000, "bytes, where 65536 are allowed"),
        (lambda sdp: without(sdp, "a=mid"), "has no mid"),
        (lambda sdp: changed(sdp, "^a=mid:1", "a=mid:0"), "the same mid"),
        (lambda sdp: changed(sdp, "^a=mid:0", "a=mid:" + "x" * 65), "the mid of media section 0"),
        (lambda sdp: changed(sdp, "^a=mid:0", "a=mid:0:1"), "the mid of media section 0"),
        (lambda sdp: without(sdp, "a=group"), "BUNDLE group does not name media section '0'"),
        (lambda sdp: changed(sdp, "BUNDLE 0 1", "BUNDLE 0"), "does not name media section '1'"),
        (lambda sdp: without(sdp, "a=rtcp-mux"), "lacks rtcp-mux"),
        (lambda sdp: without(sdp, "a=ice-ufrag"), "no ice-ufrag"),
        (lambda sdp: without(sdp, "a=ice-pwd"), "no ice-pwd"),
        (lambda sdp: changed(sdp, "ice-ufrag:.*", "ice-ufrag:abc\r"), "ice-ufrag must be 4 to"),
        (lambda sdp: changed(sdp, "ice-pwd:.*", "ice-pwd:abc\r"), "ice-pwd must be 22 to"),
        (lambda sdp: without(sdp, "a=fingerprint"), "no fingerprint"),
        (lambda sdp: changed(sdp, "sha-256 ..:", "sha-256 "), "sha-256 has 32 bytes"),
        (lambda sdp: changed(sdp, "sha-256 ..:", "sha-256 XY:"), "pairs of hex digits"),
        (lambda sdp: without(sdp, "a=setup"), "no setup"),
        (lambda sdp: changed(sdp, "actpass", "holdconn"), "setup must be"),
        (lambda sdp: changed(sdp, "^m=audio 9", "m=audio nine"), "line 8 must name"),
        (lambda sdp: changed(sdp, "^m=audio 9", "m=audio 65536"), "line 8 must name"),
        (lambda sdp: changed(sdp, "^m=audio 9", "m=audio 9/2"), "line 8 must name"),
        (lambda sdp: changed(sdp, "SAVPF 111.*", "SAVPF\r"), "line 8 must name"),
        (lambda sdp: changed(sdp, "^m=audio.*", "m=audio 9 RTP/AVP 0\r"), "its profile is"),
    ],
)
def test_refusals(damage: Callable[[str], str], words: str) -> None:
    assert words in refusal(damage(AUDIO))


# Texts of all kinds


def test_lines_may_end_in_any_way_and_some_may_be_empty() -> None:
    for end in ("\n", "\r", "\r\n\r\n", " \r\n"):
        assert check(CHROME.replace("\r\n", end)) == check(CHROME)


@settings(deadline=None)  # the machine may be busy
@given(st.text())
def test_any_text_is_an_offer_or_a_protocol_error(text: str) -> None:
    for sdp in (text, AUDIO + text, AUDIO.replace("m=", text, 1), text + AUDIO):
        try:
            offer = check(sdp)
        except ProtocolError as error:
            assert error.code == "bad_sdp"  # noqa: PT017 - some of these texts pass
        else:
            SessionDescription.parse(offer.sdp)


@settings(deadline=None)  # the machine may be busy
@given(
    st.sampled_from(sorted({line.split(":")[0] for line in CHROME.split("\r\n") if ":" in line})),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n")),
)
def test_any_value_of_any_attribute(name: str, value: str) -> None:
    sdp = CHROME + f"{name}:{value}\r\n"
    try:
        offer = check(sdp)
    except ProtocolError:
        return
    SessionDescription.parse(offer.sdp)


@pytest.mark.parametrize("name", OFFERS)
def test_mutated_offers_are_refused_in_words_or_understood(name: str) -> None:
    passed = 0
    for sdp in mutations(OFFERS[name], seed=11, count=500):
        try:
            offer = check(sdp, allow_extra_tracks=True)
        except ProtocolError as error:
            assert error.code == "bad_sdp"  # noqa: PT017 - some of these texts pass
            continue
        passed += 1
        SessionDescription.parse(offer.sdp)
        assert len(offer.sdp) < 4 * 65_536
    assert 100 < passed < 450  # or else nothing was tested, or nothing was damaged


@pytest.mark.parametrize("name", OFFERS)
async def test_aiortc_answers_mutated_offers(name: str) -> None:
    for sdp in mutations(OFFERS[name], seed=12, count=60):
        try:
            offer = check(
                sdp,
                modality="audio" if "m=audio" in sdp else "video",
                mode="send-receive",
                allow_extra_tracks=True,
            )
        except ProtocolError:
            continue
        answer = SessionDescription.parse(await negotiate(offer))
        assert len(answer.media) == len(offer.sections)
