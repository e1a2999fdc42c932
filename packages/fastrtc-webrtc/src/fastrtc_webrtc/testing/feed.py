"""What comes to a client: kept, and waited for."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

MAX_KEPT: Final = 20_000
"""Items kept of each kind, the newest: seven minutes of sound in frames of 20 ms."""

Item = TypeVar("Item")


class Feed(Generic[Item]):
    """Items in the order in which they came; iterating gives all that are kept.

    `next` and `match` go through them once, so that each is met once.
    """

    def __init__(self, limit: int = MAX_KEPT) -> None:
        self._items: deque[Item] = deque(maxlen=limit)
        self._came = 0
        self._taken = 0
        self._news = asyncio.Event()
        self._ended = False

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items))

    def __len__(self) -> int:
        return len(self._items)

    @property
    def count(self) -> int:
        """How many have come, also those that are not kept any more."""
        return self._came

    @property
    def latest(self) -> Item | None:
        """The newest."""
        return self._items[-1] if self._items else None

    def put(self, item: Item) -> None:
        """Add an item."""
        self._items.append(item)
        self._came += 1
        self._news.set()

    def end(self) -> None:
        """Say that no more will come."""
        self._ended = True
        self._news.set()

    def resume(self) -> None:
        """Say that more may come after all."""
        self._ended = False

    def skip(self) -> None:
        """Let `next` give only what comes from now on."""
        self._taken = self._came

    async def next(self) -> Item:
        """Wait for the next item and return it.

        Raises:
            ConnectionResetError: The connection is over, and all that came was taken.

        """
        while self._taken >= self._came:
            if self._ended:
                raise ConnectionResetError("the connection is over, and nothing more has come")
            self._news.clear()
            await self._news.wait()
        self._taken = max(self._taken, self._came - len(self._items))
        item = self._items[self._taken - self._came]
        self._taken += 1
        return item

    async def match(self, wanted: Callable[[Item], bool]) -> Item:
        """Wait for the next item that is wanted and return it; the others are passed over.

        Raises:
            ConnectionResetError: The connection is over, and no such item has come.

        """
        while not wanted(item := await self.next()):
            pass
        return item
