import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fastrtc_core import (
    AsyncStreamHandler,
    CloseReason,
    CloseStream,
    ConnectionRequest,
    Event,
    HandlerFailed,
    ProtocolError,
    Session,
    SessionClosed,
    SessionClosedError,
    StartedTalking,
    Stream,
    StreamHandler,
    WebRTCError,
)
from fastrtc_core.testing import MemoryClient, MemoryWire, connect, in_virtual_time, watch

RATE = 24000
SOUND = np.full(RATE, 7, dtype=np.int16)
STATM = Path("/proc/self/statm")
Audio = tuple[int, np.ndarray]


class Quiet(AsyncStreamHandler):
    async def receive(self, frame: Audio) -> None:
        pass

    async def emit(self) -> None:
        await asyncio.Event().wait()


class Sync(StreamHandler):
    def receive(self, frame: Audio) -> None: ...
    def emit(self) -> None: ...


def quiet(**options: object) -> Stream:
    return Stream(Quiet, modality="audio", **options)  # type: ignore[arg-type]  # any of its options


def seconds_heard(client: MemoryClient) -> float:
    return sum(frame.duration for _, frame in client.heard)


def now() -> float:
    return asyncio.get_running_loop().time()


# Ends


@in_virtual_time
async def test_a_time_limit_ends_the_session() -> None:
    async with connect(quiet(time_limit=30)) as client:
        assert await client.wait_closed() is CloseReason.TIME_LIMIT
        assert now() == pytest.approx(30)
        assert client.messages_of("end_stream") == ["The time limit of 30 s is reached."]


@in_virtual_time
async def test_the_body_of_the_block_is_cancelled_at_the_end() -> None:
    stream = quiet(time_limit=5)
    watch(stream._pool)
    async with stream.connect(ConnectionRequest("test"), MemoryWire()) as session:
        await asyncio.sleep(100)
        raise AssertionError("went on after the end")
    assert session.reason is CloseReason.TIME_LIMIT
    assert now() == pytest.approx(5)


@pytest.mark.parametrize(
    ("error", "reason", "passes"),
    [
        (ConnectionResetError(), CloseReason.CLIENT_LEFT, False),
        (ProtocolError("bad", "bad message"), CloseReason.PROTOCOL_ERROR, True),
        (ZeroDivisionError(), CloseReason.TRANSPORT_FAILED, True),
    ],
)
def test_how_the_body_ends_is_the_reason(
    error: Exception, reason: CloseReason, passes: bool
) -> None:
    @in_virtual_time
    async def test() -> None:
        stream = quiet()
        watch(stream._pool)
        sessions: list[Session] = []
        try:
            async with stream.connect(ConnectionRequest("test"), MemoryWire()) as session:
                sessions.append(session)
                raise error
        except type(error):
            assert passes
        else:
            assert not passes
        assert sessions[0].reason is reason

    test()


@in_virtual_time
async def test_cancelling_the_transport_shuts_the_session_down() -> None:
    stream = quiet()
    watch(stream._pool)
    wire = MemoryWire()
    sessions: list[Session] = []

    async def serve() -> None:
        async with stream.connect(ConnectionRequest("test"), wire) as session:
            sessions.append(session)
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve())
        await asyncio.sleep(1)
        serving.cancel()
    assert serving.cancelled()
    assert sessions[0].reason is CloseReason.SHUTDOWN
    assert wire.arrivals[-1][1] == {"type": "end_stream", "data": "shutdown"}
    assert len(stream.sessions) == 0


@in_virtual_time
async def test_the_first_reason_counts() -> None:
    async with connect(quiet()) as client:
        client.session.close(CloseReason.SHUTDOWN, "first")
        client.session.close(CloseReason.TIME_LIMIT, "second")
        assert await client.wait_closed() is CloseReason.SHUTDOWN
        assert client.messages_of("end_stream") == ["first"]


@in_virtual_time
async def test_closing_from_a_thread() -> None:
    async with connect(quiet()) as client:
        await asyncio.to_thread(client.session.close, CloseReason.SHUTDOWN)
        assert await client.session.wait_closed() is CloseReason.SHUTDOWN


