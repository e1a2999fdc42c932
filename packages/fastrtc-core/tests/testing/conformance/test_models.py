import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from fastrtc_core.testing import Report, ScriptedModel, check_pause_detection_model


class Energy:
    """A model of both forms, as simple as can be: loud is speech."""

    sample_rate = 16000
    window_samples = 512
    release = 0.0

    def new_state(self) -> object:
        return [0.0]

    def infer(self, windows: np.ndarray, states: Sequence[Any]) -> np.ndarray:
        for window, state in zip(windows, states, strict=True):
            state[0] = 0.5 * state[0] + 0.5 * float(np.abs(window).mean())
        return np.array([min(1.0, 10 * state[0]) for state in states], dtype=np.float32)

    def warmup(self) -> None: ...

    def vad(self, audio: tuple[int, np.ndarray], options: object) -> tuple[float, list[Any]]:
        rate, samples = audio
        flat = samples.reshape(-1)
        if flat.dtype == np.int16:
            flat = flat / np.float32(32768)
        loud = np.flatnonzero(np.abs(flat) > 0.1)
        if not loud.size:
            return 0.0, []
        start, end = int(loud[0]), int(loud[-1]) + 1
        return (end - start) / rate, [{"start": start, "end": end}]


class Broken(Energy):
    """Base of models that do one thing wrong."""


class OutOfRange(Broken):
    def infer(self, windows: np.ndarray, states: Sequence[Any]) -> np.ndarray:
        return 2 * super().infer(windows, states)


class Double(Broken):
    def infer(self, windows: np.ndarray, states: Sequence[Any]) -> np.ndarray:
        return super().infer(windows, states).astype(np.float64)


class ListensToNeighbours(Broken):
    def infer(self, windows: np.ndarray, states: Sequence[Any]) -> np.ndarray:
        return np.full(len(states), super().infer(windows, states).mean(), np.float32)


class SharesState(Broken):
    state = (0.0,)

    def __init__(self) -> None:
        self.shared = [0.0]

    def new_state(self) -> object:
        return self.shared


class ChangesInput(Broken):
    def infer(self, windows: np.ndarray, states: Sequence[Any]) -> np.ndarray:
        windows *= 0.5
        return super().infer(windows, states)


class Slow(Broken):
    window_samples = 80
    calls = 0

    def infer(self, windows: np.ndarray, states: Sequence[Any]) -> np.ndarray:
        self.calls += 1
        if self.calls < 40:
            time.sleep(0.006)
        return super().infer(windows, states)


class LeavesThreads(Broken):
    gate = threading.Event()

    def vad(self, audio: tuple[int, np.ndarray], options: object) -> tuple[float, list[Any]]:
        threading.Thread(target=self.gate.wait, daemon=True).start()
        return super().vad(audio, options)


class OddWindows(Broken):
    window_samples = 0


class OneRate(Broken):
    def vad(self, audio: tuple[int, np.ndarray], options: object) -> tuple[float, list[Any]]:
        if audio[0] != 16000:
            raise ValueError(f"{audio[0]} Hz is not supported")
        return super().vad(audio, options)


class OneForm(Broken):
    def vad(self, audio: tuple[int, np.ndarray], options: object) -> tuple[float, list[Any]]:
        return super().vad((audio[0], audio[1].astype(np.float32)), options)


class WrongSum(Broken):
    def vad(self, audio: tuple[int, np.ndarray], options: object) -> tuple[float, list[Any]]:
        seconds, chunks = super().vad(audio, options)
        return 2 * seconds, chunks


class HearsGhosts(Broken):
    def vad(self, audio: tuple[int, np.ndarray], options: object) -> tuple[float, list[Any]]:
        size = audio[1].size
        return size / audio[0], [{"start": 0, "end": size}]


class NeedsSound(Broken):
    def vad(self, audio: tuple[int, np.ndarray], options: object) -> tuple[float, list[Any]]:
        audio[1].max()
        return super().vad(audio, options)


class Remembers(Broken):
    calls = 0

    def vad(self, audio: tuple[int, np.ndarray], options: object) -> tuple[float, list[Any]]:
        self.calls += 1
        seconds, chunks = super().vad(audio, options)
        return (seconds, chunks) if self.calls == 1 else (0.0, [])


class WarmsUpOnce(Broken):
    warm = False

    def warmup(self) -> None:
        if self.warm:
            raise RuntimeError("warm already")
        self.warm = True


def broken_rules(report: Report) -> set[str]:
    return {failure.name for failure in report.failures}


async def test_a_model_of_both_forms() -> None:
    report = await check_pause_detection_model(Energy)
    report.raise_for_failures()
    assert len(report.results) == 16
    assert str(report).startswith("Energy: 16 of 16 rules kept")


async def test_a_model_of_the_streaming_form_alone() -> None:
    report = await check_pause_detection_model(lambda: ScriptedModel([(0.2, 1.0)]))
    report.raise_for_failures()
    assert len(report.results) == 9


@pytest.mark.parametrize(
    ("model", "broken"),
    [
        (OutOfRange, "range"),
        (Double, "range"),
        (ListensToNeighbours, "batch"),
        (SharesState, "isolation"),
        (SharesState, "reset"),
        (ChangesInput, "input"),
        (Slow, "speed"),
        (OddWindows, "facts"),
        (LeavesThreads, "vad threads"),
        (OneRate, "vad rates"),
        (OneForm, "vad forms"),
        (WrongSum, "vad rates"),
        (HearsGhosts, "vad silence"),
        (NeedsSound, "vad lengths"),
        (Remembers, "vad memory"),
        (WarmsUpOnce, "warmup"),
    ],
)
async def test_a_broken_model_is_found_out(model: type[Broken], broken: str) -> None:
    report = await check_pause_detection_model(model)
    if model is LeavesThreads:
        LeavesThreads.gate.set()
    assert broken in broken_rules(report), str(report)


async def test_what_is_no_model_is_told() -> None:
    report = await check_pause_detection_model(lambda: 42)
    assert broken_rules(report) == {"form"}
    assert "int has neither infer and new_state nor vad and warmup" in str(report)
