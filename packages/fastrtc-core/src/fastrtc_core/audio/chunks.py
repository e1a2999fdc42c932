"""Bytes that arrive in pieces as samples, and items that may not arrive."""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")

DEFAULT_TIMEOUT: Final = 0.1
"""Seconds `wait_for_item` waits unless told, as documented."""

_LOGGER: Final = logging.getLogger("fastrtc_core")


def aggregate_bytes_to_16bit(chunks_iterator: Iterable[bytes]) -> Iterator[NDArray[np.int16]]:
    """int16 arrays shaped ``(1, n)`` of little-endian PCM that is cut anywhere, inside samples too.

    Half a sample waits for the next chunk; chunks that complete none yield nothing. Half a sample
    left at the end is dropped with a warning in the log.
    """
    joiner = _SampleJoiner()
    for chunk in chunks_iterator:
        samples = joiner.join(chunk)
        if samples.size:
            yield samples
    joiner.close()


async def async_aggregate_bytes_to_16bit(
    chunks_iterator: AsyncIterable[bytes],
) -> AsyncIterator[NDArray[np.int16]]:
    """What `aggregate_bytes_to_16bit` yields, of chunks that arrive asynchronously."""
    joiner = _SampleJoiner()
    async for chunk in chunks_iterator:
        samples = joiner.join(chunk)
        if samples.size:
            yield samples
    joiner.close()


async def wait_for_item(
    queue: asyncio.Queue[Item],
    timeout: float = DEFAULT_TIMEOUT,
) -> Item | None:
    """The queue's next item, or None if there is none within so many seconds.

    No item is lost: what comes too late stays in the queue.
    """
    try:
        async with asyncio.timeout(timeout):
            return await queue.get()
    except TimeoutError:
        return None


class _SampleJoiner:
    """Whole samples of all bytes so far."""

    def __init__(self) -> None:
        self._half = b""

    def join(self, chunk: bytes) -> NDArray[np.int16]:
        data = self._half + chunk
        whole = len(data) & ~1
        self._half = data[whole:]
        # A copy in native order: what frombuffer gives is read-only.
        return np.frombuffer(data[:whole], "<i2").astype(np.int16).reshape(1, -1)

    def close(self) -> None:
        if self._half:
            _LOGGER.warning("16-bit audio ended in the middle of a sample: last byte dropped")
