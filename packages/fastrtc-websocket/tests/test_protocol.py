import json
from base64 import b64encode
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_core import AudioFrame, ConcurrencyLimitError, IdInUseError, Limits, ProtocolError
from fastrtc_core.audio import ulaw_decode
from fastrtc_websocket.events import (
    Audio,
    ClientMessage,
    Inputs,
    Ping,
    Played,
    Started,
    StartOptions,
    Stopped,
)
from fastrtc_websocket.protocol import RATES, ServerProtocol, close_code

NEGOTIATED = {"event": "start", "encoding": "pcm16", "rate": 24000}


def started(**fields: Any) -> ServerProtocol:
    """A protocol after its start message: the documented one if no encoding is given."""
    protocol = ServerProtocol(Limits())
    protocol.receive_text(json.dumps({"event": "start", **fields}), 0.0)
    return protocol


def receive(protocol: ServerProtocol, message: Any) -> Any:
    if isinstance(message, bytes):
        return protocol.receive_bytes(message, 0.0)
    return protocol.receive_text(message if isinstance(message, str) else json.dumps(message), 0.0)


def media(data: bytes) -> dict[str, Any]:
    return {"event": "media", "media": {"payload": b64encode(data).decode()}}


def refused(protocol: ServerProtocol, message: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        receive(protocol, message)
    return caught.value


# Start


def test_documented_start() -> None:
    event = receive(ServerProtocol(Limits()), '{"event":"start","websocket_id":"k3x9q"}')
    assert event == Started(StartOptions("k3x9q", "mulaw", None, 1, False))


def test_documented_start_without_an_id() -> None:
    assert receive(ServerProtocol(Limits()), {"event": "start"}) == Started(StartOptions())


def test_negotiated_start() -> None:
    event = receive(
        ServerProtocol(Limits()),
        {
            "event": "start",
            "websocket_id": "mine",
            "encoding": "pcm16",
            "rate": 48000,
            "channels": 2,
            "binary": True,
            "wants": ["speech"],
            "metadata": {"name": "Ada"},
        },
    )
    options = StartOptions("mine", "pcm16", 48000, 2, True, frozenset({"speech"}), {"name": "Ada"})
    assert event == Started(options)


@pytest.mark.parametrize("rate", RATES)
def test_every_rate_can_be_negotiated(rate: int) -> None:
    event = receive(ServerProtocol(Limits()), {**NEGOTIATED, "rate": rate})
    assert event.options.rate == rate


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("encoding", "opus"),
        ("encoding", None),
        ("rate", 12345),
        ("rate", 24000.0),
        ("rate", "24000"),
        ("rate", None),
        ("channels", 3),
        ("channels", True),
        ("binary", 1),
        ("wants", "speech"),
        ("wants", [1]),
        ("wants", [["speech"]]),
        ("metadata", []),
        ("metadata", None),
        ("websocket_id", 7),
        ("websocket_id", ""),
        ("websocket_id", "x" * 129),
        ("websocket_id", "two\nlines"),
    ],
)
def test_a_wrong_field_in_start_is_named_and_start_may_be_sent_again(
    field: str, value: Any
) -> None:
    protocol = ServerProtocol(Limits())
    error = refused(protocol, {**NEGOTIATED, field: value})
    assert (error.code, error.fatal) == ("bad_field", False)
    assert error.message.startswith(field)
    assert isinstance(receive(protocol, NEGOTIATED), Started)


def test_a_second_start_changes_nothing() -> None:
    protocol = started()
    assert refused(protocol, NEGOTIATED).code == "already_started"
    assert receive(protocol, media(b"\xff")).samples.tolist() == [[0]]


# Sound


