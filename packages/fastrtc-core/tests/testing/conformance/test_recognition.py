import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from fastrtc_core.speech import Recognizer, STTCapabilities, Transcript, Word, as_streaming_stt
from fastrtc_core.testing import Report, check_stt_model

SPEECH = (16_000, (0.3 * np.sin(np.arange(32_000) / 10)).astype(np.float32))


class Counts(Recognizer):
    """Understands of a sound how long and how loud it is."""

    def transcribe(self, samples: np.ndarray) -> Transcript:
        return Transcript(f"{samples.size // 1600} at {np.abs(samples).mean():.2f}")


class Stream:
    """Listens, with a partial result for each half second of sound that is not silent."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.begin()

    def begin(self) -> None:
        self.samples = 0
        self.loud = 0.0
        self.told = 0

    def push(self, samples: np.ndarray) -> Sequence[Transcript]:
        self.samples += samples.size
        self.loud += float(np.abs(samples).sum())
        if not self.loud or self.samples // 8000 == self.told:
            return ()
        self.told = self.samples // 8000
        return [Transcript(f"{self.told}", final=False)]

    def finish(self) -> Sequence[Transcript]:
        samples, loud = self.samples, self.loud
        self.begin()
        if not loud:
            return ()
        word = Word("loud", 0.0, samples / 16_000)
        return [Transcript(f"loud {loud:.0f}", words=(word,))]

    def close(self) -> None: ...


class Listens(Counts):
    streams: type[Stream] = Stream

    @property
    def capabilities(self) -> STTCapabilities:
        return STTCapabilities(True, True, True, ("en", "pt-BR"))

    def stream(self) -> Any:
        return self.streams(self)


def failures(report: Report) -> set[str]:
    return {failure.name for failure in report.failures}


@pytest.mark.parametrize("speech", [None, SPEECH])
@pytest.mark.parametrize("model", [Counts, Listens])
async def test_a_model_of_both_forms(model: Any, speech: Any) -> None:
    report = await check_stt_model(model, speech=speech)
    report.raise_for_failures()
    assert len(report.results) == 23


async def test_models_of_one_form() -> None:
    class Documented:
        stt = Counts().stt

    report = await check_stt_model(Documented)
    report.raise_for_failures()
    assert len(report.results) == 10
    report = await check_stt_model(lambda: as_streaming_stt(Documented()))
    report.raise_for_failures()
    assert len(report.results) == 13


async def test_what_is_no_model_is_told() -> None:
    report = await check_stt_model(lambda: 42)
    assert failures(report) == {"form"}
    assert "int has neither stt() nor stream()" in str(report)


class Deaf(Counts):
    def stt(self, audio: Any) -> str:
        super().stt(audio)
        return ""


class Nothing(Counts):
    def stt(self, audio: Any) -> Any:
        return super().stt(audio) or None


class OneForm(Counts):
    def stt(self, audio: Any) -> str:
        return super().stt(audio) + (str(audio[1].dtype) if audio[1].any() else "")


class Ghosts(Counts):
    def stt(self, audio: Any) -> str:
        return super().stt(audio) or "thank you for watching"


class NeedsSound(Counts):
    def stt(self, audio: Any) -> str:
        if audio[1].size < 160:
            raise ValueError("too short")
        return super().stt(audio)


class TakesAll(Counts):
    def stt(self, audio: Any) -> str:
        try:
            return super().stt(audio)
        except TypeError:
            return ""


class Mumbles(Counts):
    def stt(self, audio: Any) -> str:
        try:
            return super().stt(audio)
        except ValueError:
            raise ValueError from None


class Changes(Counts):
    def stt(self, audio: Any) -> str:
        text = super().stt(audio)
        audio[1][...] = 0
        return text


class Remembers(Counts):
    calls = 0

    def stt(self, audio: Any) -> str:
        self.calls += 1
        return super().stt(audio) + (f" {self.calls}" if audio[1].any() else "")


class OneAtATime(Counts):
    calls = 0

    def stt(self, audio: Any) -> str:
        self.calls += 1
        try:
            time.sleep(0.02)
            return super().stt(audio) if self.calls == 1 else "all at once"
        finally:
            self.calls -= 1


class LeavesThreads(Counts):
    gate = threading.Event()

    def stt(self, audio: Any) -> str:
        threading.Thread(target=self.gate.wait, daemon=True).start()
        return super().stt(audio)


class WarmsUpOnce(Counts):
    warm = False

    def warmup(self) -> None:
        if self.warm:
            raise RuntimeError("warm already")
        self.warm = True


class Boasts(Counts):
    capabilities = STTCapabilities(partials=True)  # type: ignore[assignment]


class Babel(Counts):
    capabilities = STTCapabilities(languages=("English, mostly",))  # type: ignore[assignment]


class Claims(Counts):
    capabilities = STTCapabilities(True, True, True)  # type: ignore[assignment]


class OddRate(Counts):
    sample_rate = 16


@pytest.mark.parametrize(
    ("model", "broken"),
    [
        (Deaf, "stt rates"),
        (Nothing, "stt silence"),
        (OneForm, "stt forms"),
        (Ghosts, "stt silence"),
        (NeedsSound, "stt lengths"),
        (TakesAll, "stt errors"),
        (Mumbles, "stt errors"),
        (Changes, "stt input"),
        (Remembers, "stt memory"),
        (OneAtATime, "stt together"),
        (LeavesThreads, "stt threads"),
        (WarmsUpOnce, "warmup"),
        (Boasts, "capabilities"),
        (Babel, "capabilities"),
        (Claims, "stream final"),
        (Claims, "stream words"),
        (OddRate, "stream facts"),
    ],
)
async def test_a_broken_model_is_found_out(model: type[Counts], broken: str) -> None:
    LeavesThreads.gate.clear()
    report = await check_stt_model(model, speech=SPEECH)
    LeavesThreads.gate.set()
    assert broken in failures(report), str(report)


class WantsFrames(Stream):
    def push(self, samples: np.ndarray) -> Sequence[Transcript]:
        if samples.size % 160:
            raise ValueError("frames of 10 ms, please")
        return super().push(samples)


class Once(Stream):
    ended = False

    def finish(self) -> Sequence[Transcript]:
        if self.ended:
            return ()
        self.ended = True
        return super().finish()


class Repeats(Stream):
    said = ""

    def finish(self) -> Sequence[Transcript]:
        self.said = " ".join([self.said, *(item.text for item in super().finish())]).strip()
        return [Transcript(self.said)] if self.said else ()


class NeverFinal(Stream):
    def finish(self) -> Sequence[Transcript]:
        return [Transcript(item.text, final=False) for item in super().finish()]


class Backwards(Stream):
    def finish(self) -> Sequence[Transcript]:
        words = (Word("two", 1.0, 1.2), Word("one", 0.2, 0.4))
        return [Transcript(item.text, words=words) for item in super().finish()]


class ClosesOnce(Stream):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class Shared(Stream):
    """All streams hear all: what one heard is in the next one's count."""

    def push(self, samples: np.ndarray) -> Sequence[Transcript]:
        self.model.all = getattr(self.model, "all", 0) + samples.size
        return super().push(samples)

    def finish(self) -> Sequence[Transcript]:
        return [Transcript(f"{item.text} {self.model.all}") for item in super().finish()]


