"""A model of the documented batch form, used like a streaming one."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.detection import (
    ModelOptions,
    PauseDetectionModel,
    StreamingPauseDetectionModel,
)

SAMPLE_RATE: Final = 16_000
WINDOW_SAMPLES: Final = 512

RING_SECONDS: Final = 2.048
"""Audio a batch model is shown with every window: 64 windows. Models judge a sound by what
is around it, and drop speech that is cut too short."""


class LiftedState:
    """The newest audio of one stream."""

    __slots__ = ("heard", "ring")

    def __init__(self, samples: int) -> None:
        self.ring = np.zeros(samples, np.float32)
        self.heard = 0


class LiftedModel:
    """Asks a batch model, for each window, whether the newest of what was heard is speech.

    It costs what the model takes for two seconds of audio, 31 times a second and stream.

    Args:
        model: The batch model; called from one thread at a time.
        options: Handed to the model as they are.
    """

    sample_rate: int = SAMPLE_RATE
    window_samples: int = WINDOW_SAMPLES
    release: float = 0.0  # a batch model tells where speech ended, and has its own options for it

    def __init__(self, model: PauseDetectionModel, options: ModelOptions | None) -> None:
        self._model = model
        self._options = options

    def new_state(self) -> LiftedState:
        """Return the state of a stream that has heard nothing."""
        return LiftedState(round(RING_SECONDS * SAMPLE_RATE))

    def infer(self, windows: NDArray[np.float32], states: Sequence[object]) -> NDArray[np.float32]:
        """Give 1.0 for each window in which the model finds speech, 0.0 for the others.

        Args:
            windows: ``(streams, 512)``, in -1..1.
            states: One state of `new_state` per row, brought forward in place. No state occurs
                twice in a call.

        Returns:
            ``(streams,)``, 1.0 or 0.0.

        Raises:
            TypeError: A state is not one of `new_state`.
            Exception: Whatever the model raised.
        """
        pairs = zip(windows, states, strict=True)
        return np.array([self._is_speech(window, state) for window, state in pairs], np.float32)

    def _is_speech(self, window: NDArray[np.float32], state: object) -> bool:
        if not isinstance(state, LiftedState):
            raise TypeError(f"a state comes from new_state(), not {type(state).__name__}")
        ring = state.ring
        ring[:-WINDOW_SAMPLES] = ring[WINDOW_SAMPLES:]
        ring[-WINDOW_SAMPLES:] = window
        state.heard = min(state.heard + WINDOW_SAMPLES, len(ring))
        heard = ring[-state.heard :].copy()  # a model may keep what it is shown
        _, chunks = self._model.vad((SAMPLE_RATE, heard), self._options)
        middle = len(heard) - WINDOW_SAMPLES // 2
        return any(chunk["start"] <= middle < chunk["end"] for chunk in chunks)


def as_streaming(
    model: PauseDetectionModel | StreamingPauseDetectionModel, options: ModelOptions | None = None
) -> StreamingPauseDetectionModel:
    """Return the model in its streaming form: itself, if it has one.

    Args:
        model: Of either form; one of both is used as a streaming one.
        options: For a model of the batch form only, handed to its `vad`.

    Raises:
        TypeError: The object is of neither form.
    """
    if isinstance(model, StreamingPauseDetectionModel):
        return model
    if isinstance(model, PauseDetectionModel):
        return LiftedModel(model, options)
    raise TypeError(
        f"{type(model).__name__} is no pause detection model: it needs `vad` and `warmup`, or "
        "`sample_rate`, `window_samples`, `release`, `new_state` and `infer`"
    )
