import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from functools import partial

import numpy as np
import pytest

from fastrtc_core.outputs import Output
from fastrtc_core.replies import LARGE, pull
from fastrtc_core.testing import in_virtual_time, watch
from fastrtc_core.workers import WorkerPool


def output(item: object) -> Output:
    """Stand in for the real conversion: numbers pass, in the thread that asked for them."""
    if item == "bad":
        raise ValueError("bad")
    made.append((item, threading.current_thread() is threading.main_thread()))
    return Output()


made: list[tuple[object, bool]] = []


async def items(source: object, pool: WorkerPool | None = None) -> list[tuple[object, bool]]:
    """What a source makes, each with whether it was converted on the loop."""
    made.clear()
    pool = pool or WorkerPool()
    watch(pool)
    count = 0
    async for _ in pull(source, output, pool):
        count += 1
    assert count == len(made)
    return list(made)


def sync_generator() -> Iterator[int]:
    yield from (1, 2, 3)


async def async_generator() -> AsyncIterator[int]:
    for number in (1, 2, 3):
        yield number


async def coroutine() -> int:
    return 7


async def coroutine_of_generator() -> AsyncIterator[int]:
    return async_generator()


@pytest.mark.parametrize(
    ("source", "numbers", "on_loop"),
    [
        (7, [7], True),
        ((1, 2), [(1, 2)], True),
        ([1, 2], [1, 2], False),
        (sync_generator, [1, 2, 3], False),
        (partial(sync_generator), [1, 2, 3], False),
        (lambda: 7, [7], True),
        (lambda: iter([1, 2, 3]), [1, 2, 3], False),
        (lambda: aiter(async_generator()), [1, 2, 3], True),
        (async_generator, [1, 2, 3], True),
        (coroutine, [7], True),
        (coroutine_of_generator, [1, 2, 3], True),
        (lambda: asyncio.sleep(0, 7), [7], True),
        ([], [], False),
    ],
)
async def test_forms_of_sources(source: object, numbers: list[object], on_loop: bool) -> None:
    pool = WorkerPool()
    assert await items(source, pool) == [(number, on_loop) for number in numbers]
    await until_free(pool)


@pytest.mark.parametrize("make", [sync_generator, async_generator, coroutine])
async def test_objects_that_are_under_way(make: object) -> None:
    assert callable(make)
    assert [item for item, _ in await items(make())] in ([1, 2, 3], [7])


@pytest.mark.parametrize(("size", "on_loop"), [(LARGE, True), (LARGE + 1, False)])
async def test_large_arrays_are_converted_off_the_loop(size: int, on_loop: bool) -> None:
    threads: list[threading.Thread] = []

    def convert(item: object) -> Output:
        threads.append(threading.current_thread())
        return Output()

    audio = (24000, np.zeros(size, np.int16))
    async for _ in pull(audio, convert, WorkerPool()):
        pass
    assert [thread is threading.main_thread() for thread in threads] == [on_loop]


def raising() -> Iterator[object]:
    yield 1
    raise ZeroDivisionError


async def raising_async() -> AsyncIterator[object]:
    yield 1
    raise ZeroDivisionError


@pytest.mark.parametrize("source", [raising, raising_async, lambda: 1 / 0])
async def test_exceptions_pass(source: object) -> None:
    pool = WorkerPool()
    with pytest.raises(ZeroDivisionError):
        await items(source, pool)
    await until_free(pool)


async def test_an_item_that_can_not_be_converted_is_an_error() -> None:
    with pytest.raises(ValueError, match="bad"):
        await items(["bad"])


async def test_generators_are_closed_when_the_puller_leaves() -> None:
    closed: list[str] = []

    def talk() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(threading.current_thread().name)

    async def talk_async() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append("async")

    pool = WorkerPool()
    for source in (talk, talk_async):
        async with aclosing(pull(source, output, pool)) as outputs:  # type: ignore[type-var]  # a generator
            async for _ in outputs:
                break
    await until_free(pool)
    assert sorted(closed) == ["async", "fastrtc-worker"]


@in_virtual_time
async def test_a_blocked_generator_is_left_and_closed_later() -> None:
    pool = WorkerPool()
    watch(pool)
    gate = threading.Event()
    seen: list[str] = []

    def slow() -> Iterator[int]:
        try:
            yield 1
            gate.wait()
            yield 2
            seen.append("asked for more")
        finally:
            seen.append("closed")

    made.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(items(slow, pool), 1)
    assert (len(made), seen, pool.lanes) == (1, [], 1)
    gate.set()
    await until_free(pool)
    assert seen == ["closed"]


async def until_free(pool: WorkerPool) -> None:
    async with asyncio.timeout(5):
        while pool.lanes or pool.running:
            await asyncio.sleep(0.001)
