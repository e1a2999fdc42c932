import json
from base64 import b64encode
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from fastrtc_core import ProtocolError
from fastrtc_core.audio import alaw_decode, ulaw_decode
from fastrtc_telephony.carriers.telnyx import TelnyxProtocol
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
    "event": "start",
    "sequence_number": "1",
    "start": {
        "user_id": "3e6f995f",
        "call_control_id": "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
        "call_session_id": "ff55a038",
        "from": "+13122010094",
        "to": "+13122123456",
        "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d",
        "custom_parameters": {"first_name": "Bob"},
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
    },
    "stream_id": "32de0dea",
}


def media(chunk: Any, data: bytes, track: str = "inbound") -> dict[str, Any]:
    payload = b64encode(data).decode()
    return {
        "event": "media",
        "sequence_number": "4",
        "media": {"track": track, "chunk": chunk, "timestamp": "5", "payload": payload},
        "stream_id": "32de0dea",
    }


def receive(protocol: TelnyxProtocol, message: dict[str, Any]) -> list[Any]:
    return list(protocol.receive(json.dumps(message)))


def refused(protocol: TelnyxProtocol, message: dict[str, Any]) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        receive(protocol, message)
    return caught.value


def start(**fields: Any) -> dict[str, Any]:
    """START with fields of its format altered."""
    message = deepcopy(START)
    message["start"]["media_format"] |= fields
    return message


def without(*path: str) -> dict[str, Any]:
    message = deepcopy(START)
    *way, last = path
    found = message
    for name in way:
        found = found[name]
    del found[last]
    return message


def test_a_conversation() -> None:
    protocol = TelnyxProtocol()
    assert receive(protocol, {"event": "connected", "version": "1.0.0"}) == []
    info = CallInfo(
        "telnyx",
        call_id="v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
        stream_id="32de0dea",
        caller="+13122010094",
        called="+13122123456",
        parameters={"first_name": "Bob"},
    )
    assert receive(protocol, START) == [CallStarted(info, Line("mulaw", 8000))]
    data = bytes(range(256))
    (audio,) = receive(protocol, media("2", data))
    assert isinstance(audio, Audio)
    np.testing.assert_array_equal(audio.samples, ulaw_decode(data)[np.newaxis])
    assert receive(protocol, media("3", data, "outbound")) == []
    assert receive(protocol, {"event": "mark", "mark": {"name": "m1"}}) == [MarkReached("m1")]
    assert receive(protocol, {"event": "dtmf", "dtmf": {"digit": "1"}}) == [KeyPressed("1")]
    stop = {"event": "stop", "stop": {"reason": "hangup"}, "stream_id": "32de0dea"}
    assert receive(protocol, stop) == [CallEnded("the caller has hung up")]


def test_a_law() -> None:
    protocol = TelnyxProtocol()
    (event,) = receive(protocol, start(encoding="PCMA"))
    assert event.line == Line("alaw", 8000)
    data = bytes(range(256))
    (audio,) = receive(protocol, media(1, data))
    np.testing.assert_array_equal(audio.samples, alaw_decode(data)[np.newaxis])


@pytest.mark.parametrize("rate", [8000, 16000, 24000, "16000"])
def test_sixteen_bits_little_endian(rate: int | str) -> None:
    protocol = TelnyxProtocol()
    (event,) = receive(protocol, start(encoding="L16", sample_rate=rate))
    assert event.line == Line("l16", int(rate))
    (audio,) = receive(protocol, media(1, b"\x01\x02\xff\xff"))
    assert audio.samples.tolist() == [[0x0201, -1]]


def test_what_is_sent() -> None:
    protocol = TelnyxProtocol()
    receive(protocol, START)
    assert [json.loads(one) for one in protocol.send_audio(b"\xff\x7f\x00")] == [
        {"event": "media", "media": {"payload": "/38A"}}
    ]
    assert [json.loads(one) for one in protocol.send_clear()] == [{"event": "clear"}]
    assert [json.loads(one) for one in protocol.send_mark("m7")] == [
        {"event": "mark", "mark": {"name": "m7"}}
    ]
    assert list(protocol.send_keys("5")) == []
    assert list(protocol.send_end()) == []


@pytest.mark.parametrize(
    "fields",
    [{"encoding": "OPUS"}, {"encoding": "pcmu"}, {"sample_rate": 48000}, {"sample_rate": 0}],
)
def test_another_format_can_not_go_on(fields: dict[str, Any]) -> None:
    error = refused(TelnyxProtocol(), start(**fields))
    assert (error.code, error.fatal) == ("bad_format", True)


@pytest.mark.parametrize(
    "path",
    [
        ("start",),
        ("stream_id",),
        ("start", "call_control_id"),
        ("start", "media_format"),
        ("start", "media_format", "encoding"),
        ("start", "media_format", "sample_rate"),
    ],
)
def test_a_field_that_is_missing_is_named(path: tuple[str, ...]) -> None:
    protocol = TelnyxProtocol()
    error = refused(protocol, without(*path))
    assert (error.code, error.fatal) == ("bad_field", False)
    assert error.message.startswith(".".join(path))
    assert len(receive(protocol, START)) == 1


@pytest.mark.parametrize("name", ["from", "to", "custom_parameters"])
def test_a_field_that_may_be_missing(name: str) -> None:
    assert len(receive(TelnyxProtocol(), without("start", name))) == 1


def test_half_a_sample_does_not_make_the_whole_one_late() -> None:
    protocol = TelnyxProtocol()
    receive(protocol, start(encoding="L16"))
    assert refused(protocol, media("1", bytes(3))).code == "bad_length"
    assert len(receive(protocol, media("1", bytes(4)))) == 1


@pytest.mark.parametrize("early", [True, False])
def test_an_error_of_theirs_is_told_and_the_call_goes_on(early: bool) -> None:
    protocol = TelnyxProtocol()
    if not early:
        receive(protocol, START)
    message = {
        "event": "error",
        "payload": {"code": 100003, "title": "malformed_frame", "detail": "no payload"},
    }
    error = refused(protocol, message)
    assert (error.code, error.fatal) == ("carrier_error", False)
    assert "malformed_frame: no payload" in error.message
    assert len(receive(protocol, media("1", b"") if protocol.started else START)) == 1


def test_an_error_of_theirs_without_words() -> None:
    assert refused(TelnyxProtocol(), {"event": "error"}).code == "carrier_error"
