import json
from typing import Any

import pytest

from fastrtc_core import ProtocolError
from fastrtc_telephony.carriers.vonage import VonageProtocol
from fastrtc_telephony.events import Audio, CallInfo, CallStarted, KeyPressed, MarkReached
from fastrtc_telephony.lines import Line
from fastrtc_telephony.media import LONGEST_PARAMETER, MOST_PARAMETERS

CONNECTED: dict[str, Any] = {
    "event": "websocket:connected",
    "content-type": "audio/l16;rate=16000",
    "call_id": "63f61863",
    "from": "447700900000",
    "to": "447700900001",
    "prop1": "value1",
}


def receive(protocol: VonageProtocol, message: dict[str, Any] | bytes) -> list[Any]:
    return list(protocol.receive(message if isinstance(message, bytes) else json.dumps(message)))


def refused(protocol: VonageProtocol, message: dict[str, Any] | bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        receive(protocol, message)
    return caught.value


def started() -> VonageProtocol:
    protocol = VonageProtocol()
    receive(protocol, CONNECTED)
    return protocol


def test_a_conversation() -> None:
    protocol = VonageProtocol()
    info = CallInfo(
        "vonage",
        call_id="63f61863",
        stream_id="",
        caller="447700900000",
        called="447700900001",
        parameters={
            "call_id": "63f61863",
            "from": "447700900000",
            "to": "447700900001",
            "prop1": "value1",
        },
    )
    assert receive(protocol, CONNECTED) == [CallStarted(info, Line("l16", 16000))]
    (audio,) = receive(protocol, b"\x01\x02\xff\xff" * 160)
    assert isinstance(audio, Audio)
    assert audio.samples.tolist() == [[0x0201, -1] * 160]
    notify = {"event": "websocket:notify", "payload": {"mark": "m1"}}
    assert receive(protocol, notify) == [MarkReached("m1")]
    assert receive(protocol, {"event": "websocket:cleared"}) == []
    dtmf = {"event": "websocket:dtmf", "digit": "5", "duration": 260}
    assert receive(protocol, dtmf) == [KeyPressed("5")]


@pytest.mark.parametrize(
    ("content_type", "rate"),
    [
        ("audio/l16;rate=8000", 8000),
        ("audio/l16;rate=16000", 16000),
        ("audio/l16;rate=24000", 24000),
        ("audio/L16; rate=16000", 16000),
    ],
)
def test_every_rate(content_type: str, rate: int) -> None:
    (event,) = receive(VonageProtocol(), {**CONNECTED, "content-type": content_type})
    assert event.line == Line("l16", rate)


@pytest.mark.parametrize("content_type", ["audio/l16;rate=48000", "audio/l16", "", "audio/pcmu"])
def test_another_format_can_not_go_on(content_type: str) -> None:
    error = refused(VonageProtocol(), {**CONNECTED, "content-type": content_type})
    assert (error.code, error.fatal) == ("bad_format", True)


@pytest.mark.parametrize("content_type", [None, 16000, ["audio/l16;rate=16000"]])
def test_a_format_that_is_not_told(content_type: Any) -> None:
    protocol = VonageProtocol()
    error = refused(protocol, {**CONNECTED, "content-type": content_type})
    assert (error.code, error.fatal) == ("bad_field", False)
    assert len(receive(protocol, CONNECTED)) == 1


def test_a_call_without_headers() -> None:
    message = {"event": "websocket:connected", "content-type": "audio/l16;rate=8000"}
    assert receive(VonageProtocol(), message) == [
        CallStarted(CallInfo("vonage", ""), Line("l16", 8000))
    ]


def test_headers_that_are_no_texts_are_left_out() -> None:
    (event,) = receive(VonageProtocol(), {**CONNECTED, "prop1": {"a": 1}, "call_id": 7})
    assert event.info.parameters == {"from": "447700900000", "to": "447700900001"}
    assert event.info.call_id == ""


def test_headers_are_not_too_many() -> None:
    many = {f"x{number}": "" for number in range(100)}
    (event,) = receive(VonageProtocol(), CONNECTED | many)
    assert len(event.info.parameters) <= MOST_PARAMETERS


def test_a_header_that_is_too_long() -> None:
    protocol = VonageProtocol()
    error = refused(protocol, {**CONNECTED, "prop1": "x" * (LONGEST_PARAMETER + 1)})
    assert (error.code, error.fatal) == ("bad_field", False)
    assert len(receive(protocol, CONNECTED)) == 1


def test_what_is_sent() -> None:
    protocol = started()
    assert list(protocol.send_audio(bytes(640))) == [bytes(640)]
    assert [json.loads(one) for one in protocol.send_clear()] == [{"action": "clear"}]
    assert [json.loads(one) for one in protocol.send_mark("m7")] == [
        {"action": "notify", "payload": {"mark": "m7"}}
    ]
    assert list(protocol.send_keys("5")) == []
    assert list(protocol.send_end()) == []
    assert protocol.line.size(protocol.chunk or 0) == 640


@pytest.mark.parametrize("fields", [{}, {"payload": {}}, {"payload": "m1"}, {"payload": [1]}])
def test_a_mark_without_a_name(fields: dict[str, Any]) -> None:
    protocol = started()
    assert refused(protocol, {"event": "websocket:notify", **fields}).code == "bad_field"
    assert len(receive(protocol, bytes(640))) == 1


def test_a_second_start_leaves_the_line_as_it_is() -> None:
    protocol = started()
    other = {**CONNECTED, "content-type": "audio/l16;rate=8000"}
    assert refused(protocol, other).code == "already_started"
    assert protocol.line == Line("l16", 16000)


def test_an_odd_number_of_bytes() -> None:
    protocol = started()
    error = refused(protocol, bytes(641))
    assert (error.code, error.fatal) == ("bad_length", False)
    assert len(receive(protocol, bytes(640))) == 1
