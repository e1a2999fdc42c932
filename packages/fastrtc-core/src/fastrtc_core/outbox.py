"""Control messages on their way to the peer, and what it means when the peer takes nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from fastrtc_core.errors import SessionClosedError
from fastrtc_core.events import CloseReason
from fastrtc_core.transport import Wire

SEND_TIMEOUT: Final = 10.0
"""Seconds after which a peer that takes nothing is given up."""

GOODBYE_TIMEOUT: Final = 0.5
"""Seconds for sending what is queued when the session ends."""

MAX_MESSAGES: Final = 256
"""Messages that may wait for a peer that does not read."""

Lost = Callable[[CloseReason], SessionClosedError]
Settle = Callable[[], Awaitable[None]]


class Outbox:
    """The messages of one session, in order.

    Args:
        wire: Where they go.
        lost: Ends the session because the peer is gone or stuck, and returns what is to be raised.

    """

    def __init__(self, wire: Wire, lost: Lost) -> None:
        self._wire = wire
        self._lost = lost
        self._queue: asyncio.Queue[str | Settle] = asyncio.Queue(MAX_MESSAGES)
        self._next: str | Settle | None = None
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[object, float] = {}
        self._check: asyncio.TimerHandle | None = None
        self.sent = 0
        """Messages sent so far."""

    def put(self, item: str | Settle) -> None:
        """Queue a message, JSON text, or something else to be done in its place.

        A full queue means a stuck peer and ends the session.
        """
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            self._lost(CloseReason.CLIENT_STALLED)

    def put_last(self, text: str) -> None:
        """Queue a message for a session that ends; without room it is not sent."""
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait(text)

    async def run(self) -> None:
        """Send whatever comes."""
        while True:
            await self._send_next()

    async def finish(self) -> None:
        """Send what is left, if the peer takes it soon."""
        if self._check is not None:
            self._check.cancel()
        with suppress(TimeoutError, SessionClosedError):
            async with asyncio.timeout(GOODBYE_TIMEOUT):
                while self._next is not None or not self._queue.empty():
                    await self._send_next()

    async def deliver(self, sending: Awaitable[None]) -> None:
        """Wait for a call of the wire; one that takes too long ends the session.

        Raises:
            SessionClosedError: The peer is gone.

        """
        # Not asyncio.timeout: made and undone for every frame, it costs more than the sending.
        self._under_way[sending] = self._loop.time()
        if self._check is None:
            self._check = self._loop.call_later(SEND_TIMEOUT, self._check_progress)
        try:
            await sending
        except ConnectionError as error:
            raise self._lost(CloseReason.CLIENT_LEFT) from error
        finally:
            del self._under_way[sending]

    def _check_progress(self) -> None:
        self._check = None
        if not self._under_way:
            return
        due = min(self._under_way.values()) + SEND_TIMEOUT
        if due <= self._loop.time():
            self._lost(CloseReason.CLIENT_STALLED)
        else:
            self._check = self._loop.call_at(due, self._check_progress)

    async def _send_next(self) -> None:
        # Kept until it is done: `run` may be cancelled meanwhile, and `finish` goes on with it.
        if self._next is None:
            self._next = await self._queue.get()
        if isinstance(self._next, str):
            await self.deliver(self._wire.send_message(self._next))
            self.sent += 1
        else:
            await self._next()
        self._next = None
