"""Telling the application what happens, without letting it hold anything up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from fastrtc_core.events import Event

logger = logging.getLogger("fastrtc_core")

KEPT: Final = 256
"""Events that may wait for a slow observer; the oldest is lost, with a warning."""

LAST_CHANCE: Final = 5.0
"""Seconds an observer has for what is left when the session has ended."""


class Observer:
    """Calls a function with every event, in order.

    Args:
        notify: Calls the application's function, off the event loop if it is sync.

    """

    def __init__(self, notify: Callable[[Event], Awaitable[object]]) -> None:
        self._notify = notify
        self._events: asyncio.Queue[Event] = asyncio.Queue(KEPT)

    def put(self, event: Event) -> None:
        """Add an event."""
        if self._events.full():
            logger.warning("on_event is too slow: %s is lost", self._events.get_nowait())
        self._events.put_nowait(event)

    async def run(self) -> None:
        """Call the function for every event that comes."""
        while True:
            await self._call(await self._events.get())

    async def finish(self) -> None:
        """Call the function for the events that are left."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_CHANCE):
                while not self._events.empty():
                    await self._call(self._events.get_nowait())

    async def _call(self, event: Event) -> None:
        try:
            await self._notify(event)
        except Exception:
            logger.exception("on_event failed for %s", event)
