import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_core import ProtocolError
from fastrtc_webrtc.channel import (
    LONGEST_MESSAGE,
    PONG,
    AppMessage,
    Inputs,
    Ping,
    Stop,
    error_message,
    parse_message,
)
from fastrtc_webrtc.testing.mutations import mutations


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "ping"}, Ping()),
        ({"type": "ping", "data": "ignored"}, Ping()),
        ({"type": "input", "args": [0.5, "x", None]}, Inputs([0.5, "x", None])),
        ({"type": "input", "args": []}, Inputs([])),
        ({"type": "message", "data": {"any": ["thing"]}}, AppMessage({"any": ["thing"]})),
        ({"type": "message", "data": None}, AppMessage(None)),
        ({"type": "stop"}, Stop()),
    ],
)
def test_messages(message: Any, event: Any) -> None:
    assert parse_message(json.dumps(message)) == event
    assert parse_message(json.dumps(message).encode()) == event


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "not_json"),
        ("ping", "not_json"),
        (b"\xff\xfe", "not_json"),
        ("\ud800", "not_json"),
        ("[]", "not_json"),
        ('{"type": "input", "args": [Infinity]}', "not_json"),
        ("[" * 60_000, "not_json"),
        ("{}", "unknown_type"),
        ('{"type": "send_input"}', "unknown_type"),
        ('{"type": {}}', "unknown_type"),
        ('{"type": "input"}', "bad_field"),
        ('{"type": "input", "args": {}}', "bad_field"),
        ('{"type": "message"}', "bad_field"),
        ("x" * (LONGEST_MESSAGE + 1), "message_too_big"),
        ("é" * (LONGEST_MESSAGE // 2 + 1), "message_too_big"),
    ],
)
def test_wrong_messages_are_never_fatal(message: str | bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_message(message)
    assert (caught.value.code, caught.value.fatal) == (code, False)


def test_the_longest_message() -> None:
    message = json.dumps({"type": "message", "data": "x" * 100})
    assert parse_message(message, longest=len(message)) == AppMessage("x" * 100)
    with pytest.raises(ProtocolError, match=r"where \d+ are allowed"):
        parse_message(message, longest=len(message) - 1)


def test_answers_are_json() -> None:
    assert json.loads(PONG) == {"type": "pong"}
    assert json.loads(error_message(ProtocolError("bad_field", "why"))) == {
        "type": "error",
        "data": "why",
        "code": "bad_field",
    }


@given(st.text() | st.binary())
def test_any_message(message: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_message(message)


def test_mutated_messages() -> None:
    text = json.dumps({"type": "input", "args": [1, "two", {"three": 3}]}, indent=0)
    for mutated in mutations(text, seed=1, count=2000):
        try:
            parse_message(mutated)
        except ProtocolError as error:
            assert not error.fatal  # noqa: PT017 - some of these messages pass