def test_documented_sound_is_mu_law() -> None:
    codes = bytes(range(256))
    event = receive(started(), media(codes))
    assert isinstance(event, Audio)
    np.testing.assert_array_equal(event.samples, ulaw_decode(codes)[np.newaxis])


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
def test_pcm16_is_interleaved_little_endian(channels: int, binary: bool) -> None:
    protocol = started(encoding="pcm16", rate=8000, channels=channels, binary=binary)
    data = bytes([0, 1, 2, 3, 255, 255, 0, 128])
    samples = receive(protocol, data if binary else media(data)).samples
    assert samples.dtype == np.int16
    assert samples.flags.writeable
    assert samples.flags.c_contiguous
    expected = [[256, 770, -1, -32768]] if channels == 1 else [[256, -1], [770, -32768]]
    assert samples.tolist() == expected


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("encoding", ["pcm16", "mulaw"])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_out_is_read_as_sound_in(encoding: str, channels: int, binary: bool) -> None:
    protocol = started(encoding=encoding, rate=8000, channels=channels, binary=binary)
    levels = ulaw_decode(bytes(range(128, 256)))  # which mu-law keeps as they are
    frame = AudioFrame(levels.reshape(channels, -1), 8000)
    message = protocol.send_audio(frame)
    assert isinstance(message, bytes) is binary
    np.testing.assert_array_equal(receive(protocol, message).samples, frame.samples)


def test_documented_sound_out() -> None:
    message = started().send_audio(AudioFrame(np.zeros((1, 3), np.int16), 24000))
    assert message == '{"event":"media","media":{"payload":"////"}}'


def test_no_sound_is_no_error() -> None:
    assert receive(started(), media(b"")).samples.shape == (1, 0)
    assert receive(started(**NEGOTIATED, channels=2, binary=True), b"").samples.shape == (2, 0)


# Everything else


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"event": "played", "position": 1.5}, Played(1.5)),
        ({"event": "played", "position": 0}, Played(0)),
        ({"event": "message", "data": {"a": [1, None]}}, ClientMessage({"a": [1, None]})),
        ({"event": "message", "data": None}, ClientMessage(None)),
        ({"event": "input", "args": [0.5, "x"]}, Inputs([0.5, "x"])),
        ({"event": "ping"}, Ping('{"event":"pong"}')),
        ({"event": "stop"}, Stopped()),
    ],
)
def test_events(message: Any, event: Any) -> None:
    assert receive(started(), message) == event


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "not_json"),
        ("start", "not_json"),
        ('{"event":"played","position":NaN}', "not_json"),
        ('{"event":"played","position":' + "9" * 5000 + "}", "not_json"),
        ("[" * 100_000, "not_json"),
        ("null", "not_an_object"),
        ('["media"]', "not_an_object"),
        ("{}", "unknown_event"),
        ({"event": "Media"}, "unknown_event"),
        ({"event": ["media"]}, "unknown_event"),
        ({"event": "media"}, "bad_media"),
        ({"event": "media", "media": "AAAA"}, "bad_media"),
        ({"event": "media", "media": {"payload": [1, 2]}}, "bad_media"),
        ({"event": "media", "media": {"payload": "AAA"}}, "bad_base64"),
        ({"event": "media", "media": {"payload": "AA=A"}}, "bad_base64"),
        ({"event": "media", "media": {"payload": "AA A"}}, "bad_base64"),
        ({"event": "media", "media": {"payload": "ÄÄÄÄ"}}, "bad_base64"),
        (b"\xff", "not_negotiated"),
        ({"event": "played"}, "bad_field"),
        ({"event": "played", "position": "1"}, "bad_field"),
        ({"event": "played", "position": True}, "bad_field"),
        ({"event": "played", "position": -1}, "bad_field"),
        ('{"event":"played","position":1e999}', "bad_field"),
        ({"event": "message"}, "bad_field"),
        ({"event": "input", "args": {"a": 1}}, "bad_field"),
    ],
)
def test_a_wrong_message_is_refused_and_the_next_one_taken(message: Any, code: str) -> None:
    protocol = started()
    error = refused(protocol, message)
    assert (error.code, error.fatal) == (code, False)
    assert len(error.message) < 200
    assert isinstance(receive(protocol, media(b"\xff")), Audio)


@pytest.mark.parametrize("binary", [False, True])
def test_half_a_sample_is_refused(binary: bool) -> None:
    protocol = started(**NEGOTIATED, channels=2, binary=binary)
    for length in (1, 2, 3, 5):
        data = bytes(length)
        assert refused(protocol, data if binary else media(data)).code == "bad_length"


