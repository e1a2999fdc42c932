"""A word to code in a thread that its work is not wanted any more.

A thread can't be stopped from outside. Synchronous generators are closed when they come back, and
what takes long in one step, such as an inference, may ask `current_stop` to be told sooner.
"""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Stop:
    """Set once, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._calls: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        """Whether the work is not wanted any more."""
        return self._set

    def set(self) -> None:
        """Tell all who asked; may be called again. Their calls are short and raise nothing."""
        with self._lock:
            self._set = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def tell(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have a call made when it is set, at once if it is; return a function that takes it back.

        Args:
            call: Made in whatever thread sets it; short, and raises nothing.

        """
        with self._lock:
            if not self._set:
                self._calls.append(call)
                return lambda: self._forget(call)
        call()
        return lambda: None

    def _forget(self, call: Callable[[], None]) -> None:
        with self._lock:
            if call in self._calls:
                self._calls.remove(call)


_current: ContextVar[Stop | None] = ContextVar("fastrtc_stop", default=None)


def current_stop() -> Stop | None:
    """Return what tells that the reply being made here is not wanted any more, if anything does."""
    return _current.get()


def within(stop: Stop, call: Callable[P, T]) -> Callable[P, T]:
    """Return a call that is made with `current_stop` being this, in a context of its own."""

    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        token = _current.set(stop)
        try:
            return call(*args, **kwargs)
        finally:
            _current.reset(token)

    return called
