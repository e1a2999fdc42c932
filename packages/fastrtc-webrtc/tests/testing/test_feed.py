import asyncio

import pytest

from fastrtc_webrtc.testing import Feed


async def test_each_item_is_met_once() -> None:
    feed: Feed[int] = Feed()
    for item in (1, 2, 3):
        feed.put(item)
    assert [await feed.next(), await feed.next()] == [1, 2]
    assert list(feed) == [1, 2, 3]
    assert (len(feed), feed.count, feed.latest) == (3, 3, 3)


async def test_waiting() -> None:
    feed: Feed[int] = Feed()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(feed.match(lambda item: item > 1))
        await asyncio.sleep(0)
        feed.put(1)
        await asyncio.sleep(0)
        assert not waiting.done()
        feed.put(2)
    assert waiting.result() == 2


async def test_the_oldest_go() -> None:
    feed: Feed[int] = Feed(2)
    for item in (1, 2, 3):
        feed.put(item)
    assert [await feed.next(), await feed.next()] == [2, 3]
    assert feed.count == 3


async def test_skip() -> None:
    feed: Feed[int] = Feed()
    feed.put(1)
    feed.skip()
    feed.put(2)
    assert await feed.next() == 2


async def test_the_end() -> None:
    feed: Feed[int] = Feed()
    feed.put(1)
    feed.end()
    assert await feed.next() == 1
    with pytest.raises(ConnectionResetError, match="over"):
        await feed.next()
    assert feed.latest == 1
    assert Feed[int]().latest is None