@in_virtual_time
async def test_a_client_that_takes_nothing_is_given_up() -> None:
    stream = quiet()
    async with connect(stream) as stalled, connect(stream) as other:
        stalled.stop_reading()
        stalled.session.say((RATE, SOUND))
        other.session.say((RATE, SOUND))
        assert await stalled.wait_closed() is CloseReason.CLIENT_STALLED
        assert now() < 30
        assert seconds_heard(other) == pytest.approx(1.0)
        assert other.session.reason is None


@in_virtual_time
async def test_messages_to_a_client_that_does_not_read_are_bounded() -> None:
    async with connect(quiet()) as client:
        client.stop_reading()
        for _ in range(10_000):
            client.session.send("{}")
        assert await client.wait_closed() is CloseReason.CLIENT_STALLED


@in_virtual_time
async def test_a_client_that_vanishes_in_a_turn() -> None:
    stream = quiet()
    for _ in range(3):
        async with connect(stream) as client:
            utterance = client.session.say((RATE, np.tile(SOUND, 10)))
            await client.send_silence(1)
            client.vanish()
            assert await client.wait_closed() is CloseReason.CLIENT_LEFT
            assert utterance.finished
    assert len(stream.sessions) == 0


# Saying


@in_virtual_time
async def test_saying_from_a_thread() -> None:
    async with connect(quiet()) as client:
        utterance = await asyncio.to_thread(client.session.say, (RATE, SOUND))
        await utterance.wait()
        assert seconds_heard(client) == pytest.approx(1.0)


@in_virtual_time
async def test_many_threads_say_things() -> None:
    async with connect(quiet()) as client:
        for _ in range(5):
            said = [asyncio.to_thread(client.session.say, (RATE, SOUND[:240])) for _ in range(10)]
            for utterance in await asyncio.gather(*said):
                await utterance.wait()
        assert seconds_heard(client) == pytest.approx(0.5)


@in_virtual_time
async def test_interrupting_from_a_thread() -> None:
    async with connect(quiet()) as client:
        client.session.say((RATE, np.tile(SOUND, 10)))
        await asyncio.sleep(1)
        assert await asyncio.to_thread(client.session.interrupt) == pytest.approx(1, abs=0.04)
        await asyncio.sleep(1)
        assert seconds_heard(client) == pytest.approx(1, abs=0.04)


@in_virtual_time
async def test_nothing_is_said_after_the_end() -> None:
    async with connect(quiet()) as client:
        client.session.close(CloseReason.SHUTDOWN)
        with pytest.raises(SessionClosedError, match="shutdown"):
            client.session.say((RATE, SOUND))
        await client.wait_closed()
        with pytest.raises(SessionClosedError, match="shutdown"):
            await asyncio.to_thread(client.session.say, (RATE, SOUND))


