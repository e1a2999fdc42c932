import asyncio

import pytest

from fastrtc_core import (
    ConcurrencyLimitError,
    IdInUseError,
    Limits,
    Stream,
    StreamHandler,
    UnknownSessionError,
)
from fastrtc_core.registry import Registry
from fastrtc_core.testing import connect, in_virtual_time


async def same(audio: object) -> object:
    return audio


def echo(**options: object) -> Stream:
    return Stream(same, modality="audio", **options)  # type: ignore[arg-type]  # any of its options


class Sync(StreamHandler):
    def receive(self, frame: object) -> None: ...
    def emit(self) -> None: ...


def test_slots_are_counted_over_all_transports() -> None:
    registry = Registry(2)
    with registry.slot("a", Limits()), registry.slot("b", Limits()):
        with pytest.raises(ConcurrencyLimitError) as refusal, registry.slot("c", Limits()):
            pass
        assert (refusal.value.limit, refusal.value.transport) == (2, None)
    with registry.slot("c", Limits()):
        pass


def test_a_transport_has_its_own_limit() -> None:
    registry = Registry(None)
    one = Limits(concurrency=1)
    with registry.slot("a", one):
        with pytest.raises(ConcurrencyLimitError, match="over a") as refusal:
            registry.slot("a", one).__enter__()
        assert (refusal.value.limit, refusal.value.transport) == (1, "a")
        with registry.slot("b", one):
            pass


def test_a_slot_comes_back_after_a_failure() -> None:
    registry = Registry(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), registry.slot("a", Limits()):
            raise ZeroDivisionError


@in_virtual_time
async def test_live_sessions_are_found_by_id() -> None:
    stream = echo()
    async with connect(stream) as client:
        assert stream.sessions.get(client.id) is client.session
        assert list(stream.sessions) == [client.session]
    with pytest.raises(UnknownSessionError, match=client.id):
        stream.sessions.get(client.id)
    assert len(stream.sessions) == 0


@in_virtual_time
async def test_ids_are_unguessable() -> None:
    stream = echo()
    async with connect(stream) as a, connect(stream) as b:
        assert a.id != b.id
        assert len(a.id) >= 22  # 128 bits in base 64


@in_virtual_time
async def test_an_id_in_use_is_refused_and_the_first_goes_on() -> None:
    stream = echo()
    async with connect(stream, session_id="mine") as first:
        with pytest.raises(IdInUseError, match="'mine'"):
            async with connect(stream, session_id="mine"):
                pass
        await first.send_silence(0.1)
    assert first.session.counters.audio_in == pytest.approx(0.1)
    async with connect(stream, session_id="mine"):
        pass


@in_virtual_time
async def test_an_id_that_two_ask_for_at_once_costs_no_threads() -> None:
    stream = Stream(Sync, modality="audio")

    async def ask() -> bool:
        try:
            async with connect(stream, session_id="mine"):
                await asyncio.sleep(1)
        except IdInUseError:
            return False
        return True

    assert sorted(await asyncio.gather(ask(), ask())) == [False, True]
    await asyncio.sleep(1)
    assert stream._pool.lanes == 0


@in_virtual_time
async def test_waiting_for_a_session_to_come() -> None:
    stream = echo()

    async def come_later() -> None:
        await asyncio.sleep(3)
        async with connect(stream, session_id="late"):
            await asyncio.sleep(3)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(come_later())
        session = await stream.sessions.wait_for("late", 5)
        assert session.id == "late"
        assert asyncio.get_running_loop().time() == pytest.approx(3)


@in_virtual_time
async def test_waiting_for_a_session_in_vain() -> None:
    with pytest.raises(UnknownSessionError):
        await echo().sessions.wait_for("never", 5)
    assert asyncio.get_running_loop().time() == pytest.approx(5)


@in_virtual_time
async def test_bogus_ids_leave_nothing_behind() -> None:
    stream = echo()
    for number in range(1000):
        with pytest.raises(UnknownSessionError):
            stream.set_input(str(number), "x")
    assert stream.sessions._sessions == {}
