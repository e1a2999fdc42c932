"""Anything that makes replies, as one asynchronous stream of outputs.

Asynchronous code runs in the task that pulls. Synchronous code runs in a lane of the worker pool,
one step per item, and is converted there too. When the puller is cancelled, asynchronous code is
cancelled where it waits; a synchronous generator that is blocked is left behind: what it yields
later goes nowhere, and it is closed in its own thread as soon as it comes back. What it calls may
know sooner, see `fastrtc_core.stopping`.
"""

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Iterable,
    Iterator,
)
from contextlib import aclosing
from typing import Final, TypeGuard

import numpy as np

from fastrtc_core.outputs import Output
from fastrtc_core.signatures import is_async
from fastrtc_core.stopping import Stop, within
from fastrtc_core.workers import Lane, WorkerPool

Convert = Callable[[object], Output]

_END: Final = Output()
"""Told apart from a handler's own empty output by identity."""

LARGE: Final = 100_000
"""Samples above which conversion is not done on the event loop; it takes about a millisecond."""


async def pull(source: object, convert: Convert, pool: WorkerPool) -> AsyncGenerator[Output, None]:
    """Yield what a source makes, normalised.

    Args:
        source: A value; a sync or async iterator of values; or a callable without arguments, sync
            or async, that returns either.
        convert: Brings a value to its normal form, see `fastrtc_core.outputs`.
        pool: Where synchronous code runs.

    Raises:
        WorkersExhaustedError: No thread is free for synchronous code.
        Exception: What the source or the conversion raises.

    """
    lane: Lane | None = None
    pulled: Iterator[object] | None = None
    stop = Stop()
    step = within(stop, _step)
    try:
        if callable(source):
            if is_async(source):
                source = source()
            else:
                lane = pool.lane()
                source = await lane.run(within(stop, source))
        if inspect.isawaitable(source):
            source = await source
        if isinstance(source, AsyncIterable):
            async with aclosing(_pull_async(source, convert, pool)) as outputs:
                async for output in outputs:
                    yield output
        elif _is_iterable(source):
            lane = lane or pool.lane()
            pulled = iter(source)
            while (output := await lane.run(step, pulled, convert)) is not _END:
                yield output
        else:
            yield await _converted(source, convert, pool)
    finally:
        stop.set()
        if lane is not None:
            lane.close(getattr(pulled, "close", None))


async def _pull_async(
    source: AsyncIterable[object], convert: Convert, pool: WorkerPool
) -> AsyncGenerator[Output, None]:
    iterator = aiter(source)
    try:
        async for item in iterator:
            yield await _converted(item, convert, pool)
    finally:
        if inspect.isasyncgen(iterator):
            await iterator.aclose()


def _step(source: Iterator[object], convert: Convert) -> Output:
    for item in source:
        return convert(item)
    return _END


async def _converted(item: object, convert: Convert, pool: WorkerPool) -> Output:
    if _size(item) > LARGE:
        return await pool.call(convert, item)
    return convert(item)


def _size(item: object) -> int:
    if isinstance(item, np.ndarray):
        return item.size
    if _is_tuple(item):
        return sum(_size(part) for part in item)
    return 0


def _is_tuple(item: object) -> TypeGuard[tuple[object, ...]]:
    return isinstance(item, tuple)


def _is_iterable(source: object) -> TypeGuard[Iterable[object]]:
    return isinstance(source, Iterable) and not isinstance(source, tuple | np.ndarray | str | bytes)
