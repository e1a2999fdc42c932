"""What the servers reply: the same functions for both subjects. A reply's tone tells its number."""

import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.settings import RATE
from benchmarks.sound import tone

Int16 = NDArray[np.int16]
Heard = tuple[int, Int16]
Reply = tuple[int, Int16]
ReplyFunction = Callable[[Heard], Iterator[Reply] | AsyncIterator[Reply]]

SHORT_SECONDS: Final = 0.3
THINKING_SECONDS: Final = 0.1
"""What a reply takes before its first sound. It stands for recognition and answer; with none,
FastRTC clears the reply away together with the silence it has queued."""

LONG_SECONDS: Final = 20.0
CHUNK: Final = RATE // 10
"""Long replies come in chunks of 100 ms, as text-to-speech gives them."""


class Replies:
    """Reply functions that note in a folder what they were called with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    def instant(self, heard: Heard) -> Iterator[Reply]:
        """A tone of 0.3 s in one piece, at once."""
        yield RATE, tone(self._note(heard), SHORT_SECONDS, RATE).reshape(1, -1)

    def short(self, heard: Heard) -> Iterator[Reply]:
        """The same after `THINKING_SECONDS`."""
        for reply in self.instant(heard):
            time.sleep(THINKING_SECONDS)
            yield reply

    def long_sync(self, heard: Heard) -> Iterator[Reply]:
        """A tone of 20 s, as fast as it is asked for."""
        yield from self._long(heard)

    async def long_async(self, heard: Heard) -> AsyncIterator[Reply]:
        """The same from an async generator."""
        for chunk in self._long(heard):
            yield chunk

    def long_paced(self, heard: Heard) -> Iterator[Reply]:
        """The same in real time: a function that holds itself back."""
        for chunk in self._long(heard):
            yield chunk
            time.sleep(CHUNK / RATE)

    def named(self, name: str) -> ReplyFunction:
        """The reply function of a handler's name."""
        functions: dict[str, ReplyFunction] = {
            "instant": self.instant,
            "short": self.short,
            "long-sync": self.long_sync,
            "long-async": self.long_async,
            "long-paced": self.long_paced,
        }
        return functions[name]

    def _long(self, heard: Heard) -> Iterator[Reply]:
        samples = tone(self._note(heard), LONG_SECONDS, RATE)
        for first in range(0, samples.size, CHUNK):
            yield RATE, samples[first : first + CHUNK].reshape(1, -1)

    def _note(self, heard: Heard) -> int:
        number = next(self._numbers)
        rate, audio = heard
        name = f"{number:05d}-{time.monotonic_ns()}-{rate}.s16"
        (self._folder / name).write_bytes(np.ascontiguousarray(audio, np.int16).tobytes())
        return number
