import json
from typing import Any

import numpy as np
import pytest

from fastrtc_core import ProtocolError
from fastrtc_core.audio import alaw_decode, ulaw_decode
from fastrtc_telephony.carriers.asterisk import AsteriskProtocol
from fastrtc_telephony.events import Audio, CallInfo, CallStarted, KeyPressed, MarkReached
from fastrtc_telephony.lines import Encoding, Line

PLAIN = (
    "MEDIA_START connection_id:fastrtc channel:WebSocket/fastrtc/0x78b36c003130 "
    "channel_id:asterisk-1700000000.1 format:ulaw optimal_frame_size:160 ptime:20"
)
JSON: dict[str, Any] = {
    "event": "MEDIA_START",
    "connection_id": "fastrtc",
    "channel": "WebSocket/fastrtc/0x78b36c003130",
    "channel_id": "asterisk-1700000000.1",
    "format": "ulaw",
    "optimal_frame_size": 160,
    "ptime": 20,
    "channel_variables": {"ROOM": "7"},
}


def receive(protocol: AsteriskProtocol, message: Any) -> list[Any]:
    return list(protocol.receive(json.dumps(message) if isinstance(message, dict) else message))


def refused(protocol: AsteriskProtocol, message: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        receive(protocol, message)
    return caught.value


def started(message: Any = PLAIN) -> AsteriskProtocol:
    protocol = AsteriskProtocol()
    receive(protocol, message)
    return protocol


def info(**variables: str) -> CallInfo:
    return CallInfo(
        "asterisk",
        call_id="asterisk-1700000000.1",
        stream_id="fastrtc",
        caller="",
        called="",
        parameters={"channel": "WebSocket/fastrtc/0x78b36c003130", **variables},
    )


def test_a_conversation_in_plain_text() -> None:
    protocol = AsteriskProtocol()
    assert receive(protocol, PLAIN) == [CallStarted(info(), Line("mulaw", 8000))]
    data = bytes(range(256))
    (audio,) = receive(protocol, data)
    assert isinstance(audio, Audio)
    np.testing.assert_array_equal(audio.samples, ulaw_decode(data)[np.newaxis])
    assert receive(protocol, "MEDIA_XOFF") == []
    assert receive(protocol, "MEDIA_XON") == []
    status = "STATUS queue_length:0 xon_level:800 xoff_level:900 queue_full:false bulk_media:false"
    assert receive(protocol, status) == []
    assert receive(protocol, "MEDIA_MARK_PROCESSED m1") == [MarkReached("m1")]
    assert receive(protocol, "DTMF_END digit:4 duration_ms:90") == [KeyPressed("4")]
    assert [receive(protocol, f"DTMF_END digit:{key}") for key in "#*"] == [
        [KeyPressed("#")],
        [KeyPressed("*")],
    ]


def test_a_conversation_in_json() -> None:
    protocol = AsteriskProtocol()
    assert receive(protocol, JSON) == [CallStarted(info(ROOM="7"), Line("mulaw", 8000))]
    (audio,) = receive(protocol, bytes(160))
    assert audio.samples.shape == (1, 160)
    assert receive(protocol, {"event": "MEDIA_XOFF", "channel_id": "1"}) == []
    processed = {"event": "MEDIA_MARK_PROCESSED", "correlation_id": "m1"}
    assert receive(protocol, processed) == [MarkReached("m1")]
    assert receive(protocol, {"event": "DTMF_END", "digit": "4"}) == [KeyPressed("4")]


def test_what_is_sent_in_plain_text() -> None:
    protocol = started()
    assert list(protocol.send_audio(b"\xff\x7f")) == [b"\xff\x7f"]
    assert list(protocol.send_clear()) == ["FLUSH_MEDIA"]
    assert list(protocol.send_mark("m7")) == ["MARK_MEDIA m7"]
    assert list(protocol.send_end()) == ["HANGUP"]
    assert list(protocol.send_keys("5")) == []


def test_what_is_sent_in_json() -> None:
    protocol = started(JSON)
    assert list(protocol.send_audio(b"\xff\x7f")) == [b"\xff\x7f"]
    sent = [*protocol.send_clear(), *protocol.send_mark("m7"), *protocol.send_end()]
    assert [json.loads(one) for one in sent] == [
        {"command": "FLUSH_MEDIA"},
        {"command": "MARK_MEDIA", "correlation_id": "m7"},
        {"command": "HANGUP"},
    ]


def test_nothing_is_ended_before_it_starts() -> None:
    assert list(AsteriskProtocol().send_end()) == []


@pytest.mark.parametrize(
    ("name", "encoding", "rate"),
    [
        ("ulaw", "mulaw", 8000),
        ("alaw", "alaw", 8000),
        ("slin", "l16", 8000),
        ("slin16", "l16", 16000),
        ("slin24", "l16", 24000),
        ("slin48", "l16", 48000),
    ],
)
@pytest.mark.parametrize("start", [PLAIN, JSON])
def test_every_format(start: Any, name: str, encoding: Encoding, rate: int) -> None:
    plain = isinstance(start, str)
    message = start.replace("ulaw", name) if plain else {**start, "format": name}
    (event,) = receive(AsteriskProtocol(), message)
    assert event.line == Line(encoding, rate)


def test_sound_is_read_as_the_format_says() -> None:
    (audio,) = receive(started({**JSON, "format": "slin16"}), b"\x01\x02\xff\xff")
    assert audio.samples.tolist() == [[0x0201, -1]]
    data = bytes(range(256))
    (audio,) = receive(started({**JSON, "format": "alaw"}), data)
    np.testing.assert_array_equal(audio.samples, alaw_decode(data)[np.newaxis])


@pytest.mark.parametrize("start", [PLAIN.replace("ulaw", "opus"), {**JSON, "format": "g722"}])
def test_another_format_can_not_go_on(start: Any) -> None:
    error = refused(AsteriskProtocol(), start)
    assert (error.code, error.fatal) == ("bad_format", True)


@pytest.mark.parametrize(
    "wrong",
    [
        "MEDIA_START",
        PLAIN.replace("format:ulaw", ""),
        {"event": "MEDIA_START"},
        {**JSON, "format": 7},
        {**JSON, "channel_id": 7},
        {**JSON, "channel_variables": ["ROOM"]},
        {**JSON, "channel_variables": {"ROOM": 7}},
        {**JSON, "connection_id": 7},
        {"command": "MEDIA_START"},
    ],
)
def test_a_wrong_start_may_be_followed_by_a_right_one(wrong: Any) -> None:
    protocol = AsteriskProtocol()
    error = refused(protocol, wrong)
    assert (error.code, error.fatal) == ("bad_field", False)
    assert not protocol.started
    assert len(receive(protocol, PLAIN)) == 1


def test_a_call_is_known_by_its_channel_if_there_is_no_id_of_it() -> None:
    (start,) = receive(AsteriskProtocol(), PLAIN.replace("channel_id:", "channelid:"))
    assert start.info.call_id == start.info.parameters["channel"]


@pytest.mark.parametrize("message", ["", "   ", "MEDIA_XON", "DTMF_END digit:4", "HELLO {}"])
def test_nothing_comes_before_the_start(message: str) -> None:
    protocol = AsteriskProtocol()
    error = refused(protocol, message)
    assert (error.code, error.fatal) == ("not_started", False)
    assert len(receive(protocol, PLAIN)) == 1


@pytest.mark.parametrize("message", ['{"event": ', '{"event": NaN}', '{"a":' * 100_000, "{}{}"])
def test_what_begins_as_json_must_be_json(message: str) -> None:
    protocol = started()
    error = refused(protocol, message)
    assert (error.code, error.fatal) == ("not_json", False)
    assert receive(protocol, "DTMF_END digit:4") == [KeyPressed("4")]


@pytest.mark.parametrize(
    "message",
    ["MEDIA_MARK_PROCESSED", "DTMF_END", "DTMF_END digit:44", "DTMF_END 4", {"event": "DTMF_END"}],
)
def test_a_wrong_message_changes_nothing(message: Any) -> None:
    protocol = started()
    assert refused(protocol, message).code == "bad_field"
    assert receive(protocol, "DTMF_END digit:4") == [KeyPressed("4")]


def test_a_word_does_not_change_what_a_message_is() -> None:
    assert receive(started(), "STATUS event:DTMF_END digit:4") == []


@pytest.mark.parametrize("again", [PLAIN.replace("ulaw", "slin"), {**JSON, "format": "slin"}])
def test_a_second_start_leaves_the_line_as_it_is(again: Any) -> None:
    protocol = started()
    error = refused(protocol, again)
    assert (error.code, error.fatal) == ("already_started", False)
    assert protocol.line == Line("mulaw", 8000)
    assert list(protocol.send_clear()) == ["FLUSH_MEDIA"]


@pytest.mark.parametrize("message", [{"event": "ERROR", "error_text": "no such command"}, "ERROR"])
def test_an_error_of_theirs_is_told_and_the_call_goes_on(message: Any) -> None:
    protocol = started()
    error = refused(protocol, message)
    assert (error.code, error.fatal) == ("carrier_error", False)
    assert isinstance(message, str) or "no such command" in error.message
    assert len(receive(protocol, bytes(160))) == 1


def test_a_message_of_very_many_words() -> None:
    protocol = started()
    assert receive(protocol, "STATUS " + "a:b " * 100_000) == []
    assert receive(protocol, "DTMF_END digit:4") == [KeyPressed("4")]
