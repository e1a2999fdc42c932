"""Gives memory back to the system that sessions have freed.

The C library keeps what was freed for the next allocation of its kind. Pictures, codecs and key
material of a thousand sessions that have come and gone are of many kinds and sizes, and what is
kept adds up to hundreds of megabytes that nobody uses. glibc has a call to return them,
malloc_trim(3); other C libraries return memory by themselves.
"""

import asyncio
import ctypes
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

logger = logging.getLogger("fastrtc_webrtc")

INTERVAL: Final = 2.0
"""Seconds from a session's end to the call; all that end meanwhile share it."""


def find_trim() -> Callable[[int], int] | None:
    """Return glibc's malloc_trim, None where there is none."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


class Trimmer:
    """Returns freed memory now and then.

    Args:
        executor: Where the call is made: it takes milliseconds.

    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._trim = find_trim()
        self._timer: asyncio.TimerHandle | None = None
        self.calls = 0
        """How often memory was returned."""

    def soon(self) -> None:
        """Note that there is something to return."""
        if self._trim is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._run)

    def close(self) -> None:
        """Return nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        self._trim = None

    def _run(self) -> None:
        self._timer = None
        if self._trim is None:
            return
        self.calls += 1
        try:
            self._executor.submit(self._trim, 0)
        except RuntimeError:
            logger.debug("the threads were shut down before memory was returned")
