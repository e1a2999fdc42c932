from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.detection import AudioChunk
from fastrtc_vad.lifting import RING_SECONDS, as_streaming
from fastrtc_vad.silero import SileroVADModel


class Loudness:
    """A batch model: every sample above a tenth of full scale is speech."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, object]] = []

    def vad(
        self, audio: tuple[int, NDArray[Any]], options: object
    ) -> tuple[float, list[AudioChunk]]:
        rate, samples = audio
        self.heard.append((rate, samples.size, options))
        loud = np.flatnonzero(samples > 0.1)
        if not loud.size:
            return 0.0, []
        start, end = int(loud[0]), int(loud[-1]) + 1
        return (end - start) / rate, [{"start": start, "end": end}]

    def warmup(self) -> None:
        pass


def windows(*levels: float) -> NDArray[np.float32]:
    return np.stack([np.full(512, level, np.float32) for level in levels])


def test_a_streaming_model_is_used_as_it_is(model: SileroVADModel) -> None:
    assert as_streaming(model) is model


def test_the_newest_window_is_what_is_judged() -> None:
    lifted = as_streaming(Loudness())
    state = lifted.new_state()
    found = [float(lifted.infer(w[None], [state])[0]) for w in windows(0, 0.5, 0.5, 0, 0, 0.5, 0)]
    assert found == [0, 1, 1, 0, 0, 1, 0]


def test_streams_are_apart() -> None:
    lifted = as_streaming(Loudness())
    states = [lifted.new_state(), lifted.new_state()]
    assert list(lifted.infer(windows(0.5, 0), states)) == [1, 0]
    assert list(lifted.infer(windows(0, 0.5), states)) == [0, 1]


def test_the_model_is_shown_what_was_heard_lately_and_its_options() -> None:
    model, options = Loudness(), object()
    lifted = as_streaming(model, options)
    state = lifted.new_state()
    for _ in range(100):
        lifted.infer(windows(0), [state])
    most = round(RING_SECONDS * 16_000)
    assert model.heard[0] == (16_000, 512, options)
    assert model.heard[1] == (16_000, 1024, options)
    assert model.heard[-1] == (16_000, most, options)


def test_a_model_of_neither_form_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="dict is no pause detection model: it needs `vad`"):
        as_streaming({})  # type: ignore[arg-type]  # the mistake under test


def test_a_state_of_another_model_is_refused() -> None:
    with pytest.raises(TypeError, match="new_state"):
        as_streaming(Loudness()).infer(windows(0), [object()])
