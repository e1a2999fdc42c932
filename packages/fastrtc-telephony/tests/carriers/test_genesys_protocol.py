import json
import sys
from typing import Any

import numpy as np
import pytest

from fastrtc_core import ProtocolError
from fastrtc_core.audio import ulaw_decode
from fastrtc_telephony.carriers.genesys import GenesysProtocol
from fastrtc_telephony.events import Audio, CallEnded, CallInfo, CallStarted, KeyPressed, Reply
from fastrtc_telephony.lines import Line

SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"
CONVERSATION = "090eaa2f-72fa-480a-83e0-8667ff89c0ec"
ALONE = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
BOTH = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
INTERNAL = {"type": "audio", "format": "PCMU", "channels": ["internal"], "rate": 8000}


def message(kind: str, seq: Any, parameters: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "version": "2",
        "type": kind,
        "seq": seq,
        "serverseq": 0,
        "id": SESSION,
        "position": "PT0S",
        "parameters": {} if parameters is None else parameters,
        **fields,
    }


def opening(*media: Any, seq: int = 1, **parameters: Any) -> dict[str, Any]:
    given = {
        "organizationId": "d7934305-0972-4844-938e-9060eef73d05",
        "conversationId": CONVERSATION,
        "participant": {
            "id": "883efee8-3d6c-4537-b500-6d7ca4b92fa0",
            "ani": "+1-555-555-1234",
            "aniName": "John Doe",
            "dnis": "+1-800-555-6789",
        },
        "media": list(media) or [BOTH, ALONE, INTERNAL],
        "language": "en-US",
        "inputVariables": {"room": "7"},
        **parameters,
    }
    return message("open", seq, given)


def receive(protocol: GenesysProtocol, data: dict[str, Any] | bytes) -> list[Any]:
    return list(protocol.receive(data if isinstance(data, bytes) else json.dumps(data)))


