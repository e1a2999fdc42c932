"""A bounded queue that several tasks read, each from its own place."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Broadcast(Generic[T]):
    """Keeps the newest items; the oldest are dropped and counted.

    Args:
        keep: How many items are kept for readers that are behind.

    """

    def __init__(self, keep: int) -> None:
        self._items: deque[T] = deque(maxlen=keep)
        self._total = 0
        self._taken = 0
        self._news = asyncio.Event()
        self._closed = False

    @property
    def dropped(self) -> int:
        """How many items have gone out of reach."""
        return self._total - len(self._items)

    def at(self, number: int) -> T | None:
        """Return an item by its number, counted from 0; None if it is out of reach or to come."""
        place = number - self.dropped
        return self._items[place] if 0 <= place < len(self._items) else None

    def put(self, item: T) -> None:
        """Add an item; from the event loop only."""
        self._items.append(item)
        self._total += 1
        self._wake()

    def close(self) -> None:
        """End all readers once they have read what is there."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def listen(self) -> AsyncIterator[T]:
        """Yield every item, those that are still kept first, until `close`."""
        place = 0
        while True:
            place = max(place, self.dropped)
            if place < self._total:
                yield self._items[place - self.dropped]
                place += 1
            elif self._closed:
                return
            else:
                await self._news.wait()

    async def latest(self) -> T:
        """Wait for an item newer than the last that was returned here, and return the newest.

        Raises:
            EOFError: Closed, and nothing newer is there.

        """
        while self._taken >= self._total:
            if self._closed:
                raise EOFError("closed")
            await self._news.wait()
        self._taken = self._total
        return self._items[-1]
