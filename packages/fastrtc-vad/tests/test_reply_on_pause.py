"""`ReplyOnPause` in conversation, in virtual time, with speech by script."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import numpy as np
import pytest
from fastrtc_core import (
    AdditionalOutputs,
    CloseReason,
    CloseStream,
    ConnectionRequest,
    HandlerError,
    Interrupted,
    PauseDetected,
    Session,
    Stream,
    WebRTCError,
)
from fastrtc_core.testing import MemoryClient, ScriptedModel, connect, in_virtual_time, sound_of
from numpy.typing import NDArray

from fastrtc_vad import AlgoOptions, AppState, ReplyOnPause

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


def log(client: MemoryClient) -> list[tuple[float, object]]:
    return [(time, m["data"]) for time, m in client.messages if m["type"] == "log"]


def stages(client: MemoryClient) -> list[object]:
    return [data for _, data in log(client)]


# One turn


@in_virtual_time
async def test_the_function_gets_the_whole_turn_and_its_reply_is_heard() -> None:
    turns: list[Audio] = []

    def reply(audio: Audio) -> Iterator[Audio]:
        turns.append(audio)
        yield tone(0.5)

    async with connect(reply_on(ONE_TURN, reply)) as client:
        await say(client, ONE_TURN, 4.0)
    [(rate, turn)] = turns
    assert rate == RATE
    assert turn.dtype == np.int16
    said = sound_of(ONE_TURN, 4.0, RATE)[RATE : 2 * RATE]
    start = int(np.argmax(np.abs(turn[0]) > 0))
    assert turn[0, start - 1 : start - 1 + RATE].tolist() == said.tolist()
    assert client.heard_audio().duration == pytest.approx(0.5)
    assert stages(client) == [
        "started_talking",
        "pause_detected",
        "response_starting",
        "response_finished",
    ]


@in_virtual_time
async def test_the_pause_is_noticed_half_a_second_after_speech() -> None:
    async with connect(reply_on(ONE_TURN, lambda audio: audio)) as client:
        await say(client, ONE_TURN, 4.0)
    times = {data: time for time, data in log(client)}
    assert times["pause_detected"] == pytest.approx(2.5, abs=0.06)


@pytest.mark.parametrize("kind", ["generator", "async generator", "function", "coroutine"])
def test_a_reply_may_be_of_any_kind(kind: str) -> None:
    def generator(audio: Audio) -> Iterator[Audio]:
        yield tone(0.2)
        yield tone(0.2)

    async def async_generator(audio: Audio) -> AsyncIterator[Audio]:
        yield tone(0.2)
        await asyncio.sleep(0)
        yield tone(0.2)

    async def coroutine(audio: Audio) -> Audio:
        return tone(0.4)

    replies: dict[str, Callable[..., object]] = {
        "generator": generator,
        "async generator": async_generator,
        "function": lambda audio: tone(0.4),
        "coroutine": coroutine,
    }

    @in_virtual_time
    async def converse() -> None:
        async with connect(reply_on(ONE_TURN, replies[kind])) as client:
            await say(client, ONE_TURN, 4.0)
        assert client.heard_audio().duration == pytest.approx(0.4)

    converse()


@in_virtual_time
async def test_speech_probabilities_are_sent_to_clients_that_want_them() -> None:
    async with connect(reply_on(ONE_TURN, lambda audio: audio), wants=["speech"]) as client:
        await say(client, ONE_TURN, 4.0)
    sent = [m["data"] for _, m in client.messages if m["type"] == "speech"]
    probabilities = [p for data in sent if isinstance(data, dict) for p in data["p"]]  # type: ignore[union-attr]
    assert len(probabilities) == pytest.approx(4.0 / 0.032, abs=4)
    assert max(probabilities) > 0.9 > 0.1 > min(probabilities)  # type: ignore[type-var, operator]


# Interruptions


def endless(audio: Audio) -> Iterator[Audio]:
    while True:
        yield tone(0.1)


async def endless_async(audio: Audio) -> AsyncIterator[Audio]:
    while True:
        yield tone(0.1)


def stuck(audio: Audio) -> Iterator[Audio]:
    yield tone(3.0)
    time.sleep(0.3)  # really: virtual time goes on meanwhile
    yield tone(3.0, level=1)


@pytest.mark.parametrize("reply", [endless, endless_async, stuck])
def test_speech_stops_the_reply_at_its_onset(reply: Callable[..., object]) -> None:
    events: list[object] = []

    @in_virtual_time
    async def converse() -> None:
        stream = reply_on(BARGE_IN, reply)
        async with connect(stream) as client:
            client_events = client.session.events
            await say(client, BARGE_IN, 5.0)
            events.extend([event async for event in upto(client_events.listen(), Interrupted)])
        heard = [(at, frame) for at, frame in client.heard if at < 5.0]
        last = max(at + frame.duration for at, frame in heard)
        assert last <= 4.0 + 0.2  # the onset, the shortest interruption, a window
        assert [5000] == sorted({int(level) for _, f in heard for level in np.unique(f.samples)})

    converse()
    interrupted = events[-1]
    assert isinstance(interrupted, Interrupted)
    assert interrupted.played == pytest.approx(4.15 - 2.5, abs=0.1)


async def upto(events: AsyncIterator[object], kind: type) -> AsyncIterator[object]:
    async for event in events:
        yield event
        if isinstance(event, kind):
            return


@in_virtual_time
async def test_an_interruption_is_a_turn_of_its_own() -> None:
    lengths: list[float] = []

    def reply(audio: Audio) -> Iterator[Audio]:
        lengths.append(audio[1].shape[1] / RATE)
        yield tone(5.0 if len(lengths) == 1 else 0.2)

    async with connect(reply_on(BARGE_IN, reply)) as client:
        await say(client, BARGE_IN, 8.0)
    assert len(lengths) == 2
    assert lengths[1] >= 1.5
    assert stages(client)[-1] == "response_finished"


@in_virtual_time
async def test_a_reply_that_must_not_be_interrupted_is_heard_to_its_end() -> None:
    replies = 0

    def reply(audio: Audio) -> Iterator[Audio]:
        nonlocal replies
        replies += 1
        yield tone(4.0)

    stream = reply_on(BARGE_IN, reply, can_interrupt=False)
    async with connect(stream) as client:
        await say(client, BARGE_IN, 9.0)
    assert replies == 1  # what was said over it is not answered
    assert client.heard_audio().duration == pytest.approx(4.0)
    assert "interrupted" not in stages(client)


# Bad replies: the next turn is answered


def failing(audio: Audio) -> Iterator[Audio]:
    raise ValueError("secret of the server")
    yield tone(1)


def failing_late(audio: Audio) -> Iterator[Audio]:
    yield tone(0.2)
    raise WebRTCError("The model is out of order.")


def not_a_number(audio: Audio) -> Iterator[object]:
    yield RATE, np.full(480, np.nan)


def wrong_shape(audio: Audio) -> Iterator[object]:
    yield RATE, np.zeros((3, 4, 5), np.int16)


def nothing(audio: Audio) -> Iterator[Audio]:
    yield from ()


def none(audio: Audio) -> Iterator[None]:
    yield None


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (failing, "reply failed: ValueError"),
        (failing_late, "reply failed: The model is out of order."),
        (not_a_number, "reply failed: ValueError"),
        (wrong_shape, "reply failed: ValueError"),
        (nothing, None),
        (none, None),
    ],
)
def test_after_a_bad_reply_the_next_turn_is_answered(
    bad: Callable[..., Iterator[object]], told: str | None
) -> None:
    turns = 0

    def reply(audio: Audio) -> Iterator[object]:
        nonlocal turns
        turns += 1
        yield from bad(audio) if turns == 1 else [tone(0.5, level=7)]

    @in_virtual_time
    async def converse() -> None:
        async with connect(reply_on(TWO_TURNS, reply)) as client:
            await say(client, TWO_TURNS, 8.0)
        assert client.messages_of("error") == ([told] if told else [])
        second = sum(f.duration for at, f in client.heard if at > 6.0)
        assert second == pytest.approx(0.5)

    converse()
    assert turns == 2


@in_virtual_time
async def test_a_reply_that_hangs_is_left_behind_when_its_speaker_is_interrupted() -> None:
    hanging = threading.Event()
    turns = 0

    def reply(audio: Audio) -> Iterator[Audio]:
        nonlocal turns
        turns += 1
        if turns == 1:
            hanging.wait(20)
        yield tone(0.5, level=turns)

    async with connect(reply_on(TWO_TURNS, reply)) as client:
        await say(client, TWO_TURNS, 8.0)
        hanging.set()
        await say(client, [], 1.0)
    assert {int(f.samples[0, 0]) for _, f in client.heard} == {2}


@in_virtual_time
async def test_a_client_that_vanishes_in_its_turn_harms_nobody() -> None:
    stream = reply_on(ONE_TURN, lambda audio: audio)
    async with connect(stream) as gone:
        await say(gone, ONE_TURN, 1.5)
        gone.vanish()
    assert gone.session.reason is CloseReason.CLIENT_LEFT
    async with connect(stream) as client:
        await say(client, ONE_TURN, 5.0)
    assert client.heard_audio().duration > 1.0
    assert len(stream.sessions) == 0


@in_virtual_time
async def test_a_model_that_fails_ends_the_session_and_says_so() -> None:
    class Broken(ScriptedModel):
        def infer(self, windows: object, states: object) -> NDArray[np.float32]:
            raise RuntimeError("no memory")

    stream = Stream(ReplyOnPause(lambda audio: audio, model=Broken()), modality="audio")
    async with connect(stream) as client:
        await client.send_audio(np.zeros(RATE, np.int16), RATE)
        assert await client.wait_closed() is CloseReason.HANDLER_FAILED
    assert client.messages_of("error") == ["handler failed: RuntimeError"]


# Inputs, outputs, life


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


# Step by step


def test_a_handler_can_be_driven_by_hand() -> None:
    def reply(audio: Audio) -> Iterator[Audio]:
        yield audio
        yield tone(0.1)

    handler = ReplyOnPause(reply, input_sample_rate=RATE, model=ScriptedModel(ONE_TURN))
    sound = sound_of(ONE_TURN, 3.0, RATE)
    for start in range(0, len(sound), 480):
        handler.receive((RATE, sound[np.newaxis, start : start + 480]))
        if handler.state.pause_detected:
            break
    assert start / RATE == pytest.approx(2.5, abs=0.1)
    first, second = handler.emit(), handler.emit()
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert handler.emit() is None
    assert handler.emit() is None


def test_an_async_reply_can_be_driven_by_hand() -> None:
    async def reply(audio: Audio) -> AsyncIterator[Audio]:
        yield tone(0.1)
        await asyncio.sleep(0)
        yield tone(0.2)

    handler = ReplyOnPause(reply, model=ScriptedModel())
    handler.state = AppState(sampling_rate=RATE, stream=tone(1)[1], pause_detected=True)
    made = [handler.emit() for _ in range(3)]
    assert made[2] is None
    assert [m[1].shape[1] for m in made[:2] if isinstance(m, tuple)] == [2400, 4800]  # type: ignore[union-attr]


@in_virtual_time
async def test_a_subclass_may_decide_what_a_pause_is() -> None:
    class EverySecond(ReplyOnPause):
        def determine_pause(
            self, audio: NDArray[np.int16], sampling_rate: int, state: AppState
        ) -> bool:
            said = audio if state.stream is None else np.hstack((state.stream, audio))
            state.stream = said
            return said.shape[1] >= sampling_rate

    lengths: list[int] = []

    def reply(audio: Audio) -> Iterator[Audio]:
        lengths.append(audio[1].shape[1])
        yield tone(0.1)

    handler = EverySecond(reply, input_sample_rate=RATE, model=ScriptedModel())
    async with connect(Stream(handler, modality="audio")) as client:
        await say(client, [], 3.1)
    assert lengths[0] == RATE
    assert len(lengths) >= 2
    assert client.heard_audio().duration > 0