@in_virtual_time
async def test_a_reply_that_blocks_is_left_behind() -> None:
    gate = threading.Event()
    yielded: list[int] = []

    def slow() -> Iterator[Audio]:
        yielded.append(1)
        yield RATE, np.full(RATE // 10, 1, np.int16)
        gate.wait(30)
        yielded.append(2)
        yield RATE, np.full(RATE, 2, np.int16)

    stream = quiet()
    async with connect(stream) as client:
        client.session.say(slow)
        await asyncio.sleep(5)
        client.session.interrupt()
        new = client.session.say((RATE, np.full(RATE, 3, np.int16)))
        await asyncio.sleep(0.1)
        gate.set()
        await new.wait()
        assert yielded == [1, 2]
        assert set(np.unique(client.heard_audio().samples)) == {0, 1, 3}
        assert client.heard[-1][0] < 6.1
    while stream._pool.lanes:
        await asyncio.sleep(0.001)


@in_virtual_time
async def test_a_reply_may_close_the_stream() -> None:
    def farewell() -> Iterator[object]:
        yield RATE, SOUND
        yield CloseStream("goodbye")

    async with connect(quiet()) as client:
        client.session.say(farewell)
        assert await client.wait_closed() is CloseReason.HANDLER
        assert now() == pytest.approx(1.0)
        assert seconds_heard(client) == pytest.approx(1.0)
        assert client.messages_of("end_stream") == ["goodbye"]


# Failures


@in_virtual_time
async def test_only_errors_meant_for_the_person_reach_him_in_full() -> None:
    def fail(error: Exception) -> Iterator[Audio]:
        raise error
        yield RATE, SOUND

    async with connect(quiet()) as client:
        await client.session.say(lambda: fail(KeyError("the password is hunter2"))).wait()
        await client.session.say(lambda: fail(WebRTCError("out of tokens"))).wait()
        assert client.messages_of("error") == [
            "reply failed: KeyError",
            "reply failed: out of tokens",
        ]


@in_virtual_time
async def test_a_blocking_handler_does_not_hold_up_another_session() -> None:
    gate = threading.Event()

    class Blocks(Sync):
        def receive(self, frame: Audio) -> None:
            gate.wait(30)

    blocked, free = Stream(Blocks, modality="audio"), quiet()
    async with connect(blocked) as a, connect(free) as b:
        await a.send_silence(0.1)
        b.session.say((RATE, SOUND))
        await asyncio.sleep(1)
        assert seconds_heard(b) == pytest.approx(1.0)
        gate.set()


# Events


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_the_observer_gets_every_event_in_order(is_async: bool) -> None:
    seen: list[tuple[str, Event]] = []

    def note(session: Session, event: Event) -> None:
        seen.append((session.id, event))

    async def note_async(session: Session, event: Event) -> None:
        await asyncio.sleep(0.001)
        note(session, event)

    @in_virtual_time
    async def test() -> str:
        async with connect(quiet(on_event=note_async if is_async else note)) as client:
            for onset in range(100):
                client.session.publish(StartedTalking(onset))
                await asyncio.sleep(0.01)
        return client.id

    session_id = test()
    closed = SessionClosed(CloseReason.CLIENT_LEFT, "")
    assert [event for _, event in seen] == [*map(StartedTalking, range(100)), closed]
    assert {session for session, _ in seen} == {session_id}


@in_virtual_time
async def test_an_observer_is_not_cut_short_by_the_end() -> None:
    finished: list[Event] = []

    async def slow(session: Session, event: Event) -> None:
        await asyncio.sleep(0.5)
        finished.append(event)

    async with connect(quiet(on_event=slow)) as client:
        client.session.publish(StartedTalking(1.0))
        await asyncio.sleep(0.1)
    assert finished == [StartedTalking(1.0), SessionClosed(CloseReason.CLIENT_LEFT, "")]


@in_virtual_time
async def test_an_observer_may_fail() -> None:
    calls: list[Event] = []

    def fail(session: Session, event: Event) -> None:
        calls.append(event)
        raise ZeroDivisionError

    async with connect(quiet(on_event=fail)) as client:
        client.session.publish(StartedTalking(1.0))
        client.session.publish(StartedTalking(2.0))
        await client.session.say((RATE, SOUND)).wait()
        assert seconds_heard(client) == pytest.approx(1.0)
    assert len(calls) == 3


@in_virtual_time
async def test_events_may_be_listened_to() -> None:
    async with connect(quiet()) as client:
        client.session.publish(StartedTalking(1.0))
        client.session.report(ZeroDivisionError(), "somewhere")
    events = [event async for event in client.session.events.listen()]
    assert [type(event) for event in events] == [StartedTalking, HandlerFailed, SessionClosed]


# Leaks


@pytest.mark.parametrize("handler", [Quiet, Sync])
def test_a_thousand_sessions_leave_nothing(handler: type[AsyncStreamHandler]) -> None:
    @in_virtual_time
    async def test() -> None:
        stream = Stream(handler, modality="audio", time_limit=600, on_event=lambda *_: None)
        sessions: list[weakref.ref[Session]] = []
        sizes: list[int] = []
        for cycle in range(1000):
            async with connect(stream) as client:
                sessions.append(weakref.ref(client.session))
                client.session.say((RATE, SOUND))
                await client.send_audio(SOUND[:480], RATE)
                await asyncio.sleep(0.01)
                if cycle % 2:
                    client.vanish()
            if cycle in (199, 999):
                gc.collect()
                sizes.append(_resident_bytes())
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert len(stream.sessions) == 0
        while stream._pool.running or stream._pool.lanes:
            await asyncio.sleep(0.001)
        gc.collect()
        alive = [session for session in sessions if session() is not None]
        assert len(alive) <= 1  # the last one, by this test's own `client`
        assert sizes[1] - sizes[0] < 5_000_000

    began = time.monotonic()
    test()
    assert time.monotonic() - began < 30


def _resident_bytes() -> int:
    if not STATM.exists():
        pytest.skip("resident memory is read from /proc")
    return int(STATM.read_text().split()[1]) * 4096
