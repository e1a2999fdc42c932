import asyncio

import pytest

from fastrtc_core.broadcast import Broadcast


async def collect(broadcast: Broadcast[int], into: list[int]) -> None:
    async for item in broadcast.listen():
        into.append(item)  # noqa: PERF401 - what came is looked at before the end


async def test_every_reader_gets_everything() -> None:
    broadcast: Broadcast[int] = Broadcast(10)
    first: list[int] = []
    second: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(collect(broadcast, first))
        tasks.create_task(collect(broadcast, second))
        for item in range(5):
            await asyncio.sleep(0)
            broadcast.put(item)
        broadcast.close()
    assert first == second == [0, 1, 2, 3, 4]


async def test_a_late_reader_gets_what_is_kept() -> None:
    broadcast: Broadcast[int] = Broadcast(3)
    for item in range(10):
        broadcast.put(item)
    broadcast.close()
    assert [item async for item in broadcast.listen()] == [7, 8, 9]
    assert broadcast.dropped == 7


async def test_a_slow_reader_loses_the_oldest() -> None:
    broadcast: Broadcast[int] = Broadcast(2)
    broadcast.put(0)
    reader = broadcast.listen()
    assert await anext(reader) == 0
    for item in range(1, 6):
        broadcast.put(item)
    broadcast.close()
    assert [item async for item in reader] == [4, 5]


async def test_the_latest_is_given_once() -> None:
    broadcast: Broadcast[int] = Broadcast(3)
    broadcast.put(1)
    broadcast.put(2)
    assert await broadcast.latest() == 2
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await broadcast.latest()
    broadcast.put(3)
    assert await broadcast.latest() == 3


async def test_waiting_for_the_latest_ends_with_the_broadcast() -> None:
    broadcast: Broadcast[int] = Broadcast(3)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_latest_or_none(broadcast))
        await asyncio.sleep(0)
        broadcast.close()
    assert waiting.result() is None


async def _latest_or_none(broadcast: Broadcast[int]) -> int | None:
    try:
        return await broadcast.latest()
    except EOFError:
        return None


def test_an_item_by_its_number() -> None:
    broadcast = Broadcast[str](keep=2)
    for item in "abc":
        broadcast.put(item)
    assert [broadcast.at(number) for number in range(-1, 4)] == [None, None, "b", "c", None]
