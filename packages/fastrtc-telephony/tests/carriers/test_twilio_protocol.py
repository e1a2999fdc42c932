import json
from base64 import b64encode
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from fastrtc_core import ProtocolError
from fastrtc_core.audio import ulaw_decode
from fastrtc_telephony.carriers.twilio import TwilioProtocol
from fastrtc_telephony.events import (
    Audio,
    CallEnded,
    CallInfo,
    CallStarted,
    KeyPressed,
    MarkReached,
)
from fastrtc_telephony.lines import Line

CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
START: dict[str, Any] = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "AC0123",
        "streamSid": "MZ18ad",
        "callSid": "CA123f",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"FirstName": "Jane", "fastrtc_token": "abc"},
    },
    "streamSid": "MZ18ad",
}
SOUND = bytes(range(256))


def media(chunk: Any = "1", data: bytes = SOUND, **fields: Any) -> dict[str, Any]:
    return {
        "event": "media",
        "sequenceNumber": "3",
        "media": {
            "track": "inbound",
            "chunk": chunk,
            "timestamp": "5",
            "payload": b64encode(data).decode(),
        },
        "streamSid": "MZ18ad",
        **fields,
    }


def receive(protocol: TwilioProtocol, message: dict[str, Any]) -> list[Any]:
    return list(protocol.receive(json.dumps(message)))


def refused(protocol: TwilioProtocol, message: dict[str, Any]) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        receive(protocol, message)
    return caught.value


def started() -> TwilioProtocol:
    protocol = TwilioProtocol()
    receive(protocol, START)
    return protocol


def altered(*path: str, value: Any) -> dict[str, Any]:
    """START with a field altered; None takes it out."""
    message = deepcopy(START)
    *way, last = path
    found = message
    for name in way:
        found = found[name]
    if value is None:
        del found[last]
    else:
        found[last] = value
    return message


def test_a_conversation() -> None:
    protocol = TwilioProtocol()
    assert receive(protocol, CONNECTED) == []
    info = CallInfo(
        "twilio",
        call_id="CA123f",
        stream_id="MZ18ad",
        caller="",
        called="",
        parameters={"FirstName": "Jane", "fastrtc_token": "abc"},
    )
    assert receive(protocol, START) == [CallStarted(info, Line("mulaw", 8000))]
    (audio,) = receive(protocol, media())
    assert isinstance(audio, Audio)
    np.testing.assert_array_equal(audio.samples, ulaw_decode(SOUND)[np.newaxis])
    mark = {"event": "mark", "streamSid": "MZ18ad", "mark": {"name": "m1"}}
    assert receive(protocol, mark) == [MarkReached("m1")]
    dtmf = {"event": "dtmf", "streamSid": "MZ18ad", "dtmf": {"digit": "#"}}
    assert receive(protocol, dtmf) == [KeyPressed("#")]
    stop = {"event": "stop", "streamSid": "MZ18ad", "stop": {"callSid": "CA123f"}}
    assert receive(protocol, stop) == [CallEnded("the caller has hung up")]


def test_a_call_may_end_before_its_stream_starts() -> None:
    assert receive(TwilioProtocol(), {"event": "stop"}) == [CallEnded("the caller has hung up")]


def test_parameters_may_be_missing() -> None:
    message = altered("start", "customParameters", value=None)
    (event,) = receive(TwilioProtocol(), message)
    assert event.info.parameters == {}


def test_what_is_sent() -> None:
    protocol = started()
    assert [json.loads(one) for one in protocol.send_audio(b"\xff\x7f\x00")] == [
        {"event": "media", "streamSid": "MZ18ad", "media": {"payload": "/38A"}}
    ]
    assert [json.loads(one) for one in protocol.send_clear()] == [
        {"event": "clear", "streamSid": "MZ18ad"}
    ]
    assert [json.loads(one) for one in protocol.send_mark("m7")] == [
        {"event": "mark", "streamSid": "MZ18ad", "mark": {"name": "m7"}}
    ]
    assert list(protocol.send_keys("5")) == []
    assert list(protocol.send_end()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("encoding", "audio/x-alaw"), ("encoding", "audio/l16"), ("sampleRate", 16000)],
)
def test_another_format_can_not_go_on(field: str, value: Any) -> None:
    error = refused(TwilioProtocol(), altered("start", "mediaFormat", field, value=value))
    assert (error.code, error.fatal) == ("bad_format", True)