class Scales(Stream):
    def push(self, samples: np.ndarray) -> Sequence[Transcript]:
        told = super().push(samples)
        samples *= 2
        return told


class Threads(Stream):
    gate = threading.Event()

    def finish(self) -> Sequence[Transcript]:
        threading.Thread(target=self.gate.wait, daemon=True).start()
        return super().finish()


class Lazy(Stream):
    def finish(self) -> Any:
        given = super().finish()

        def later() -> Iterator[Transcript]:
            yield from given

        return later()


@pytest.mark.parametrize(
    ("stream", "broken"),
    [
        (WantsFrames, "stream pieces"),
        (Lazy, "stream pieces"),
        (Once, "stream next"),
        (Repeats, "stream next"),
        (Repeats, "stream empty"),
        (NeverFinal, "stream final"),
        (Backwards, "stream words"),
        (ClosesOnce, "stream close"),
        (Shared, "stream isolation"),
        (Shared, "stream together"),
        (Scales, "stream input"),
        (Threads, "stream threads"),
    ],
)
async def test_a_broken_stream_is_found_out(stream: type[Stream], broken: str) -> None:
    class Model(Listens):
        streams = stream

    Threads.gate.clear()
    report = await check_stt_model(Model, speech=SPEECH)
    Threads.gate.set()
    assert broken in failures(report), str(report)
