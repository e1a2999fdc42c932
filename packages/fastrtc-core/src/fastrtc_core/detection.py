"""What a model that hears speech must do: the streaming form, and the documented batch form."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias, TypedDict, runtime_checkable

import numpy as np
from numpy.typing import NDArray

ModelOptions: TypeAlias = object
"""Whatever a model takes as its options; Silero takes `fastrtc_vad.SileroVadOptions`."""


class AudioChunk(TypedDict):
    """Where speech was found, in samples of the audio that was given."""

    start: int
    end: int


@runtime_checkable
class PauseDetectionModel(Protocol):
    """The documented batch form: speech in a piece of audio, without memory between calls.

    A model of this form is enough for `ReplyOnPause`; it is asked again on a sliding window for
    every 32 ms of audio. A model that can carry state should implement
    `StreamingPauseDetectionModel` instead: it costs a fraction and hears more.
    """

    def vad(
        self,
        audio: tuple[int, NDArray[np.int16] | NDArray[np.float32]],
        options: ModelOptions | None,
    ) -> tuple[float, list[AudioChunk]]:
        """Find speech.

        Args:
            audio: Sample rate in Hz, and samples shaped ``(samples,)`` or ``(1, samples)``.
            options: The model's own options, or None for its defaults.

        Returns:
            Seconds of speech in all, and where it is.

        """
        ...

    def warmup(self) -> None:
        """Do whatever makes the first `vad` call as quick as the others."""
        ...


@runtime_checkable
class StreamingPauseDetectionModel(Protocol):
    """The native form: one probability of speech per window, with state carried per session.

    `infer` is called from one worker thread at a time, with the windows of many sessions at once.
    """

    @property
    def sample_rate(self) -> int:
        """Rate of the audio it wants, in Hz."""
        ...

    @property
    def window_samples(self) -> int:
        """Length of a window in samples; 512 at 16 kHz is 32 ms."""
        ...

    @property
    def release(self) -> float:
        """Seconds for which the probability typically stays high after speech has ended."""
        ...

    def new_state(self) -> object:
        """Return the state of a stream that has heard nothing."""
        ...

    def infer(self, windows: NDArray[np.float32], states: Sequence[object]) -> NDArray[np.float32]:
        """Give the probability of speech for the next window of each stream.

        Args:
            windows: ``(streams, window_samples)``, in -1..1.
            states: One state of `new_state` per row, brought forward in place. No state occurs
                twice in a call.

        Returns:
            ``(streams,)`` probabilities in 0..1.

        """
        ...
