"""`ReplyOnPause` in conversation, in virtual time, with speech by script."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import (
    CloseReason,
    Interrupted,
    Stream,
    WebRTCError,
)
from fastrtc_core.testing import MemoryClient, ScriptedModel, connect, in_virtual_time, sound_of
from fastrtc_vad import ReplyOnPause

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
    assert max(probabilities) > 0.9
    assert min(probabilities) < 0.1


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
        assert sorted({int(level) for _, f in heard for level in np.unique(f.samples)}) == [5000]

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
