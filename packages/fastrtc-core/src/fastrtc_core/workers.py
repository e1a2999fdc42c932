"""Threads for synchronous user code: bounded, private, in order per lane.

User code never runs on the event loop, nor in the loop's default executor, where media libraries
encode. It may block for ever, so the threads are daemons and a lane can abandon the one it waits
for: the thread ends what it does, runs the clean-up that was left for it, and only then counts as
free again.
"""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Final, Generic, ParamSpec, TypeVar

from fastrtc_core.errors import WorkersExhaustedError

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("fastrtc_core")

DEFAULT_WORKERS: Final = 512
"""Enough for 170 calls of a handler that blocks in `emit`.

A thread costs about 50 kB until it is used.
"""

IDLE_SECONDS: Final = 20.0
"""A thread without work ends after this time."""


class _Job(Generic[T]):
    """One call on its way through a thread."""

    __slots__ = ("_call", "_context", "_future", "_lane", "_loop")

    def __init__(self, lane: "Lane", call: Callable[[], T]) -> None:
        self._lane = lane
        self._call = call
        self._context = contextvars.copy_context()
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[T] = self._loop.create_future()

    @property
    def future(self) -> asyncio.Future[T]:
        return self._future

    def run(self) -> None:
        try:
            result = self._context.run(self._call)
        except BaseException as error:  # noqa: BLE001 - it is the caller's to handle
            self._finish(None, error)
        else:
            self._finish(result, None)

    def _finish(self, result: T | None, error: BaseException | None) -> None:
        after = self._lane._returned(self)
        try:
            self._loop.call_soon_threadsafe(self._settle, result, error)
        except RuntimeError:  # the loop has closed: nobody waits any more
            logger.debug("a worker outlived its event loop")
        if after is not None:
            self._context.run(_quietly, after)

    def _settle(self, result: T | None, error: BaseException | None) -> None:
        if self._future.done():
            return
        if error is None:
            self._future.set_result(result)  # type: ignore[arg-type]  # T may be None itself
        elif isinstance(error, StopIteration):  # a future refuses it
            self._future.set_exception(RuntimeError("user code raised StopIteration"))
        else:
            self._future.set_exception(error)


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:
        logger.exception("clean-up of an abandoned call failed")


class WorkerPool:
    """Up to `limit` threads, made when needed.

    Args:
        limit: Most lanes at a time, stuck ones included.

    """

    def __init__(self, limit: int = DEFAULT_WORKERS) -> None:
        if limit < 1:
            raise ValueError(f"a worker pool needs at least one thread, not {limit}")
        self.limit = limit
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Job[object]]] = []
        self._lanes = 0
        self._calls: dict[object, int] = {}

    @property
    def lanes(self) -> int:
        """How many lanes are open or still stuck in user code."""
        return self._lanes

    @property
    def running(self) -> int:
        """How many calls run at this moment."""
        return len(self._calls)

    @property
    def calls(self) -> dict[object, int]:
        """The calls that run at this moment, each with its thread's ident, 0 before it has one.

        For clocks of tests, which must not go on while a thread works.
        """
        with self._lock:
            return dict(self._calls)

    def lane(self, *, even_if_full: bool = False) -> "Lane":
        """Open a lane; close it when done.

        Args:
            even_if_full: For what must run whatever else does, such as clean-up.

        Raises:
            WorkersExhaustedError: `limit` lanes are open or stuck.

        """
        with self._lock:
            if self._lanes >= self.limit and not even_if_full:
                raise WorkersExhaustedError(self.limit)
            self._lanes += 1
        return Lane(self)

    def lanes_for(self, names: Iterable[str]) -> dict[str, "Lane"]:
        """Open a lane for each name, or none.

        Raises:
            WorkersExhaustedError: There are not that many.

        """
        lanes: dict[str, Lane] = {}
        try:
            for name in names:
                lanes[name] = self.lane()
        except WorkersExhaustedError:
            for lane in lanes.values():
                lane.close()
            raise
        return lanes

    async def call(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one call in a lane of its own.

        Raises:
            WorkersExhaustedError: As for `lane`.

        """
        lane = self.lane()
        try:
            return await lane.run(call, *args, **kwargs)
        finally:
            lane.close()

    def _release(self) -> None:
        with self._lock:
            self._lanes -= 1

    def _start(self, job: "_Job[T]") -> None:
        with self._lock:
            self._calls[job] = 0
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = SimpleQueue()
            threading.Thread(
                target=self._work, args=(inbox,), name="fastrtc-worker", daemon=True
            ).start()
        inbox.put(job)  # type: ignore[arg-type]  # a queue of jobs of any result

    def _work(self, inbox: "SimpleQueue[_Job[object]]") -> None:
        while True:
            try:
                job = inbox.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if inbox in self._idle:
                        self._idle.remove(inbox)
                        return
                continue  # it was taken out of the idle list just now: a job is coming
            self._calls[job] = threading.get_ident()
            job.run()
            with self._lock:
                del self._calls[job]
                self._idle.append(inbox)
            del job


class Lane:
    """Calls of one part of one session, one at a time."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._job: _Job[object] | None = None
        self._after: Callable[[], object] | None = None
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a call runs, be it that nobody waits for it any more."""
        return self._job is not None

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call in a thread, in this task's context, and return its result.

        Cancelling does not stop the thread; see `abandon`.

        Raises:
            RuntimeError: The lane is closed, or busy with a call that was cancelled.

        """
        if self._closed:
            raise RuntimeError("this lane is closed")
        job: _Job[T] = _Job(self, lambda: call(*args, **kwargs))
        with self._lock:
            if self._job is not None:
                raise RuntimeError("this lane is busy; abandon it and open another one")
            self._job = job  # type: ignore[assignment]  # jobs of any result
        self._pool._start(job)
        return await job.future

    def close(self, after: Callable[[], object] | None = None) -> None:
        """Give the lane up without waiting; it counts as free when its last call has returned.

        Args:
            after: Clean-up of the user's, run in the lane's thread as the last call.

        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._job is not None:
                self._after = after
                return
        if after is None:
            self._pool._release()
            return
        job: _Job[None] = _Job(self, lambda: _quietly(after))
        self._job = job  # type: ignore[assignment]  # jobs of any result
        self._pool._start(job)

    def _returned(self, job: "_Job[T]") -> Callable[[], object] | None:
        with self._lock:
            self._job = None
            after, self._after = self._after, None
            closed = self._closed
        if closed:
            self._pool._release()
        return after