@pytest.mark.parametrize(
    "path",
    [
        ("start",),
        ("start", "callSid"),
        ("start", "streamSid"),
        ("start", "mediaFormat"),
        ("start", "mediaFormat", "encoding"),
        ("start", "mediaFormat", "sampleRate"),
    ],
)
def test_a_field_that_is_missing_is_named(path: tuple[str, ...]) -> None:
    protocol = TwilioProtocol()
    error = refused(protocol, altered(*path, value=None))
    assert (error.code, error.fatal) == ("bad_field", False)
    assert error.message.startswith(".".join(path))
    assert not protocol.started
    assert len(receive(protocol, START)) == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("start",), "now"),
        (("start", "callSid"), 7),
        (("start", "callSid"), "x" * 4097),
        (("start", "mediaFormat", "sampleRate"), 8000.0),
        (("start", "customParameters"), ["a"]),
        (("start", "customParameters"), {"a": 1}),
        (("start", "customParameters"), {"a": "x" * 4097}),
        (("start", "customParameters"), {str(number): "" for number in range(65)}),
    ],
)
def test_a_wrong_field(path: tuple[str, ...], value: Any) -> None:
    protocol = TwilioProtocol()
    error = refused(protocol, altered(*path, value=value))
    assert (error.code, error.fatal) == ("bad_field", False)
    assert len(receive(protocol, START)) == 1


@pytest.mark.parametrize(
    "message",
    [
        media(),
        {"event": "mark", "mark": {"name": "m1"}},
        {"event": "dtmf", "dtmf": {"digit": "5"}},
    ],
)
def test_another_stream(message: dict[str, Any]) -> None:
    protocol = started()
    error = refused(protocol, {**message, "streamSid": "MZother"})
    assert (error.code, error.fatal) == ("unknown_stream", False)
    assert len(receive(protocol, {**message, "streamSid": "MZ18ad"})) == 1


def test_a_stream_that_is_not_named_is_this_one() -> None:
    message = media()
    del message["streamSid"]
    assert len(receive(started(), message)) == 1


def test_the_sound_of_another_stream_does_not_make_this_one_late() -> None:
    protocol = started()
    refused(protocol, media("9", streamSid="MZother"))
    assert len(receive(protocol, media("1"))) == 1


def test_numbers_may_be_numbers() -> None:
    protocol = started()
    assert len(receive(protocol, media(1))) == 1
    assert refused(protocol, media("1")).code == "out_of_order"


@pytest.mark.parametrize("fields", [{}, {"mark": {}}, {"mark": "m1"}, {"mark": {"name": 1}}])
def test_a_mark_without_a_name(fields: dict[str, Any]) -> None:
    protocol = started()
    assert refused(protocol, {"event": "mark", **fields}).code == "bad_field"
    assert receive(protocol, {"event": "mark", "mark": {"name": ""}}) == [MarkReached("")]


@pytest.mark.parametrize("fields", [{}, {"dtmf": {}}, {"dtmf": {"digit": 5}}])
def test_a_key_without_a_name(fields: dict[str, Any]) -> None:
    protocol = started()
    assert refused(protocol, {"event": "dtmf", **fields}).code == "bad_field"
    lower = {"event": "dtmf", "dtmf": {"digit": "a"}}
    assert receive(protocol, lower) == [KeyPressed("A")]


def test_a_second_start_leaves_the_stream_as_it_is() -> None:
    protocol = started()
    error = refused(protocol, altered("start", "streamSid", value="MZother"))
    assert error.code == "already_started"
    assert json.loads(protocol.send_clear()[0])["streamSid"] == "MZ18ad"
