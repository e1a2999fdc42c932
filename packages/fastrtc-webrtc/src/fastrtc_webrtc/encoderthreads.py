"""Threads of a transport's own, for work on pictures.

Not the event loop's default executor, which applications use for whatever blocks, nor the threads
of user code: an encoder has milliseconds, and must not wait behind somebody's database.

Of the threads that are idle always the same one is taken, the oldest. glibc gives every thread a
heap of its own, and what one of them frees is of no use to the other: with calls dealt out in turn,
the pictures and coders of one session of 720p take ten megabytes more, in holes here and there.
"""

import heapq
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Call = Callable[[], None]

LEAST: Final = 2
"""Threads even on one core, so that a large picture does not keep small ones waiting."""


class EncoderThreads(Executor):
    """Up to `limit` daemon threads, made when they are needed.

    What is submitted has no bound of its own: every user has one call under way at a time.

    Args:
        limit: Most threads; as many as there are cores by default.

    """

    def __init__(self, limit: int | None = None) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"encoding needs at least one thread, not {limit}")
        self.limit: Final = limit or max(LEAST, os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._waiting: deque[Call] = deque()  # while no thread is idle
        self._idle: list[int] = []  # a heap
        self._threads: list[threading.Thread] = []
        self._calls: list[SimpleQueue[Call | None]] = []  # for each thread: one, or its end
        self._closed = False

    @property
    def threads(self) -> int:
        """How many threads there are."""
        return len(self._threads)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a call made in one of the threads.

        Raises:
            RuntimeError: They were shut down.

        """
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it is the caller's to handle
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._closed:
                raise RuntimeError("the threads for pictures were shut down")
            if self._idle:
                self._calls[heapq.heappop(self._idle)].put(run)
            elif len(self._threads) < self.limit:
                self._start(run)
            else:
                self._waiting.append(run)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads after what was submitted; may be called again.

        Args:
            wait: Whether to wait for them. Don't on an event loop.
            cancel_futures: Without effect: calls are short.

        """
        with self._lock:
            self._closed = True
            while self._idle:
                self._calls[self._idle.pop()].put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _start(self, call: Call) -> None:
        number = len(self._threads)
        self._calls.append(SimpleQueue())
        self._calls[number].put(call)
        name = f"fastrtc-pictures-{number}"
        thread = threading.Thread(target=self._work, args=(number,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, number: int) -> None:
        while (call := self._calls[number].get()) is not None:
            call()
            del call  # else the last picture would stay as long as the thread has nothing to do
            self._take_next(number)

    def _take_next(self, number: int) -> None:
        """Give a thread that is done what waits, or the end if there is to be nothing more."""
        with self._lock:
            if self._waiting:
                self._calls[number].put(self._waiting.popleft())
            elif self._closed:
                self._calls[number].put(None)
            else:
                heapq.heappush(self._idle, number)
