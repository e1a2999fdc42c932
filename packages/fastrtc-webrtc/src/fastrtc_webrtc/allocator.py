"""Gives memory back to the system that sessions have freed.

The C library keeps what was freed for the next allocation of its kind. Pictures, codecs and key
material of a thousand sessions that have come and gone are of many kinds and sizes, and what is
kept adds up to hundreds of megabytes that nobody uses.

glibc has a call to return them, malloc_trim(3), but in threads it returns no more than what lies
between things in use. What lies behind the last of them goes back when something is freed, if it is
more than a threshold; and that, left alone, grows to twice the largest block that was ever freed,
to many megabytes in each thread. So it is set, with the one that goes with it (mallopt(3)):
`settle`. A codec for pictures of 720p has 33 MB; of these 33 stayed, and now less than one.

Other C libraries return memory by themselves, and glibc is left to whoever has set it already.
"""

import asyncio
import ctypes
import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Final

logger = logging.getLogger("fastrtc_webrtc")

INTERVAL: Final = 2.0
"""Seconds from a session's end to the call; all that end meanwhile share it."""

MAP_FROM: Final = 32 << 20
"""Bytes from which a block is mapped by itself: the most that glibc takes, and what it would come
to. Pictures must stay below: to map each anew takes as long as to convert it."""

RETURN_FROM: Final = 8 << 20
"""Bytes at the end of a heap that are returned. With 2 MB, pictures of 720p take 3.3 ms to be
converted there and back, with 8 and more 2.4; with 16, up to 10 MB more stay."""

_RETURN_FROM: Final = -1  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
_MAP_FROM: Final = -3


def settle(environment: Mapping[str, str] = os.environ) -> bool:
    """Have glibc keep no more for later than is worth it, in the whole process.

    Args:
        environment: Left alone is who has set glibc's allocator by ``MALLOC_`` or
            ``GLIBC_TUNABLES``.

    Returns:
        Whether anything was set.

    """
    if "glibc.malloc" in environment.get("GLIBC_TUNABLES", ""):
        return False
    if any(name.startswith("MALLOC_") for name in environment) or _TRIM is None:
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MAP_FROM, MAP_FROM) and mallopt(_RETURN_FROM, RETURN_FROM))


def find_trim() -> Callable[[int], int] | None:
    """Return glibc's malloc_trim, None where there is none."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


_TRIM: Final = find_trim()


def give_back() -> None:
    """Return freed memory now. It takes milliseconds: don't, on an event loop."""
    if _TRIM is not None:
        _TRIM(0)


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
