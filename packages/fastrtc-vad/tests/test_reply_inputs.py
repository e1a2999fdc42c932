"""Inputs, outputs, start-up and the end of a `ReplyOnPause` session, in virtual time."""

import asyncio
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import (
    AdditionalOutputs,
    CloseReason,
    CloseStream,
    ConnectionRequest,
    HandlerError,
    PauseDetected,
    Session,
    Stream,
)
from fastrtc_core.handlers import TurnInput
from fastrtc_core.testing import MemoryClient, ScriptedModel, connect, in_virtual_time, sound_of
from fastrtc_vad import AlgoOptions, ReplyOnPause

RATE = 24000
Audio = tuple[int, NDArray[np.int16]]
Speech = list[tuple[float, float]]

ONE_TURN = [(1.0, 2.0)]
TWO_TURNS = [(1.0, 2.0), (5.0, 6.0)]
BARGE_IN = [(1.0, 2.0), (4.0, 5.5)]


def tone(seconds: float, level: int = 5000) -> Audio:
    return RATE, np.full((1, int(RATE * seconds)), level, np.int16)


def reply_on(speech: Speech, fn: Callable[..., object], **options: object) -> Stream:
    handler = ReplyOnPause(fn, input_sample_rate=RATE, model=ScriptedModel(speech), **options)  # type: ignore[arg-type]  # options of any kind
    return Stream(handler, modality="audio")


async def say(client: MemoryClient, speech: Speech, until: float) -> None:
    await client.speak(sound_of(speech, until, RATE), RATE)


@in_virtual_time
async def test_inputs_are_optional_where_the_function_has_defaults() -> None:
    got: list[float] = []

    def reply(audio: Audio, gain: float = 1.0) -> Iterator[Audio]:
        got.append(gain)
        yield tone(0.1)

    async with connect(reply_on(TWO_TURNS, reply)) as client:
        await say(client, TWO_TURNS, 4.0)
        client.set_input(0.5)
        await client.speak(sound_of(TWO_TURNS, 8.0, RATE)[4 * RATE :], RATE)
    assert got == [1.0, 0.5]


@in_virtual_time
async def test_inputs_without_a_default_are_asked_for() -> None:
    got: list[str] = []

    def reply(audio: Audio, name: str) -> Iterator[Audio]:
        got.append(name)
        yield tone(0.1)

    async with connect(reply_on(ONE_TURN, reply)) as client, asyncio.TaskGroup() as tasks:
        tasks.create_task(say(client, ONE_TURN, 5.0))
        await client.next_message("send_input")
        client.set_input("Ada")
    assert got == ["Ada"]


@in_virtual_time
async def test_over_the_telephone_outputs_become_the_next_inputs() -> None:
    got: list[int] = []

    def reply(audio: Audio, count: int = 0) -> Iterator[object]:
        got.append(count)
        yield AdditionalOutputs(count + 1)
        yield tone(0.1)

    telephone = ConnectionRequest("telephone")
    async with connect(reply_on(TWO_TURNS, reply), request=telephone) as client:
        await say(client, TWO_TURNS, 8.0)
    assert got == [0, 1]


@in_virtual_time
async def test_over_the_telephone_inputs_without_a_default_are_an_error() -> None:
    telephone = ConnectionRequest("telephone")
    stream = reply_on(ONE_TURN, lambda audio, name: audio)
    async with connect(stream, request=telephone) as client:
        await say(client, ONE_TURN, 4.0)
    [told] = client.messages_of("error")
    assert "give every parameter" in str(told)


@in_virtual_time
async def test_the_startup_function_speaks_first_and_may_fail() -> None:
    def greet() -> Iterator[Audio]:
        yield tone(0.3)
        raise ValueError("after the greeting")

    stream = reply_on(ONE_TURN, lambda audio: tone(0.5), startup_fn=greet)
    async with connect(stream) as client:
        await say(client, ONE_TURN, 4.0)
    assert client.heard[0][0] < 0.1
    assert client.messages_of("error") == ["reply failed: ValueError"]
    assert sum(f.duration for at, f in client.heard if at > 2) == pytest.approx(0.5)


@in_virtual_time
async def test_the_startup_function_gets_the_inputs_it_takes() -> None:
    got: list[str] = []

    def greet(name: str) -> Iterator[Audio]:
        got.append(name)
        yield tone(0.1)

    stream = reply_on([], lambda audio, name, mood: audio, startup_fn=greet)
    async with connect(stream) as client:
        await client.next_message("send_input")
        client.set_input("Ada", "curious")
        await say(client, [], 1.0)
    assert got == ["Ada"]


@in_virtual_time
async def test_outputs_and_the_end_of_the_stream_come_from_replies() -> None:
    def reply(audio: Audio) -> Iterator[object]:
        yield AdditionalOutputs("goodbye")
        yield tone(0.5), CloseStream("That is all.")

    stream = reply_on(ONE_TURN, reply)
    async with connect(stream) as client, asyncio.TaskGroup() as tasks:
        tasks.create_task(say(client, ONE_TURN, 3.0))
        output = await stream.fetch_latest_output(client.id)
        assert await client.wait_closed() is CloseReason.HANDLER
    assert output.args == ("goodbye",)
    assert client.heard_audio().duration == pytest.approx(0.5)
    assert client.messages_of("end_stream") == ["That is all."]