def refused(protocol: GenesysProtocol, data: dict[str, Any] | bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        receive(protocol, data)
    return caught.value


def reply(event: Any) -> Any:
    assert isinstance(event, Reply)
    return json.loads(event.message)


def answer(kind: str, seq: int, clientseq: int, parameters: Any) -> dict[str, Any]:
    return {
        "version": "2",
        "type": kind,
        "seq": seq,
        "clientseq": clientseq,
        "id": SESSION,
        "parameters": parameters,
    }


def opened(*media: Any) -> GenesysProtocol:
    protocol = GenesysProtocol()
    receive(protocol, opening(*media))
    return protocol


def test_a_conversation() -> None:
    protocol = GenesysProtocol()
    first, second = receive(protocol, opening())
    assert reply(first) == answer("opened", 1, 1, {"startPaused": False, "media": [ALONE]})
    info = CallInfo(
        "genesys",
        call_id=CONVERSATION,
        stream_id=SESSION,
        caller="+1-555-555-1234",
        called="+1-800-555-6789",
        parameters={"room": "7"},
    )
    assert second == CallStarted(info, Line("mulaw", 8000))
    data = bytes(range(256))
    (audio,) = receive(protocol, data)
    assert isinstance(audio, Audio)
    np.testing.assert_array_equal(audio.samples, ulaw_decode(data)[np.newaxis])
    (pong,) = receive(protocol, message("ping", 2, {"rtt": "PT0.064S"}))
    assert reply(pong) == answer("pong", 2, 2, {})
    assert receive(protocol, message("dtmf", 3, {"digit": "5"})) == [KeyPressed("5")]
    assert receive(protocol, message("playback_started", 4)) == []
    closed, ended = receive(protocol, message("close", 5, {"reason": "end"}))
    assert reply(closed) == answer("closed", 3, 5, {})
    assert ended == CallEnded("end")


def test_the_caller_alone_is_chosen_whatever_comes_first() -> None:
    for offer in ([ALONE, BOTH], [BOTH, ALONE], [INTERNAL, ALONE]):
        first, _ = receive(GenesysProtocol(), opening(*offer))
        assert reply(first)["parameters"]["media"] == [ALONE]


def test_both_channels_are_taken_if_there_is_nothing_else() -> None:
    first, _ = receive(GenesysProtocol(), opening(INTERNAL, BOTH))
    assert reply(first)["parameters"]["media"] == [BOTH]


@pytest.mark.parametrize(
    ("channels", "caller"), [(["external", "internal"], 0), (["internal", "external"], 1)]
)
def test_of_both_channels_the_caller_is_heard(channels: list[str], caller: int) -> None:
    protocol = opened({**BOTH, "channels": channels})
    data = np.arange(200, dtype=np.uint8)
    (audio,) = receive(protocol, data.tobytes())
    assert audio.samples.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(audio.samples, ulaw_decode(data[caller::2].tobytes())[np.newaxis])


def test_half_a_sample_of_both_channels() -> None:
    protocol = opened(BOTH)
    error = refused(protocol, bytes(161))
    assert (error.code, error.fatal) == ("bad_length", False)
    (audio,) = receive(protocol, bytes(160))
    assert audio.samples.shape == (1, 80)


def test_no_sound_of_both_channels() -> None:
    (audio,) = receive(opened(BOTH), b"")
    assert audio.samples.shape == (1, 0)


@pytest.mark.parametrize(
    "media",
    [
        None,
        {},
        "PCMU",
        [],
        [None, 7],
        [INTERNAL],
        [{**ALONE, "format": "L16"}],
        [{**ALONE, "rate": 16000}],
        [{**ALONE, "channels": "external"}],
        [{**ALONE, "channels": ["external", "internal", "external"]}],
        [{**ALONE, "channels": ["external", ["internal"]]}],
        [{**ALONE, "channels": ["external", {"a": 1}]}],
    ],
)
def test_an_offer_without_the_caller_can_not_go_on(media: Any) -> None:
    given = opening()
    given["parameters"]["media"] = media
    error = refused(GenesysProtocol(), given)
    assert (error.code, error.fatal) == ("bad_format", True)


def test_an_offer_as_deep_as_can_be_read() -> None:
    for depth in range(sys.getrecursionlimit()):
        deep = "[" * depth + "]" * depth
        text = json.dumps(opening({**ALONE, "channels": ["external", "?"]})).replace('"?"', deep)
        if depth:
            with pytest.raises(ProtocolError):
                GenesysProtocol().receive(text)


def test_a_probe_is_answered_and_is_no_call() -> None:
    protocol = GenesysProtocol()
    probe = opening(conversationId="00000000-0000-0000-0000-000000000000")
    (first,) = receive(protocol, probe)
    assert reply(first) == answer("opened", 1, 1, {"startPaused": False, "media": [ALONE]})
    closed, ended = receive(protocol, message("close", 2, {"reason": "end"}))
    assert reply(closed) == answer("closed", 2, 2, {})
    assert ended == CallEnded("end")


def test_what_is_sent_counts_up_and_tells_what_was_heard() -> None:
    protocol = opened()
    assert list(protocol.send_audio(b"\xff\x7f")) == [b"\xff\x7f"]
    (cleared,) = protocol.send_clear()
    barged = {"entities": [{"type": "barge_in", "data": {}}]}
    assert json.loads(cleared) == answer("event", 2, 1, barged)
    receive(protocol, message("update", 2, {"language": "de-DE"}))
    receive(protocol, message("paused", 7))
    (ended,) = protocol.send_end()
    completed = {"reason": "completed", "outputVariables": {}}
    assert json.loads(ended) == answer("disconnect", 3, 7, completed)
    assert list(protocol.send_mark("m1")) == []
    assert list(protocol.send_keys("5")) == []
    assert protocol.closes


def test_nothing_is_ended_before_it_starts() -> None:
    assert list(GenesysProtocol().send_end()) == []


@pytest.mark.parametrize(
    "kind",
    [
        "update",
        "discarded",
        "paused",
        "resumed",
        "playback_started",
        "playback_completed",
        "a new one",
    ],
)
def test_messages_that_mean_nothing_here_are_counted(kind: str) -> None:
    protocol = opened()
    assert receive(protocol, message(kind, 2)) == []
    (pong,) = receive(protocol, message("ping", 3))
    assert reply(pong)["clientseq"] == 3
    receive(protocol, message(kind, 4))
    assert json.loads(protocol.send_clear()[0])["clientseq"] == 4


@pytest.mark.parametrize("seq", [2, 1, 0])
def test_a_number_that_does_not_grow(seq: int) -> None:
    protocol = opened()
    receive(protocol, message("ping", 2))
    error = refused(protocol, message("ping", seq))
    assert (error.code, error.fatal) == ("out_of_order", False)
    (pong,) = receive(protocol, message("ping", 3))
    assert reply(pong) == answer("pong", 3, 3, {})


@pytest.mark.parametrize("seq", [None, "three", 3.5, -1, True, [3]])
def test_a_number_that_is_none(seq: Any) -> None:
    protocol = opened()
    assert refused(protocol, message("ping", seq)).code == "bad_field"
    (pong,) = receive(protocol, message("ping", 2))
    assert reply(pong) == answer("pong", 2, 2, {})


def test_another_version_can_not_go_on() -> None:
    error = refused(GenesysProtocol(), {**opening(), "version": "3"})
    assert (error.code, error.fatal) == ("bad_version", True)


@pytest.mark.parametrize("version", [None, 2])
def test_a_version_that_is_not_told(version: Any) -> None:
    error = refused(GenesysProtocol(), {**opening(), "version": version})
    assert error.code == "bad_field"


@pytest.mark.parametrize("kind", ["ping", "dtmf", "close", "update", "error"])
def test_another_session(kind: str) -> None:
    protocol = opened()
    error = refused(protocol, message(kind, 2, {"digit": "5"}, id="other"))
    assert (error.code, error.fatal) == ("unknown_stream", False)
    (pong,) = receive(protocol, message("ping", 2))
    assert reply(pong) == answer("pong", 2, 2, {})


@pytest.mark.parametrize(
    "wrong",
    [
        opening(conversationId=None),
        opening(conversationId=7),
        opening(inputVariables={"a": 1}),
        opening(participant={"ani": 7}),
        {**opening(), "id": None},
    ],
)
def test_a_wrong_opening_may_be_followed_by_a_right_one(wrong: dict[str, Any]) -> None:
    protocol = GenesysProtocol()
    error = refused(protocol, wrong)
    assert (error.code, error.fatal) == ("bad_field", False)
    assert not protocol.started
    first, _ = receive(protocol, opening())
    assert reply(first)["clientseq"] == 1


def test_who_calls_may_be_missing() -> None:
    _, event = receive(GenesysProtocol(), opening(participant=None, inputVariables=None))
    assert event.info == CallInfo("genesys", CONVERSATION, SESSION)


def test_a_second_opening_changes_nothing() -> None:
    protocol = opened(BOTH)
    error = refused(protocol, opening(ALONE, seq=2))
    assert (error.code, error.fatal) == ("already_started", False)
    (audio,) = receive(protocol, bytes(160))
    assert audio.samples.shape == (1, 80)
    (pong,) = receive(protocol, message("ping", 2))
    assert reply(pong)["clientseq"] == 2


def test_a_wrong_key_changes_nothing() -> None:
    protocol = opened()
    for parameters in ({}, {"digit": "55"}, {"digit": 5}, []):
        assert refused(protocol, message("dtmf", 2, parameters)).code == "bad_field"
    assert receive(protocol, message("dtmf", 2, {"digit": "5"})) == [KeyPressed("5")]


def test_a_close_without_a_reason() -> None:
    closed, ended = receive(opened(), message("close", 2))
    assert reply(closed) == answer("closed", 2, 2, {})
    assert ended == CallEnded("")


def test_an_error_of_theirs_is_told_and_counted() -> None:
    protocol = opened()
    parameters = {"code": 429, "message": "too many"}
    error = refused(protocol, message("error", 2, parameters))
    assert (error.code, error.fatal) == ("carrier_error", False)
    assert "too many" in error.message
    (pong,) = receive(protocol, message("ping", 3))
    assert reply(pong) == answer("pong", 2, 3, {})


@pytest.mark.parametrize("kind", ["dtmf", "update", "paused"])
def test_only_some_messages_come_before_the_opening(kind: str) -> None:
    protocol = GenesysProtocol()
    assert refused(protocol, message(kind, 1, {"digit": "5"})).code == "not_started"
    assert len(receive(protocol, opening())) == 2
