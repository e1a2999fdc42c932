"""What the three servers have in common: the handlers' names, the slow function, the loop's lag."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benchmarks.servers.serve import stats

Picture = NDArray[np.uint8]
Endpoint = Callable[[Request], Awaitable[Response]]

SLOW_SECONDS: Final = 0.2
"""What a function that looks for faces takes on a busy machine."""

LAG_PERIOD: Final = 0.01

SKIPS: Final = {"slow": False, "slow-skip": True}
"""The handlers that are slow functions of pictures: whether they ask for the newest only."""


def slow(picture: Picture) -> Picture:
    """Return the picture after `SLOW_SECONDS`, during which the thread is blocked."""
    time.sleep(SLOW_SECONDS)
    return picture


def negative(picture: Picture) -> Picture:
    """Return the negative at once: no picture that came by without the function looks like it."""
    return 255 - picture


class Lag:
    """How late the event loop runs what is due, noticed every `LAG_PERIOD` from the first request.

    A loop that was blocked has missed many of those moments. Each counts, as it would for the
    sessions that had something to do then.
    """

    def __init__(self) -> None:
        self._late: list[float] = []
        self._due = 0.0

    async def report(self, _: Request) -> JSONResponse:
        """Milliseconds late since the last request."""
        late, self._late = self._late, []
        if not self._due:
            loop = asyncio.get_running_loop()
            self._due = loop.time()
            loop.call_soon(self._tick)
        return JSONResponse({"late_ms": late})

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while self._due <= loop.time():
            self._late.append(1000 * (loop.time() - self._due))
            self._due += LAG_PERIOD
        loop.call_at(self._due, self._tick)


async def nothing(_: Request) -> JSONResponse:
    """The answer of a server that needs no word of its client's inputs."""
    return JSONResponse({})


async def collect(_: Request) -> JSONResponse:
    """Free what only refers to itself: Python would at some moment, and it is no growth."""
    return JSONResponse({"collected": gc.collect()})


def endpoints(inputs: Endpoint = nothing) -> dict[str, Endpoint]:
    """What the client asks beside offers, by path."""
    return {"/stats": stats, "/lag": Lag().report, "/inputs": inputs, "/collect": collect}
