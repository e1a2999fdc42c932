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
    """Calls a function with every event, in order, in a task that outlives the session's others.

    Args:
        notify: Calls the application's function, off the event loop if it is sync.

    """

    def __init__(self, notify: Callable[[Event], Awaitable[object]]) -> None:
        self._notify = notify
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(KEPT + 1)  # and the end
        self._tasks = asyncio.TaskGroup()

    def put(self, event: Event) -> None:
        """Add an event."""
        if self._events.qsize() >= KEPT:
            logger.warning("on_event is too slow: %s is lost", self._events.get_nowait())
        self._events.put_nowait(event)

    async def start(self) -> None:
        """Begin to call the function."""
        await self._tasks.__aenter__()
        self._tasks.create_task(self._run())

    async def finish(self) -> None:
        """Let the function have the events that are left; to be called where `start` was."""
        self._events.put_nowait(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_CHANCE):
                await self._tasks.__aexit__(None, None, None)

    async def _run(self) -> None:
        while (event := await self._events.get()) is not None:
            try:
                await self._notify(event)
            except Exception:
                logger.exception("on_event failed for %s", event)
