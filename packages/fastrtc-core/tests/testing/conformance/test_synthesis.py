import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fastrtc_core.speech import SpeechChunk, Synthesizer, TTSCapabilities
from fastrtc_core.testing import Report, check_tts_model
from fastrtc_core.testing.conformance import synthesis


class Beeps(Synthesizer[object]):
    """Speaks a beep of 50 ms for each character."""

    sample_rate = 16_000  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def synthesize(self, text: str, options: object) -> Iterator[SpeechChunk]:
        for _ in text:
            beep = 0.3 * np.sin(np.arange(800) / 10)
            yield SpeechChunk(16_000, beep.astype(np.float32))


def failures(report: Report) -> set[str]:
    return {failure.name for failure in report.failures}


async def test_a_model() -> None:
    report = await check_tts_model(Beeps)
    report.raise_for_failures()
    assert len(report.results) == 15


async def test_what_is_no_model_is_told() -> None:
    report = await check_tts_model(lambda: 42)
    assert failures(report) == {"form"}
    assert "int has no tts, stream_tts, stream_tts_sync" in str(report)


class Loud(Beeps):
    def tts(self, text: Any, options: Any = None) -> Any:
        rate, samples = super().tts(text)
        return rate, 10 * samples


class Flat(Beeps):
    def tts(self, text: Any, options: Any = None) -> Any:
        return super().tts(text)[0], super().tts(text)[1][np.newaxis]


class Mute(Beeps):
    def tts(self, text: Any, options: Any = None) -> Any:
        return super().tts(text)[0], 0 * super().tts(text)[1]


class NeedsText(Beeps):
    def stream_tts_sync(self, text: Any, options: Any = None) -> Any:
        if not text:
            raise ValueError("nothing to say")
        yield from super().stream_tts_sync(text)


class Clicks(Beeps):
    async def stream_tts(self, text: Any, options: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        yield 16_000, np.zeros(8_000, np.float32)
        async for piece in super().stream_tts(text):
            yield piece


class MakesAllFirst(Beeps):
    def stream_tts_sync(self, text: Any, options: Any = None) -> Any:
        yield self.tts(text)

    def tts(self, text: Any, options: Any = None) -> Any:
        return 16_000, np.full(200 * len(text.strip()), 0.1, np.float32)


class Stutters(Beeps):
    def stream_tts_sync(self, text: Any, options: Any = None) -> Any:
        for piece in super().stream_tts_sync(text):
            yield piece
            yield piece

    def tts(self, text: Any, options: Any = None) -> Any:
        return 16_000, np.full(800 * len(text.strip()), 0.1, np.float32)


class TiredByClosing(Beeps):
    tired = False

    def stream_tts_sync(self, text: Any, options: Any = None) -> Any:
        if self.tired:
            return
        try:
            yield from super().stream_tts_sync(text)
        except GeneratorExit:
            self.tired = True


class SpeaksOn(Beeps):
    async def stream_tts(self, text: Any, options: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            async for piece in super().stream_tts(text[:2000]):
                yield piece
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            return


class OneCustomer(Beeps):
    def __init__(self) -> None:
        super().__init__()
        self.busy = 0

    def synthesize(self, text: str, options: object) -> Iterator[SpeechChunk]:
        self.busy += 1
        try:
            if self.busy > 1:
                raise RuntimeError("busy")
            time.sleep(0.01)
            yield from super().synthesize(text, options)
        finally:
            self.busy -= 1


class Blocks(Beeps):
    async def stream_tts(self, text: Any, options: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        time.sleep(0.35)  # noqa: ASYNC251 - wrong on purpose
        async for piece in super().stream_tts(text):
            yield piece


class LeavesThreads(Beeps):
    gate = threading.Event()

    def tts(self, text: Any, options: Any = None) -> Any:
        threading.Thread(target=self.gate.wait, daemon=True).start()
        return super().tts(text)


class LeavesThreadsAsync(Beeps):
    async def stream_tts(self, text: Any, options: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        threading.Thread(target=LeavesThreads.gate.wait, daemon=True).start()
        async for piece in super().stream_tts(text):
            yield piece


class Boasts(Beeps):
    capabilities = TTSCapabilities(voices=("",))  # type: ignore[assignment]


class WarmsUpOnce(Beeps):
    warm = False

    def warmup(self) -> None:
        if self.warm:
            raise RuntimeError("warm already")
        self.warm = True


@pytest.mark.parametrize(
    ("model", "broken"),
    [
        (Loud, "sound"),
        (Flat, "sound"),
        (Mute, "sound"),
        (NeedsText, "empty"),
        (Clicks, "empty async"),
        (Clicks, "agree async"),
        (MakesAllFirst, "long"),
        (Stutters, "agree"),
        (TiredByClosing, "close"),
        (SpeaksOn, "cancel"),
        (OneCustomer, "together"),
        (Blocks, "loop"),
        (LeavesThreads, "threads"),
        (LeavesThreadsAsync, "threads async"),
        (Boasts, "capabilities"),
        (WarmsUpOnce, "warmup"),
    ],
)
async def test_a_broken_model_is_found_out(
    model: type[Beeps], broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis, "STOPPED", 1.0)
    LeavesThreads.gate.clear()
    report = await check_tts_model(model)
    LeavesThreads.gate.set()
    assert broken in failures(report), str(report)
