import json
from typing import get_args

from fastrtc_core import Message
from fastrtc_core.messages import FETCH_OUTPUT, SEND_INPUT, LogEvent, MessageType


def test_a_message_is_type_and_data() -> None:
    assert json.loads(Message("log", "pause_detected").to_json()) == {
        "type": "log",
        "data": "pause_detected",
    }


def test_constant_messages_are_those_of_fastrtc() -> None:
    assert json.loads(SEND_INPUT.to_json()) == {"type": "send_input", "data": []}
    assert json.loads(FETCH_OUTPUT.to_json()) == {"type": "fetch_output", "data": []}


def test_the_documented_types_exist() -> None:
    documented = {"send_input", "fetch_output", "stopword", "error", "warning", "log", "end_stream"}
    assert documented <= set(get_args(MessageType))
    assert {"pause_detected", "response_starting", "started_talking"} <= set(get_args(LogEvent))
