import asyncio

import pytest

from fastrtc_core import CloseReason, SessionClosedError
from fastrtc_core.outbox import MAX_MESSAGES, SEND_TIMEOUT, Outbox
from fastrtc_core.testing import MemoryWire, in_virtual_time


class Lost:
    """Notes why the peer was lost, as a session does."""

    def __init__(self) -> None:
        self.reasons: list[CloseReason] = []

    def __call__(self, reason: CloseReason) -> SessionClosedError:
        self.reasons.append(reason)
        return SessionClosedError("id", reason)


def texts(wire: MemoryWire) -> list[object]:
    return [item for _, item in wire.arrivals]


def numbered(number: int) -> str:
    return f'{{"type": "log", "data": {number}}}'


@in_virtual_time
async def test_messages_and_what_is_to_be_done_keep_their_order() -> None:
    wire = MemoryWire()
    outbox = Outbox(wire, Lost())
    outbox.put(numbered(1))
    outbox.put(wire.clear)
    outbox.put(numbered(2))
    await outbox.finish()
    kinds = [type(item).__name__ for item in texts(wire)]
    assert kinds == ["dict", "Cleared", "dict"]
    assert outbox.sent == 2


@in_virtual_time
async def test_too_many_messages_mean_a_stuck_peer() -> None:
    lost = Lost()
    outbox = Outbox(MemoryWire(), lost)
    for number in range(MAX_MESSAGES):
        outbox.put(numbered(number))
    assert lost.reasons == []
    outbox.put(numbered(-1))
    outbox.put_last(numbered(-2))
    assert lost.reasons == [CloseReason.CLIENT_STALLED]


@in_virtual_time
async def test_a_peer_that_takes_nothing_is_lost() -> None:
    lost, wire = Lost(), MemoryWire()
    wire.stop_reading()
    outbox = Outbox(wire, lost)
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(outbox.deliver(wire.clear()))
        await asyncio.sleep(SEND_TIMEOUT - 0.1)
        assert lost.reasons == []
        await asyncio.sleep(0.2)
        assert lost.reasons == [CloseReason.CLIENT_STALLED]
        sending.cancel()


@in_virtual_time
async def test_a_peer_that_takes_something_now_and_then_is_not_lost() -> None:
    lost, wire = Lost(), MemoryWire()
    outbox = Outbox(wire, lost)
    for _ in range(5):
        wire.stop_reading()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(outbox.deliver(wire.clear()))
            await asyncio.sleep(SEND_TIMEOUT - 1)
            wire.resume_reading()
    assert lost.reasons == []


@in_virtual_time
async def test_a_peer_that_is_gone_is_lost() -> None:
    lost, wire = Lost(), MemoryWire()
    wire.cut()
    with pytest.raises(SessionClosedError):
        await Outbox(wire, lost).deliver(wire.clear())
    assert lost.reasons == [CloseReason.CLIENT_LEFT]


@in_virtual_time
async def test_the_goodbye_is_short() -> None:
    wire = MemoryWire()
    wire.stop_reading()
    outbox = Outbox(wire, Lost())
    outbox.put_last(numbered(1))
    await outbox.finish()
    assert asyncio.get_running_loop().time() < 1


@in_virtual_time
async def test_a_message_on_its_way_is_not_lost_when_the_session_ends() -> None:
    wire = MemoryWire()
    wire.stop_reading()
    outbox = Outbox(wire, Lost())
    outbox.put(numbered(1))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(outbox.run())
        await asyncio.sleep(0.1)
        running.cancel()
    wire.resume_reading()
    await outbox.finish()
    assert [item["data"] for item in texts(wire) if isinstance(item, dict)] == [1]
