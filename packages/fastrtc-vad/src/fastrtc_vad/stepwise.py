"""Parts of a conversation that is driven step by step, by `ReplyOnPause.receive` and `emit`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from inspect import isasyncgen, iscoroutine
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import EmitType


@dataclass
class AppState:
    """How far a conversation is."""

    sampling_rate: int = 0
    """Rate of `stream`, in Hz."""

    stream: NDArray[np.int16] | None = None
    """Audio of the turn that has ended, ``(channels, samples)``; None before."""

    started_talking: bool = False
    pause_detected: bool = False

    responding: bool = False
    """Whether a reply is being made."""

    interrupted: bool = False
    """Whether speech has begun while a reply was on its way or heard."""


def stepwise(reply: Callable[[], Any]) -> Iterator[EmitType]:
    """Yield what a reply function makes, whatever its kind, in the thread that asks.

    An async one runs on an event loop of its own.
    """
    made = reply()
    if isasyncgen(made) or iscoroutine(made):
        with asyncio.Runner() as runner:
            if iscoroutine(made):
                yield runner.run(made)
            else:
                yield from _drawn(runner, made)
    elif isinstance(made, Iterator):
        yield from made
    else:
        yield made


def _drawn(runner: asyncio.Runner, items: AsyncIterator[Any]) -> Iterator[EmitType]:
    async def draw() -> EmitType:
        return await anext(items)

    while True:
        try:
            yield runner.run(draw())
        except StopAsyncIteration:
            return
