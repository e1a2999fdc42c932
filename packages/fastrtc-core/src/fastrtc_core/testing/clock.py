"""Virtual time: an hour of conversation in seconds, and the same every time.

The event loop of `run` does not wait for a timer: when nothing else is left to do, its clock jumps
to the next one. Work in threads is waited for really, while the clock stands still, so that a call
in a thread takes no virtual time. The clock goes on without a thread that waits for others, in
`threading.Event.wait`, `queue.Queue.get` and their like, or whose call takes longer than `GRACE`.

Threads are known by their worker pool (`watch`; `fastrtc_core.testing.connect` does that) or by
``loop.run_in_executor``. Sockets, pipes and subprocesses are not supported, since their peers live
in real time: waiting for one raises an error. `time.monotonic` and `time.sleep` stay real, too.
"""

import asyncio
import selectors
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from functools import wraps
from types import FrameType
from typing import Any, Final, ParamSpec, TypeVar
from weakref import WeakSet

from fastrtc_core.workers import WorkerPool

P = ParamSpec("P")
T = TypeVar("T")

LIMIT: Final = 3600.0
"""Seconds of virtual time after which `run` gives up, unless told otherwise."""

GRACE: Final = 0.05
"""Real seconds a call in a thread may take before the clock goes on without it."""

TURN: Final = 1e-9
"""Seconds of virtual time that a turn of the loop takes.

Were it none, code that sleeps again because a rounding error woke it early would do so for ever.
"""

PATIENCE: Final = 10.0
"""Real seconds to wait for threads when nothing else can ever happen."""

_SHORTEST_PAUSE: Final = 5e-5
"""Real seconds in which a thread that was just woken begins to run."""

_LONGEST_PAUSE: Final = 1e-3


class DeadlockError(RuntimeError):
    """Nothing can ever happen again: all tasks wait, no timer is set, no thread works.

    Attributes:
        tasks: What waits, and where.

    """

    def __init__(self, tasks: list[str], blocked: int) -> None:
        super().__init__(tasks, blocked)
        self.tasks = tasks
        self.blocked = blocked

    def __str__(self) -> str:
        threads = f", {self.blocked} calls in threads do not return" if self.blocked else ""
        return "\n  ".join([f"all tasks wait for ever{threads}:", *self.tasks])


def run(main: Coroutine[Any, Any, T], *, limit_s: float = LIMIT) -> T:
    """Run a coroutine in virtual time, which begins at 0.0, and return its result.

    Args:
        main: What to run; tasks it leaves behind are cancelled, as by `asyncio.run`.
        limit_s: Seconds of virtual time it may take.

    Raises:
        DeadlockError: It waits for something that can't happen.
        TimeoutError: It takes longer than `limit_s`.

    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(limit_s)) as runner:
        return runner.run(main)


def in_virtual_time(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Decorate an async test: the result is a sync function that runs it in virtual time."""

    @wraps(function)
    def test(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(function(*args, **kwargs))

    return test


def watch(pool: WorkerPool) -> None:
    """Let virtual time stand still while a pool's threads work; in real time, do nothing."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualLoop):
        loop.clock.pools.add(pool)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps; see `run`."""

    def __init__(self, limit_s: float = LIMIT) -> None:
        self.clock: Final = _Clock(limit_s)
        super().__init__(self.clock)
        self.clock.sealed = True

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.clock.now

    def run_in_executor(  # type: ignore[override]  # typeshed's own signature has no name for these
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Run a call in an executor; virtual time stands still for it."""
        call = object()

        def noted() -> T:
            self.clock.executor_calls[call] = threading.get_ident()
            return func(*args)

        self.clock.executor_calls[call] = 0
        future = super().run_in_executor(executor, noted)
        future.add_done_callback(lambda _: self.clock.executor_calls.pop(call))
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the threads of `run_in_executor`, in real time and without limit."""
        self.clock.executor_calls[self] = 0
        try:
            await super().shutdown_default_executor()
        finally:
            del self.clock.executor_calls[self]


class _Clock(selectors.DefaultSelector):
    """Stands where a loop waits: instead of waiting for time to pass, makes it pass."""

    def __init__(self, limit_s: float) -> None:
        super().__init__()
        self.now = 0.0
        self.limit_s = limit_s
        self.sealed = False
        self.pools: WeakSet[WorkerPool] = WeakSet()
        self.executor_calls: dict[object, int] = {}
        self._given_up: set[object] = set()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self.sealed:  # the loop's own wake-up pipe is there already
            raise RuntimeError(f"virtual time knows no sockets or pipes, such as {fileobj!r}")
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += TURN
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if woken := self._wait_while(self._working, GRACE):
            return woken
        if timeout is not None:
            self._jump(timeout)
            return []
        if woken := self._wait_while(self._calls, PATIENCE):
            return woken
        raise DeadlockError(_waiting_tasks(), len(self._calls()))

    def _jump(self, seconds: float) -> None:
        self.now += seconds
        if self.now > self.limit_s:
            tasks = "\n  ".join(_waiting_tasks())
            raise TimeoutError(f"not done in {self.limit_s:g} s of virtual time:\n  {tasks}")

    def _wait_while(
        self, running: Callable[[], dict[object, int]], longest: float
    ) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait until a thread wakes the loop or none of the calls runs any more.

        A call ends a moment after it has woken the loop, and nothing tells of that: hence the
        pauses.
        """
        deadline = time.monotonic() + longest
        pause = _SHORTEST_PAUSE
        if self._calls():
            time.sleep(pause)
        while True:
            calls = running()
            if woken := super().select(0):
                return woken
            if not calls:
                return []
            if time.monotonic() >= deadline:
                self._given_up.update(calls)
                return []
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE)

    def _calls(self) -> dict[object, int]:
        calls = dict(self.executor_calls)
        for pool in self.pools:
            calls |= pool.calls
        return calls

    def _working(self) -> dict[object, int]:
        """Return the calls that time has to stand still for."""
        calls = self._calls()
        self._given_up &= calls.keys()
        frames = sys._current_frames() if calls else {}
        return {
            call: thread
            for call, thread in calls.items()
            if call not in self._given_up and not _waits_for_others(frames.get(thread))
        }


def _waits_for_others(frame: FrameType | None) -> bool:
    """Whether a thread is where events, queues and futures all wait, and nobody has woken it yet.

    There it waits for a lock of its own, which whoever wakes it releases.
    """
    if frame is None or frame.f_code is not threading.Condition.wait.__code__:
        return False
    lock = frame.f_locals.get("waiter")
    return lock is not None and lock.locked()


def _waiting_tasks() -> list[str]:
    tasks = asyncio.all_tasks(asyncio.get_running_loop())
    return sorted(f"{task.get_name()} in {_place(task)}" for task in tasks)


def _place(task: asyncio.Task[Any]) -> str:
    """Say which line a task waits in: its innermost coroutine's."""
    name, line = "", 0
    waiting: Any = task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None:
            name, line = frame.f_code.co_qualname, frame.f_lineno
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return f"{name}, line {line}" if name else repr(task)
