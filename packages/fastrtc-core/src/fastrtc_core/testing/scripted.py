"""Speech by script: turn taking tested with numbers instead of recordings and a network."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Interval: TypeAlias = tuple[float, float]
"""Start and end of speech, in seconds of a session's inbound sound."""

SPEECH: Final = 0.95
SILENCE: Final = 0.02
"""Probabilities as a real model gives them for clear speech and a quiet room."""

TONE_HZ: Final = 440.0
TONE_PEAK: Final = 10_000
"""-10 dBFS, about the level of speech close to a microphone."""


class _Place:
    """How far a stream has come, in windows."""

    def __init__(self) -> None:
        self.windows = 0


class ScriptedModel:
    """A `StreamingPauseDetectionModel` that hears what its script says, whatever the sound.

    Every session begins at the script's begin, so one model serves any number of them.

    Args:
        speech: When there is speech. A window counts as speech if its middle lies in speech.
        probabilities: One for each window in order, instead of `speech`; silence follows.
        release: Seconds for which the probability stays high after speech, as with real models.
        sample_rate: Rate it wants, in Hz.
        window_samples: Length of a window in samples.

    Raises:
        ValueError: An interval ends before it starts, or a probability is not in 0..1.

    """

    def __init__(
        self,
        speech: Sequence[Interval] = (),
        *,
        probabilities: Sequence[float] | None = None,
        release: float = 0.0,
        sample_rate: int = 16000,
        window_samples: int = 512,
    ) -> None:
        for start, end in speech:
            if not 0 <= start < end:
                raise ValueError(f"speech from {start} s to {end} s: must end after it starts")
        if probabilities is not None and not all(0 <= p <= 1 for p in probabilities):
            raise ValueError("a probability is outside 0..1")
        self._speech = tuple(speech)
        self._probabilities = probabilities
        self._release = release
        self._sample_rate = sample_rate
        self._window_samples = window_samples

    @property
    def sample_rate(self) -> int:
        """Rate of the audio it wants, in Hz."""
        return self._sample_rate

    @property
    def window_samples(self) -> int:
        """Length of a window in samples."""
        return self._window_samples

    @property
    def release(self) -> float:
        """Seconds for which the probability stays high after speech."""
        return self._release

    def new_state(self) -> object:
        """Return the beginning of the script."""
        return _Place()

    def infer(self, windows: NDArray[np.float32], states: Sequence[object]) -> NDArray[np.float32]:
        """Give what the script says for the next window of each stream."""
        return np.array([self._next(state) for state in states], dtype=np.float32)

    def _next(self, state: object) -> float:
        assert isinstance(state, _Place), "a state that new_state did not make"
        window = state.windows
        state.windows += 1
        if self._probabilities is not None:
            return self._probabilities[window] if window < len(self._probabilities) else SILENCE
        middle = (window + 0.5) * self._window_samples / self._sample_rate
        heard = any(start <= middle < end + self._release for start, end in self._speech)
        return SPEECH if heard else SILENCE


def sound_of(
    speech: Sequence[Interval], duration: float | None = None, rate: int = 24000
) -> NDArray[np.int16]:
    """Return sound to match a script: a tone where there is speech, and zeros.

    Args:
        speech: When there is speech.
        duration: Length in seconds; up to the end of the last speech if None.
        rate: Sample rate in Hz.

    Returns:
        Samples shaped ``(samples,)``.

    """
    if duration is None:
        duration = max((end for _, end in speech), default=0.0)
    times = np.arange(round(duration * rate)) / rate
    tone = TONE_PEAK * np.sin(2 * np.pi * TONE_HZ * times)
    voiced = np.zeros(times.shape, dtype=bool)
    for start, end in speech:
        voiced |= (times >= start) & (times < end)
    return np.where(voiced, tone, 0).astype(np.int16)
