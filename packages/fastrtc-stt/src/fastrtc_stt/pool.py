"""A bounded number of things that one may use at a time, and that take long to make."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from fastrtc_stt.errors import DecodersExhaustedError

T = TypeVar("T")


class Pool(Generic[T]):
    """Lends decoders out; makes another one when all are lent, up to a limit.

    Args:
        make: Makes one; called in the thread that needs it, others go on.
        limit: The most that there are.
        patience: Seconds to wait for a free one.

    """

    def __init__(self, make: Callable[[], T], limit: int, patience: float) -> None:
        self._make = make
        self._limit = limit
        self._patience = patience
        self._idle: list[T] = []
        self._count = 0
        self._changed = threading.Condition()

    @property
    def count(self) -> int:
        """How many there are, lent or not."""
        return self._count

    def lease(self) -> T:
        """Return one for the caller's own use, who gives it back.

        Raises:
            DecodersExhaustedError: All are lent, and none came back in time.

        """
        with self._changed:
            if not self._changed.wait_for(self._any, self._patience):
                raise DecodersExhaustedError(self._limit, self._patience)
            if self._idle:
                return self._idle.pop()
            self._count += 1
        try:
            return self._make()
        except BaseException:
            with self._changed:
                self._count -= 1
                self._changed.notify()
            raise

    def give_back(self, item: T) -> None:
        """Take back what was lent."""
        with self._changed:
            self._idle.append(item)
            self._changed.notify()

    def _any(self) -> bool:
        return bool(self._idle) or self._count < self._limit
