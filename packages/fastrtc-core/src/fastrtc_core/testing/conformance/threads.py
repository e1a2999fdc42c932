"""Calling what is checked in threads, and counting those that it leaves behind."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from fastrtc_core.testing.conformance.report import require

T = TypeVar("T")

THREAD_LIST: Final = Path("/proc/self/task")
CALLS: Final = 5
SETTLING: Final = 2.0
"""Seconds in which a thread that has done its work is gone."""


async def in_thread(work: Callable[[], T]) -> T:
    """Call something in a thread of its own, and return what it returns.

    A call that hangs holds up nobody but its caller, and not the end of the program.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type] # without an error, it is a T

    def run() -> None:
        result: T | None = None
        failure: Exception | None = None
        try:
            result = work()
        except StopIteration as error:  # a future can't carry it
            failure = RuntimeError(f"StopIteration: {error}")
        except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, result, failure)

    threading.Thread(target=run, daemon=True).start()
    return await done


def together(works: Sequence[Callable[[], T]]) -> list[T]:
    """Call several things at the same time, each in a thread, and return what they return."""
    results: list[T | Exception] = [RuntimeError("it did not run")] * len(works)
    start = threading.Barrier(len(works))

    def run(index: int) -> None:
        start.wait()
        try:
            results[index] = works[index]()
        except Exception as error:  # noqa: BLE001 - it is raised below
            results[index] = error

    workers = [
        threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(works))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    good: list[T] = []
    for result in results:
        if isinstance(result, Exception):
            raise result
        good.append(result)
    return good


def leaves_no_threads(work: Callable[[], object]) -> None:
    """Check that calls leave no more threads behind than the first one did.

    Raises:
        RuleBrokenError: They do.

    """
    work()
    before = threads()
    for _ in range(CALLS):
        work()
    deadline = time.monotonic() + SETTLING
    while threads() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    more = len(threads() - before)
    require(more == 0, f"{more} threads more after {CALLS} calls")


def threads() -> set[int]:
    """Return the threads of the process, on Linux those of native code among them."""
    if THREAD_LIST.exists():
        return {int(thread.name) for thread in THREAD_LIST.iterdir()}
    return {thread.ident for thread in threading.enumerate() if thread.ident is not None}
