"""What all carriers' protocols have in common."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from fastrtc_core import ProtocolError
from fastrtc_telephony.events import Audio, CallEnded, CallEvent, CallStarted, KeyPressed
from fastrtc_telephony.media import MediaProtocol

NO_MESSAGES: dict[str, tuple[str, str]] = {
    "nothing": ("", "not_json"),
    "words": ("hello there", "not_json"),
    "a part": ('{"event": "sta', "not_json"),
    "two": ('{"event": "start"}{}', "not_json"),
    "NaN": ('{"event": "start", "start": NaN}', "not_json"),
    "infinity": ('{"event": "start", "start": -Infinity}', "not_json"),
    "too deep": ('{"event": ' + "[" * 100_000, "not_json"),
    "too many digits": ('{"event": ' + "9" * 10_000 + "}", "not_json"),
    "a byte order mark": ('\ufeff{"event": "start"}', "not_json"),
    "a list": ('[{"event": "start"}]', "not_an_object"),
    "null": ("null", "not_an_object"),
    "a number": ("1e999", "not_an_object"),
    "a text": ('"start"', "not_an_object"),
    "an empty object": ("{}", "unknown_event"),
    "a number as event": ('{"event": 7, "type": 7}', "unknown_event"),
    "a list as event": ('{"event": ["start"], "type": ["open"]}', "unknown_event"),
}


def receive(protocol: MediaProtocol, message: Any) -> Sequence[CallEvent]:
    return protocol.receive(json.dumps(message) if isinstance(message, dict) else message)


def refused(protocol: MediaProtocol, message: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        receive(protocol, message)
    return caught.value


def kinds(events: Sequence[CallEvent]) -> list[type[CallEvent]]:
    return [type(event) for event in events]


def started(talk: Any) -> MediaProtocol:
    protocol: MediaProtocol = talk.make()
    for message in [*talk.before, talk.start]:
        receive(protocol, message)
    assert protocol.started
    return protocol


def test_a_whole_conversation(talk: Any) -> None:
    protocol = talk.make()
    events = [event for message in talk.messages for event in receive(protocol, message)]
    (start,) = (event for event in events if isinstance(event, CallStarted))
    assert start.info.carrier == talk.name
    assert start.line == protocol.line
    sounds = [event for event in events if isinstance(event, Audio)]
    assert [(one.samples.dtype, one.samples.shape) for one in sounds] == [
        (np.int16, (1, 160 // talk.width))
    ] * 2
    assert KeyPressed("5") in events
    ends = [event for event in events if isinstance(event, CallEnded)]
    assert len(ends) == (talk.name not in ("vonage", "asterisk"))


@pytest.mark.parametrize(("text", "code"), NO_MESSAGES.values(), ids=NO_MESSAGES.keys())
def test_what_is_no_message_changes_nothing(talk: Any, text: str, code: str) -> None:
    protocol = talk.make()
    events: list[CallEvent] = []
    for message in talk.messages:
        if talk.name == "asterisk" and text[:1] != "{":  # its texts need not be JSON
            with suppress(ProtocolError):
                assert not receive(protocol, text)
        else:
            error = refused(protocol, text)
            assert not error.fatal
            assert error.code == code or talk.name == "asterisk"
        events += receive(protocol, message)
    assert kinds(events).count(Audio) == 2
    assert kinds(events).count(CallStarted) == 1
    assert KeyPressed("5") in events


def test_sound_before_the_start(talk: Any) -> None:
    protocol = talk.make()
    error = refused(protocol, talk.sound(1, bytes(160)))
    assert (error.code, error.fatal) == ("not_started", False)
    assert CallStarted in kinds(receive(protocol, talk.start))
    assert kinds(receive(protocol, talk.sound(1, bytes(160)))) == [Audio]


def test_keys_before_the_start(talk: Any) -> None:
    protocol = talk.make()
    for message in talk.rest:
        if "dtmf" in str(message).lower():
            assert refused(protocol, message).code == "not_started"


def test_a_second_start(talk: Any) -> None:
    protocol = started(talk)
    receive(protocol, talk.sound(1, bytes(160)))
    again = {**talk.start, "seq": 2} if isinstance(talk.start, dict) else talk.start
    error = refused(protocol, again)
    assert (error.code, error.fatal) == ("already_started", False)
    assert kinds(receive(protocol, talk.sound(2, bytes(160)))) == [Audio]


def test_half_a_sample_changes_nothing(talk: Any) -> None:
    protocol = started(talk)
    message = talk.sound(1, bytes(161))
    if talk.width == 1:
        assert kinds(receive(protocol, message)) == [Audio]
    else:
        error = refused(protocol, message)
        assert (error.code, error.fatal) == ("bad_length", False)
        assert kinds(receive(protocol, talk.sound(1, bytes(160)))) == [Audio]


@pytest.mark.parametrize("payload", ["QUJ", "Q", "QU JD", "QUJD\n", "QUJDé", "====", "-_8="])
def test_a_wrong_payload_changes_nothing(json_talk: Any, payload: str) -> None:
    message = json_talk.sound(1, bytes(160))
    protocol = started(json_talk)
    wrong = {**message, "media": {**message["media"], "payload": payload}}
    error = refused(protocol, wrong)
    assert (error.code, error.fatal) == ("bad_base64", False)
    assert kinds(receive(protocol, message)) == [Audio]


@pytest.mark.parametrize("payload", [None, 7, ["QUJD"], {}])
def test_a_payload_that_is_no_text(json_talk: Any, payload: Any) -> None:
    message = json_talk.sound(1, bytes(160))
    protocol = started(json_talk)
    wrong = {**message, "media": {**message["media"], "payload": payload}}
    assert refused(protocol, wrong).code == "bad_field"
    assert kinds(receive(protocol, message)) == [Audio]


def test_late_sound_is_left_out(json_talk: Any) -> None:
    protocol = started(json_talk)
    receive(protocol, json_talk.sound(5, bytes(160)))
    for late in (5, 4, 0):
        error = refused(protocol, json_talk.sound(late, bytes(160)))
        assert (error.code, error.fatal) == ("out_of_order", False)
    assert kinds(receive(protocol, json_talk.sound(6, bytes(160)))) == [Audio]
    assert kinds(receive(protocol, json_talk.sound(9, bytes(160)))) == [Audio]


@pytest.mark.parametrize(
    "number", [None, True, 1.0, -1, "-1", "one", "", "\u0661", "1" * 16, 10**16]
)
def test_a_number_that_is_none(json_talk: Any, number: Any) -> None:
    message = json_talk.sound(1, bytes(160))
    protocol = started(json_talk)
    wrong = {**message, "media": {**message["media"], "chunk": number}}
    assert refused(protocol, wrong).code == "bad_field"
    assert kinds(receive(protocol, message)) == [Audio]


def test_the_other_direction_is_not_heard(json_talk: Any) -> None:
    message = json_talk.sound(1, bytes(160))
    protocol = started(json_talk)
    outbound = {**message, "media": {**message["media"], "track": "outbound"}}
    assert not receive(protocol, outbound)
    assert kinds(receive(protocol, message)) == [Audio]


def test_bytes_where_there_are_none(json_talk: Any) -> None:
    protocol = json_talk.make()
    assert refused(protocol, json.dumps(json_talk.start).encode()).code == "not_text"
    receive(protocol, json_talk.start)
    error = refused(protocol, bytes(160))
    assert (error.code, error.fatal) == ("not_text", False)
    assert kinds(receive(protocol, json_talk.sound(1, bytes(160)))) == [Audio]


def test_no_sound_is_sound_of_no_length(talk: Any) -> None:
    (event,) = receive(started(talk), talk.sound(1, b""))
    assert isinstance(event, Audio)
    assert event.samples.shape == (1, 0)


def test_new_kinds_of_messages_are_ignored(talk: Any) -> None:
    protocol = started(talk)
    first = talk.rest[0]
    new = {**first, talk.kind: "hologram"} if isinstance(first, dict) else "HOLOGRAM a:1"
    assert not receive(protocol, new)
    assert kinds(receive(protocol, talk.sound(1, bytes(160)))) == [Audio]


@pytest.mark.parametrize("key", "0123456789*#ABCD")
def test_every_key(talk: Any, key: str) -> None:
    protocol = started(talk)
    (message,) = (one for one in talk.rest if "dtmf" in str(one).lower())
    pressed = json.loads(json.dumps(message).replace(":5 ", f":{key} ").replace('"5"', f'"{key}"'))
    assert list(receive(protocol, pressed)) == [KeyPressed(key)]


@pytest.mark.parametrize("key", ["", "55", "E", "ß", "½", "x" * 5000])
def test_no_such_key(talk: Any, key: str) -> None:
    protocol = started(talk)
    (message,) = (one for one in talk.rest if "dtmf" in str(one).lower())
    text = json.dumps(message, ensure_ascii=False)
    wrong = json.loads(text.replace(":5 ", f":{key} ").replace('"5"', f'"{key}"'))
    error = refused(protocol, wrong)
    assert (error.code, error.fatal) == ("bad_field", False)
    assert list(receive(protocol, message)) == [KeyPressed("5")]
