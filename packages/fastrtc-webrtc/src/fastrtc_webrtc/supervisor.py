"""Tasks that outlive the request which started them.

A WebSocket's session lives in its own request. A WebRTC session begins with a request that must be
answered at once, so its task needs somebody else to wait for it: a task group would have to be
entered before the server's first request and left after the last, where a library has no hand.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final

logger = logging.getLogger("fastrtc_webrtc")

CLOSE_TIMEOUT: Final = 8.0
"""Seconds for tasks to end when the server shuts down: what a handler's `shutdown` may take, and
the end of a connection."""


class Supervisor:
    """Keeps tasks, reports what they raise, and ends them with the server."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[object, object, None], what: str) -> asyncio.Task[None]:
        """Run something to its end; its failure is logged.

        Args:
            work: What to run.
            what: Its name in the log.

        """
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._supervised(work, what))  # kept and reported: see the module
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # it may be cancelled before it began
        return task

    async def close(self) -> None:
        """Wait for the tasks that were told to end, and cancel those that have not in time."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT)
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        if left:
            logger.warning("%d sessions did not end in time and were cut off", len(left))
            await asyncio.wait(left)

    @staticmethod
    async def _supervised(work: Coroutine[object, object, None], what: str) -> None:
        try:
            await work
        except Exception:
            logger.exception("%s failed", what)
