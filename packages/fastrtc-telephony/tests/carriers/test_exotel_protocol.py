import json
from base64 import b64encode
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from fastrtc_core import ProtocolError
from fastrtc_core.audio import ulaw_decode
from fastrtc_telephony.carriers.exotel import ExotelProtocol
from fastrtc_telephony.events import (
    Audio,
    CallEnded,
    CallInfo,
    CallStarted,
    KeyPressed,
    MarkReached,
)
from fastrtc_telephony.lines import Encoding, Line

START: dict[str, Any] = {
    "event": "start",
    "sequence_number": "1",
    "stream_sid": "MZ18ad",
    "start": {
        "stream_sid": "MZ18ad",
        "call_sid": "CA123f",
        "account_sid": "AC0123",
        "from": "+919876543210",
        "to": "+918047491899",
        "custom_parameters": {"key1": "value1"},
        "media_format": {"encoding": "raw/slin", "sample_rate": "8000", "bit_rate": "16"},
    },
}


def media(chunk: Any, data: bytes) -> dict[str, Any]:
    return {
        "event": "media",
        "sequence_number": "3",
        "stream_sid": "MZ18ad",
        "media": {"chunk": chunk, "timestamp": "200", "payload": b64encode(data).decode()},
    }


def receive(protocol: ExotelProtocol, message: dict[str, Any]) -> list[Any]:
    return list(protocol.receive(json.dumps(message)))


def refused(protocol: ExotelProtocol, message: dict[str, Any]) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        receive(protocol, message)
    return caught.value


def in_format(**fields: Any) -> dict[str, Any]:
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
    protocol = ExotelProtocol()
    assert receive(protocol, {"event": "connected"}) == []
    info = CallInfo(
        "exotel",
        call_id="CA123f",
        stream_id="MZ18ad",
        caller="+919876543210",
        called="+918047491899",
        parameters={"key1": "value1"},
    )
    assert receive(protocol, START) == [CallStarted(info, Line("l16", 8000))]
    (audio,) = receive(protocol, media("2", b"\x01\x02\xff\xff"))
    assert isinstance(audio, Audio)
    assert audio.samples.tolist() == [[0x0201, -1]]
    mark = {"event": "mark", "stream_sid": "MZ18ad", "mark": {"name": "m1"}}
    assert receive(protocol, mark) == [MarkReached("m1")]
    dtmf = {"event": "dtmf", "stream_sid": "MZ18ad", "dtmf": {"digit": "5", "duration": "100"}}
    assert receive(protocol, dtmf) == [KeyPressed("5")]
    stop = {"event": "stop", "stop": {"call_sid": "CA123f", "reason": "callended"}}
    assert receive(protocol, stop) == [CallEnded("callended")]


def test_a_stop_without_a_reason() -> None:
    assert receive(ExotelProtocol(), {"event": "stop"}) == [CallEnded("the caller has hung up")]


@pytest.mark.parametrize("rate", ["8000", 16000, "24000"])
def test_every_rate(rate: Any) -> None:
    (event,) = receive(ExotelProtocol(), in_format(sample_rate=rate))
    assert event.line == Line("l16", int(rate))


@pytest.mark.parametrize(
    ("encoding", "called"),
    [
        ("raw/slin", "l16"),
        ("base64", "l16"),
        ("audio/x-raw", "l16"),  # developer.exotel.com/docs/agentstream/websocket-protocol
        ("audio/L16", "l16"),
        ("audio/x-mulaw", "mulaw"),
        ("mulaw", "mulaw"),
    ],
)
def test_every_name_of_an_encoding(encoding: str, called: Encoding) -> None:
    (event,) = receive(ExotelProtocol(), in_format(encoding=encoding))
    assert event.line == Line(called, 8000)


def test_sound_is_in_sixteen_bits_if_nothing_is_told() -> None:
    (event,) = receive(ExotelProtocol(), without("start", "media_format", "encoding"))
    assert event.line == Line("l16", 8000)


def test_mu_law() -> None:
    protocol = ExotelProtocol()
    receive(protocol, in_format(encoding="audio/x-mulaw"))
    data = bytes(range(255))
    (audio,) = receive(protocol, media(1, data))
    np.testing.assert_array_equal(audio.samples, ulaw_decode(data)[np.newaxis])


@pytest.mark.parametrize(
    "fields", [{"encoding": "opus"}, {"encoding": "audio/x-alaw"}, {"sample_rate": "44100"}]
)
def test_another_format_can_not_go_on(fields: dict[str, Any]) -> None:
    error = refused(ExotelProtocol(), in_format(**fields))
    assert (error.code, error.fatal) == ("bad_format", True)


@pytest.mark.parametrize(
    "path",
    [
        ("start",),
        ("stream_sid",),
        ("start", "call_sid"),
        ("start", "media_format"),
        ("start", "media_format", "sample_rate"),
    ],
)
def test_a_field_that_is_missing_is_named(path: tuple[str, ...]) -> None:
    protocol = ExotelProtocol()
    error = refused(protocol, without(*path))
    assert (error.code, error.fatal) == ("bad_field", False)
    assert error.message.startswith(".".join(path))
    assert len(receive(protocol, START)) == 1


@pytest.mark.parametrize("name", ["from", "to", "custom_parameters"])
def test_a_field_that_may_be_missing(name: str) -> None:
    assert len(receive(ExotelProtocol(), without("start", name))) == 1


def test_half_a_sample_does_not_make_the_whole_one_late() -> None:
    protocol = ExotelProtocol()
    receive(protocol, START)
    assert refused(protocol, media("1", bytes(3201))).code == "bad_length"
    assert len(receive(protocol, media("1", bytes(3200)))) == 1


def test_what_is_sent() -> None:
    protocol = ExotelProtocol()
    receive(protocol, START)
    assert [json.loads(one) for one in protocol.send_audio(b"\xff\x7f\x00")] == [
        {"event": "media", "stream_sid": "MZ18ad", "media": {"payload": "/38A"}}
    ]
    assert [json.loads(one) for one in protocol.send_clear()] == [
        {"event": "clear", "stream_sid": "MZ18ad"}
    ]
    assert [json.loads(one) for one in protocol.send_mark("m7")] == [
        {"event": "mark", "stream_sid": "MZ18ad", "mark": {"name": "m7"}}
    ]
    assert list(protocol.send_keys("5")) == []
    assert list(protocol.send_end()) == []


@pytest.mark.parametrize("encoding", ["raw/slin", "audio/x-mulaw"])
@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_what_is_sent_has_3200_bytes_or_more_in_multiples_of_320(encoding: str, rate: int) -> None:
    protocol = ExotelProtocol()
    receive(protocol, in_format(encoding=encoding, sample_rate=rate))
    size = protocol.line.size(protocol.chunk or 0)
    assert size >= 3200
    assert size % 320 == 0
