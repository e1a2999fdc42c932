"""Pause detection by WebRTC's voice activity detector."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import webrtcvad
from numpy.typing import NDArray

__all__ = ["WebRTCVad"]

FRAME: Final = 480
"""Samples: 30 ms at 16 kHz, the longest of the frames that it takes (10, 20 and 30 ms)."""

SMOOTHING: Final = 3
"""Windows of which the share that is speech is the probability: one that errs ends no turn."""


class _Stream:
    """One stream: its own detector, which adapts to it, and what the last windows were."""

    def __init__(self, mode: int) -> None:
        self.detector = webrtcvad.Vad(mode)
        self.last = [False] * SMOOTHING


class WebRTCVad:
    """A model of the streaming form.

    Args:
        mode: From 0, which takes the most for speech, to 3, which takes the least.

    Raises:
        ValueError: The mode is another.

    """

    sample_rate = 16_000
    window_samples = FRAME
    release = 0.1
    """Seconds: its own hang-over, and the smoothing."""

    def __init__(self, mode: int = 2) -> None:
        if mode not in range(4):
            raise ValueError(f"the mode is 0 to 3, not {mode!r}")
        self._mode = mode

    def new_state(self) -> object:
        """Return the state of a stream that has heard nothing."""
        return _Stream(self._mode)

    def infer(self, windows: NDArray[np.float32], states: Sequence[object]) -> NDArray[np.float32]:
        """Give the probability of speech for the next window of each stream.

        Args:
            windows: ``(streams, 480)``, in -1..1.
            states: One of `new_state` for each.

        """
        frames = np.clip(np.rint(windows * 32_768), -32_768, 32_767).astype(np.int16)
        return np.array(list(map(self._next, frames, states)), dtype=np.float32)

    def _next(self, frame: NDArray[np.int16], stream: object) -> float:
        assert isinstance(stream, _Stream), "a state that new_state did not make"
        stream.last = [
            *stream.last[1:],
            stream.detector.is_speech(frame.tobytes(), self.sample_rate),
        ]
        return sum(stream.last) / SMOOTHING
