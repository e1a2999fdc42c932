import json
from base64 import b64encode
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from fastrtc_core import ProtocolError
from fastrtc_core.audio import ulaw_decode
from fastrtc_telephony.carriers.plivo import PlivoProtocol
from fastrtc_telephony.events import (
    Audio,
    CallEnded,
    CallInfo,
    CallStarted,
    KeyPressed,
    MarkReached,
)
from fastrtc_telephony.lines import Line

START: dict[str, Any] = {
    "sequenceNumber": 0,
    "event": "start",
    "start": {
        "callId": "c58e4b7e",
        "streamId": "20170ada",
        "accountId": "MAMJ",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
    },
    "extra_headers": "{}",
}


def media(chunk: Any, data: bytes, track: str = "inbound") -> dict[str, Any]:
    payload = b64encode(data).decode()
    return {
        "sequenceNumber": 1,
        "streamId": "20170ada",
        "event": "media",
        "media": {"track": track, "timestamp": "1", "chunk": chunk, "payload": payload},
        "extra_headers": "{}",
    }


def receive(protocol: PlivoProtocol, message: dict[str, Any]) -> list[Any]:
    return list(protocol.receive(json.dumps(message)))


def refused(protocol: PlivoProtocol, message: dict[str, Any]) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        receive(protocol, message)
    return caught.value


def without(*path: str) -> dict[str, Any]:
    message = deepcopy(START)
    *way, last = path
    found = message
    for name in way:
        found = found[name]
    del found[last]
    return message


def parameters(extra: str) -> Any:
    (event,) = receive(PlivoProtocol(), {**START, "extra_headers": extra})
    return event.info.parameters


def test_a_conversation() -> None:
    protocol = PlivoProtocol()
    info = CallInfo("plivo", call_id="c58e4b7e", stream_id="20170ada")
    assert receive(protocol, START) == [CallStarted(info, Line("mulaw", 8000))]
    data = bytes(range(256))
    (audio,) = receive(protocol, media(1, data))
    assert isinstance(audio, Audio)
    np.testing.assert_array_equal(audio.samples, ulaw_decode(data)[np.newaxis])
    assert receive(protocol, media(2, data, "outbound")) == []
    played = {"event": "playedStream", "streamId": "20170ada", "name": "m1"}
    assert receive(protocol, played) == [MarkReached("m1")]
    assert receive(protocol, {"event": "clearedAudio", "streamId": "20170ada"}) == []
    assert receive(protocol, {"event": "dtmf", "dtmf": {"digit": "*"}}) == [KeyPressed("*")]
    assert receive(protocol, {"event": "stop"}) == [CallEnded("the caller has hung up")]


def test_extra_headers_are_parameters() -> None:
    assert parameters("room=7;name=Ada Lovelace") == {"room": "7", "name": "Ada Lovelace"}


@pytest.mark.parametrize("extra", ["", "{}", ";;", "alone", "=x", " =x;"])
def test_extra_headers_without_any(extra: str) -> None:
    assert parameters(extra) == {}


def test_a_value_may_have_an_equals_sign() -> None:
    assert parameters("a=b=c;d=") == {"a": "b=c", "d": ""}


def test_extra_headers_may_be_missing() -> None:
    (event,) = receive(PlivoProtocol(), without("extra_headers"))
    assert event.info.parameters == {}


def test_extra_headers_are_bounded() -> None:
    assert len(parameters(";".join(f"{number}=" for number in range(100)))) == 64
    error = refused(PlivoProtocol(), {**START, "extra_headers": "a=" + "x" * 5000})
    assert error.code == "bad_field"


def test_what_is_sent() -> None:
    protocol = PlivoProtocol()
    receive(protocol, START)
    assert [json.loads(one) for one in protocol.send_audio(b"\xff\x7f\x00")] == [
        {
            "event": "playAudio",
            "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": "/38A"},
        }
    ]
    assert [json.loads(one) for one in protocol.send_clear()] == [
        {"event": "clearAudio", "streamId": "20170ada"}
    ]
    assert [json.loads(one) for one in protocol.send_mark("m7")] == [
        {"event": "checkpoint", "streamId": "20170ada", "name": "m7"}
    ]
    assert [json.loads(one) for one in protocol.send_keys("12#")] == [
        {"event": "sendDTMF", "dtmf": "12#"}
    ]
    assert list(protocol.send_end()) == []


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [("audio/x-l16", 8000), ("audio/x-mulaw", 16000), ("audio/x-l16", 16000)],
)
def test_another_format_can_not_go_on(encoding: str, rate: int) -> None:
    message = deepcopy(START)
    message["start"]["mediaFormat"] = {"encoding": encoding, "sampleRate": rate}
    error = refused(PlivoProtocol(), message)
    assert (error.code, error.fatal) == ("bad_format", True)
    assert 'contentType="audio/x-mulaw;rate=8000"' in error.message


@pytest.mark.parametrize(
    "path",
    [
        ("start",),
        ("start", "callId"),
        ("start", "streamId"),
        ("start", "mediaFormat"),
        ("start", "mediaFormat", "encoding"),
        ("start", "mediaFormat", "sampleRate"),
    ],
)
def test_a_field_that_is_missing_is_named(path: tuple[str, ...]) -> None:
    protocol = PlivoProtocol()
    error = refused(protocol, without(*path))
    assert (error.code, error.fatal) == ("bad_field", False)
    assert error.message.startswith(".".join(path))
    assert len(receive(protocol, START)) == 1


def test_a_checkpoint_without_a_name() -> None:
    protocol = PlivoProtocol()
    receive(protocol, START)
    assert refused(protocol, {"event": "playedStream"}).code == "bad_field"
    assert receive(protocol, {"event": "playedStream", "name": "m1"}) == [MarkReached("m1")]


def test_a_second_start_leaves_the_stream_as_it_is() -> None:
    protocol = PlivoProtocol()
    receive(protocol, START)
    other = {**START, "start": {**START["start"], "streamId": "other"}}
    assert refused(protocol, other).code == "already_started"
    assert json.loads(protocol.send_clear()[0])["streamId"] == "20170ada"
