"""From any thread to the event loop of a session."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Bridge:
    """Belongs to the event loop that makes it.

    Args:
        tasks: Where work from other threads runs; it is cancelled with the session.
        closed: Makes the exception for work that the session's end has cut short.

    """

    def __init__(self, tasks: asyncio.TaskGroup, closed: Callable[[], Exception]) -> None:
        self._tasks = tasks
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def is_here(self) -> bool:
        """Whether the caller runs on the event loop's thread."""
        return threading.get_ident() == self._thread

    def do(self, call: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Make a call on the event loop: now if the caller is there, else as soon as it can."""
        if self.is_here:
            call(*args, **kwargs)
        else:
            self._loop.call_soon_threadsafe(lambda: call(*args, **kwargs))

    def get(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call on the event loop and return its result."""
        if self.is_here:
            return call(*args, **kwargs)

        async def there() -> T:
            return call(*args, **kwargs)

        return self.wait(there())

    def wait(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the event loop, for a thread that waits for its result.

        Raises:
            RuntimeError: Called on the event loop, which it would block.
            Exception: What the coroutine raises, or that the session ended before.

        """
        if self.is_here:
            work.close()
            raise RuntimeError("this would block the event loop; await the async form instead")
        return asyncio.run_coroutine_threadsafe(self._supervised(work), self._loop).result()

    async def _supervised(self, work: Coroutine[object, object, T]) -> T:
        outcome: asyncio.Future[T] = self._loop.create_future()

        async def run() -> None:
            try:
                outcome.set_result(await work)
            except Exception as error:  # noqa: BLE001 - it is the waiting thread's
                outcome.set_exception(error)

        def ended(_task: asyncio.Task[None]) -> None:
            work.close()
            if not outcome.done():
                outcome.set_exception(self._closed())

        running = run()
        try:
            self._tasks.create_task(running).add_done_callback(ended)
        except RuntimeError:  # the group has ended
            running.close()
            work.close()
            raise self._closed() from None
        return await outcome