@in_virtual_time
async def test_a_response_can_be_triggered_by_hand() -> None:
    turns: list[Audio] = []

    def reply(audio: Audio) -> Iterator[Audio]:
        turns.append(audio)
        yield tone(0.1)

    speech = [(1.0, 9.0)]
    async with connect(reply_on(speech, reply)) as client:
        await say(client, speech, 2.0)
        handler = client.session.handler
        assert isinstance(handler, ReplyOnPause)
        await asyncio.to_thread(handler.trigger_response)
        await say(client, [], 0.5)
    [(_, turn)] = turns
    assert turn.shape[1] / RATE == pytest.approx(1.0, abs=0.6)  # the speech and its pre-roll


@in_virtual_time
async def test_a_turn_may_be_more_than_sound() -> None:
    class Noted(TurnInput):
        def of_turn(self, audio: Audio) -> str:
            return "said" if audio[1].size else "silent"

    got: list[tuple[object, ...]] = []

    def reply(*turn: object) -> Audio:
        got.append(turn)
        return tone(0.1)

    async with connect(reply_on(TWO_TURNS, reply)) as client:
        await say(client, TWO_TURNS, 4.0)
        client.session.set_args(Noted(), "loud")
        await say(client, TWO_TURNS, 4.0)
    (first,) = got[0]
    assert isinstance(first, tuple)  # sound, as there were no inputs yet
    assert got[1] == ("said", "loud")


@in_virtual_time
async def test_a_response_that_is_triggered_before_the_beginning_comes_then() -> None:
    turns: list[Audio] = []

    def reply(audio: Audio) -> Iterator[Audio]:
        turns.append(audio)
        yield tone(0.1)

    class Eager(ReplyOnPause):
        async def run_session(self, session: Session) -> None:
            self.trigger_response()
            await asyncio.sleep(0.1)
            await super().run_session(session)

    handler = Eager(reply, input_sample_rate=RATE, model=ScriptedModel([]))
    async with connect(Stream(handler, modality="audio")) as client:
        await say(client, [], 0.5)
    [(_, turn)] = turns
    assert turn.shape == (1, 0)


@in_virtual_time
async def test_reset_stops_the_reply_and_forgets_the_turn() -> None:
    replies = 0

    def reply(audio: Audio) -> Iterator[Audio]:
        nonlocal replies
        replies += 1
        yield tone(10.0)

    async with connect(reply_on(TWO_TURNS, reply)) as client:
        await say(client, TWO_TURNS, 3.5)
        handler = client.session.handler
        handler.reset()
        assert not client.session.speaking
        await client.speak(sound_of(TWO_TURNS, 5.9, RATE)[int(3.5 * RATE) :], RATE)
        handler.reset()
        await say(client, [], 2.0)
    assert replies == 1
    assert client.heard_audio().duration < 1.1


@in_virtual_time
async def test_events_reach_the_application() -> None:
    seen: list[object] = []

    def note(session: Session, event: object) -> None:
        seen.append(event)

    handler = ReplyOnPause(lambda audio: tone(0.1), model=ScriptedModel(ONE_TURN))
    async with connect(Stream(handler, modality="audio", on_event=note)) as client:
        await say(client, ONE_TURN, 4.0)
    names = [type(event).__name__ for event in seen]
    assert names == [
        "StartedTalking",
        "PauseDetected",
        "ResponseStarting",
        "ResponseFinished",
        "SessionClosed",
    ]
    pause = seen[1]
    assert isinstance(pause, PauseDetected)
    assert pause.start == pytest.approx(1.0, abs=0.2)
    assert pause.end == pytest.approx(2.0, abs=0.2)


@in_virtual_time
async def test_ten_minutes_of_conversation_are_answered_turn_by_turn() -> None:
    speech = [(10.0 * turn + 1, 10.0 * turn + 2) for turn in range(60)]
    turns = 0

    def reply(audio: Audio) -> Iterator[Audio]:
        nonlocal turns
        turns += 1
        yield tone(1.0)

    async with connect(reply_on(speech, reply)) as client:
        for minute in range(10):
            await say(client, [], 60.0)
            assert turns == pytest.approx(6 * (minute + 1), abs=1)
    assert turns == 60


def test_a_reply_function_must_take_the_audio() -> None:
    with pytest.raises(HandlerError, match="must take 1 argument"):
        ReplyOnPause(lambda: None, model=ScriptedModel())


def test_copies_share_the_model_and_the_settings() -> None:
    model = ScriptedModel()
    original = ReplyOnPause(
        lambda audio: audio,
        algo_options=AlgoOptions(audio_chunk_duration=0.8),
        can_interrupt=False,
        model=model,
    )
    copied = original.copy()
    assert copied is not original
    assert copied.model is original.model
    assert copied.algo_options == original.algo_options
    assert not copied.can_interrupt
