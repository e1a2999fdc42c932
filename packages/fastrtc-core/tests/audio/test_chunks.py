import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_core.audio.chunks import (
    aggregate_bytes_to_16bit,
    async_aggregate_bytes_to_16bit,
    wait_for_item,
)


async def arriving(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def test_documented_example() -> None:
    arrays = list(aggregate_bytes_to_16bit([b"\x00\x01", b"\x02\x03", b"\x04\x05"]))
    assert [array.tolist() for array in arrays] == [[[0x0100]], [[0x0302]], [[0x0504]]]


def test_half_a_sample_waits_for_the_next_chunk() -> None:
    arrays = list(aggregate_bytes_to_16bit([b"\x01", b"", b"\x00\x02", b"\x00\xff\xff"]))
    assert [array.tolist() for array in arrays] == [[[1]], [[2, -1]]]
    assert all(array.dtype == np.int16 and array.flags.writeable for array in arrays)


@given(samples=st.lists(st.integers(-32768, 32767)), cuts=st.lists(st.integers(0, 60)))
def test_cuts_do_not_show(samples: list[int], cuts: list[int]) -> None:
    data = np.array(samples, "<i2").tobytes()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[start:end] for start, end in itertools.pairwise(edges)]
    received = [value for array in aggregate_bytes_to_16bit(chunks) for value in array[0].tolist()]
    assert received == samples


async def test_asynchronous_chunks_give_the_same() -> None:
    chunks = [b"\x01", b"\x00\x02", b"\x00"]
    arrays = [array async for array in async_aggregate_bytes_to_16bit(arriving(chunks))]
    assert [array.tolist() for array in arrays] == [[[1]], [[2]]]


async def test_a_last_odd_byte_is_dropped_aloud(caplog: pytest.LogCaptureFixture) -> None:
    chunks = [b"\x01\x00\x02"]
    with caplog.at_level(logging.WARNING, "fastrtc_core"):
        assert [a.tolist() for a in aggregate_bytes_to_16bit(chunks)] == [[[1]]]
        received = [a.tolist() async for a in async_aggregate_bytes_to_16bit(arriving(chunks))]
    assert received == [[[1]]]
    assert [record.getMessage() for record in caplog.records] == [
        "16-bit audio ended in the middle of a sample: last byte dropped"
    ] * 2


async def test_wait_for_item_gives_what_is_there_even_without_time() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    queue.put_nowait(1)
    assert await wait_for_item(queue, timeout=0) == 1


async def test_wait_for_item_gives_what_arrives_in_time() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wait_for_item(queue, timeout=30))
        await asyncio.sleep(0)
        queue.put_nowait(1)
    assert waiting.result() == 1


async def test_wait_for_item_gives_none_and_loses_nothing() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    assert await wait_for_item(queue, timeout=0.001) is None
    queue.put_nowait(1)
    assert queue.get_nowait() == 1


async def test_wait_for_item_can_be_cancelled() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wait_for_item(queue, timeout=30))
        await asyncio.sleep(0)
        waiting.cancel()
    assert waiting.cancelled()