def test_text_media_are_refused_where_binary_was_negotiated() -> None:
    assert refused(started(**NEGOTIATED, binary=True), media(b"\0\0")).code == "not_negotiated"


@pytest.mark.parametrize(
    "message", [media(b"\xff"), b"\0\0", {"event": "message"}, {"event": "input", "args": []}]
)
def test_before_start(message: Any) -> None:
    protocol = ServerProtocol(Limits())
    assert refused(protocol, message).code == "not_started"
    assert receive(protocol, {"event": "ping"}) == Ping('{"event":"pong"}')
    assert isinstance(receive(protocol, {"event": "start"}), Started)


# Limits


def test_the_longest_message_counts_in_bytes() -> None:
    protocol = ServerProtocol(Limits(message_bytes=100))
    start = '{"event":"start","metadata":{"m":"%s"}}'
    assert receive(protocol, start % ("x" * (102 - len(start))))
    error = refused(protocol, start % ("é" * (102 - len(start))))
    assert (error.code, error.fatal) == ("message_too_big", True)
    assert refused(protocol, bytes(101)).code == "message_too_big"
    assert close_code(error) == 1009


def test_messages_per_second_are_averaged_over_two_seconds() -> None:
    protocol = ServerProtocol(Limits(messages_per_second=10))
    for index in range(20):
        protocol.receive_text('{"event":"ping"}', 100 + index / 1000)
    with pytest.raises(ProtocolError) as caught:
        protocol.receive_text('{"event":"ping"}', 100.02)
    assert (caught.value.code, caught.value.fatal) == ("too_many_messages", True)
    assert close_code(caught.value) == 1008


def test_the_rate_allowed_may_go_on_for_ever() -> None:
    protocol = ServerProtocol(Limits(messages_per_second=10))
    for index in range(1000):
        protocol.receive_text('{"event":"ping"}', index * 0.1)


def test_wrong_messages_count_too() -> None:
    protocol = ServerProtocol(Limits(messages_per_second=5))
    codes = [refused(protocol, b"").code for _ in range(11)]
    assert codes == ["not_started"] * 10 + ["too_many_messages"]


# Answers


def test_refusals() -> None:
    protocol = ServerProtocol(Limits())
    limit = ConcurrencyLimitError(10)
    assert json.loads(protocol.send_refused(limit)) == {
        "status": "failed",
        "meta": {"error": "concurrency_limit_reached", "limit": 10},
    }
    assert close_code(limit) == 1013
    in_use = IdInUseError("x")
    assert json.loads(protocol.send_refused(in_use)) == {
        "status": "failed",
        "meta": {"error": "id_in_use"},
    }
    assert close_code(in_use) == 1008


def test_other_answers() -> None:
    protocol = started(**NEGOTIATED, binary=True)
    assert json.loads(protocol.send_started("abc")) == {
        "event": "started",
        "websocket_id": "abc",
        "encoding": "pcm16",
        "rate": 24000,
        "channels": 1,
        "binary": True,
    }
    assert json.loads(protocol.send_clear()) == {"event": "clear"}
    assert json.loads(protocol.send_error(ProtocolError("code", "words"))) == {
        "type": "error",
        "data": "words",
        "code": "code",
    }


# Anything at all

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ("websocket_id", "encoding", "rate", "channels", "binary", "wants", "metadata")
EVENTS = ("start", "media", "played", "message", "input", "ping", "stop")
NEARLY = st.fixed_dictionaries(
    {"event": st.sampled_from(EVENTS) | ANY_JSON},
    optional={
        "media": st.fixed_dictionaries({"payload": ANY_JSON}) | ANY_JSON,
        "position": ANY_JSON,
        "data": ANY_JSON,
        "args": ANY_JSON,
        **dict.fromkeys(FIELDS, ANY_JSON),
    },
)


@given(st.lists(st.text() | st.binary() | NEARLY, max_size=8), st.booleans())
def test_nothing_but_a_protocol_error_comes_of_any_message(
    messages: list[Any], begun: bool
) -> None:
    protocol = started(**NEGOTIATED, binary=True) if begun else ServerProtocol(Limits())
    for message in messages:
        with suppress(ProtocolError):
            receive(protocol, message)
    protocol.receive_text('{"event":"ping"}', 1.0)
