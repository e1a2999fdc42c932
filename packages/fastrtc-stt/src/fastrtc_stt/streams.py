"""A stream that may be closed while another thread is using it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.speech import Transcript


class GuardedStream(ABC):
    """Base of streams that hold something which must not be freed while it is in use.

    `close` never waits: what another thread is using then is freed by that thread, when its call
    ends. What is pushed after that is dropped.
    """

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._closed = False

    def push(self, samples: NDArray[np.float32]) -> Sequence[Transcript]:
        """Take the next sound and return what is new."""
        with self._busy:
            found = () if self._closed or not samples.size else self._push(samples)
        self._free_if_closed()
        return found

    def finish(self) -> Sequence[Transcript]:
        """End the utterance and return what is new; the next `push` begins another one."""
        with self._busy:
            found = () if self._closed else self._finish()
        self._free_if_closed()
        return found

    def close(self) -> None:
        """Let go of everything; may be called again, and from another thread."""
        self._closed = True
        self._free_if_closed()

    def _free_if_closed(self) -> None:
        # Whoever holds the lock looks again after letting go of it: one of the two frees.
        if self._closed and self._busy.acquire(blocking=False):
            try:
                self._free()
            finally:
                self._busy.release()

    @abstractmethod
    def _push(self, samples: NDArray[np.float32]) -> Sequence[Transcript]: ...

    @abstractmethod
    def _finish(self) -> Sequence[Transcript]: ...

    @abstractmethod
    def _free(self) -> None:
        """Let go of everything; may be called again."""
