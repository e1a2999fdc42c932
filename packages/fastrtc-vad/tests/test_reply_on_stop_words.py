"""`ReplyOnStopWords` in conversation, in virtual time. Words are tones, and so are understood."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import (
    HandlerFailed,
    Interrupted,
    MissingPackageError,
    PluginNotFoundError,
    StopWordDetected,
    Stream,
)
from fastrtc_core.speech import (
    RecognitionStream,
    Recognizer,
    STTCapabilities,
    Transcript,
    Word,
)
from fastrtc_core.testing import MemoryClient, ScriptedModel, connect, in_virtual_time
from fastrtc_vad import AlgoOptions, ReplyOnStopWords, ReplyOnStopWordsState

RATE = 24000
HEARD = 16000
WORDS = {"hey": 400, "computer": 800, "what": 1200, "time": 1600}
BLOCK = HEARD // 50

Audio = tuple[int, NDArray[np.int16]]
Said = list[tuple[str, float, float]]

IN_ONE_BREATH: Said = [("computer", 1.0, 1.6), ("what", 1.7, 2.0), ("time", 2.0, 2.4)]
IN_TWO: Said = [("computer", 1.0, 1.6), ("what", 3.0, 3.3), ("time", 3.3, 3.8)]


class ToneStream:
    def __init__(self, engine: "ToneEngine") -> None:
        self._engine = engine
        self._sound = np.zeros(0, np.float32)
        self._told = ""

    def push(self, samples: NDArray[np.float32]) -> Sequence[Transcript]:
        self._engine.heard += samples.size
        self._sound = np.concatenate((self._sound, samples))
        return self._news(final=False)

    def finish(self) -> Sequence[Transcript]:
        news = self._news(final=True)
        self._sound, self._told = self._sound[:0], ""
        return news

    def close(self) -> None:
        self._engine.closed += 1

    def _news(self, *, final: bool) -> Sequence[Transcript]:
        transcript = self._engine.understood(self._sound, final=final)
        if not transcript.text or (not final and transcript.text == self._told):
            return ()
        self._told = transcript.text
        return (transcript,)


class ToneEngine(Recognizer):
    """Understands tones; counts what it hears."""

    def __init__(self, *, streaming: bool = True, timed: bool = True) -> None:
        self.streaming, self.timed = streaming, timed
        self.heard = self.closed = self.warm_ups = 0
        self.threads: set[int] = set()

    @property
    def capabilities(self) -> STTCapabilities:
        return STTCapabilities(streaming=self.streaming, timestamps=self.timed)

    def warmup(self) -> None:
        self.warm_ups += 1

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        self.heard += samples.size
        return self.understood(samples)

    def stream(self) -> RecognitionStream:
        self.threads.add(threading.get_ident())
        return ToneStream(self) if self.streaming else super().stream()

    def understood(self, sound: NDArray[np.float32], *, final: bool = True) -> Transcript:
        names = [
            self._word(block) for block in sound[: sound.size // BLOCK * BLOCK].reshape(-1, BLOCK)
        ]
        words = []
        for index, name in enumerate(names):
            end = (index + 1) * BLOCK / HEARD
            if name and words and words[-1].text == name and end - words[-1].end < 0.03:
                words[-1] = Word(name, words[-1].start, end)
            elif name:
                words.append(Word(name, end - BLOCK / HEARD, end))
        words = [word for word in words if word.end - word.start > 0.1]
        text = " ".join(word.text for word in words)
        return Transcript(text, final, tuple(words) if self.timed else ())

    @staticmethod
    def _word(block: NDArray[np.float32]) -> str | None:
        if np.abs(block).max() < 0.05:
            return None
        spectrum = np.abs(np.fft.rfft(block * np.hanning(BLOCK)))
        hz = float(np.argmax(spectrum)) * HEARD / BLOCK
        return next((name for name, tone in WORDS.items() if abs(tone - hz) < 150), None)


def sound_of(said: Said, until: float) -> NDArray[np.int16]:
    times = np.arange(round(until * RATE)) / RATE
    sound = np.zeros(times.size)
    for word, start, end in said:
        inside = (times >= start) & (times < end)
        sound[inside] = 10_000 * np.sin(2 * np.pi * WORDS[word] * times[inside])
    return sound.astype(np.int16)[np.newaxis]


def tone(seconds: float) -> Audio:
    return RATE, np.full((1, round(RATE * seconds)), 5000, np.int16)


def spans(said: Said) -> list[tuple[float, float]]:
    """Words without a gap are one stretch of speech."""
    merged: list[tuple[float, float]] = []
    for _, start, end in said:
        if merged and start - merged[-1][1] < 0.2:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def stream_of(
    said: Said,
    fn: Callable[..., object],
    engine: object,
    noted: list[object] | None = None,
    **options: object,
) -> Stream:
    handler = ReplyOnStopWords(
        fn,
        ["computer"],
        input_sample_rate=RATE,
        model=ScriptedModel(spans(said)),
        stt_model=engine,  # type: ignore[arg-type]  # engines of any kind
        **options,  # type: ignore[arg-type]
    )
    events: list[object] = [] if noted is None else noted
    return Stream(handler, modality="audio", on_event=lambda _, event: events.append(event))


class Turns:
    """A reply function that notes what it was given."""

    def __init__(self, seconds: float = 0.2) -> None:
        self.heard: list[list[str]] = []
        self.lengths: list[float] = []
        self._seconds = seconds

    def __call__(self, audio: Audio) -> Iterator[Audio]:
        rate, samples = audio
        sound = samples[0].astype(np.float32) / 32768
        text = ToneEngine().stt((rate, sound))
        self.heard.append(text.split())
        self.lengths.append(samples.shape[1] / rate)
        yield tone(self._seconds)


def kinds(client: MemoryClient) -> list[str]:
    return [str(message["type"]) for _, message in client.messages]


ENGINES = [(True, True), (True, False), (False, True), (False, False)]


@pytest.mark.parametrize(("streaming", "timed"), ENGINES)
@in_virtual_time
async def test_what_follows_in_the_same_breath_is_answered(streaming: bool, timed: bool) -> None:
    turns, engine = Turns(), ToneEngine(streaming=streaming, timed=timed)
    async with connect(stream_of(IN_ONE_BREATH, turns, engine)) as client:
        await client.speak(sound_of(IN_ONE_BREATH, 5.0), RATE)
    assert turns.heard == [
        ["what", "time"] if timed and streaming else ["computer", "what", "time"]
    ]
    assert kinds(client).count("stopword") == 1
    assert client.heard_audio().duration == pytest.approx(0.2)


@pytest.mark.parametrize(("streaming", "timed"), ENGINES)
@in_virtual_time
async def test_the_next_turn_is_answered_if_nothing_follows(streaming: bool, timed: bool) -> None:
    turns, engine = Turns(), ToneEngine(streaming=streaming, timed=timed)
    async with connect(stream_of(IN_TWO, turns, engine)) as client:
        await client.speak(sound_of(IN_TWO, 6.0), RATE)
    assert turns.heard == [["what", "time"]]
    assert kinds(client).count("stopword") == 1


@in_virtual_time
async def test_without_a_stop_word_nothing_is_answered() -> None:
    said: Said = [("hey", 1.0, 1.5), ("what", 1.5, 2.0), ("time", 4.0, 4.5)]
    turns, engine = Turns(), ToneEngine()
    async with connect(stream_of(said, turns, engine)) as client:
        await client.speak(sound_of(said, 6.0), RATE)
    assert turns.heard == []
    assert "stopword" not in kinds(client)


@in_virtual_time
async def test_every_question_needs_its_stop_word() -> None:
    said: Said = [*IN_ONE_BREATH, ("what", 5.0, 5.5), ("computer", 8.0, 8.5), ("time", 8.5, 9.0)]
    turns = Turns()
    async with connect(stream_of(said, turns, ToneEngine())) as client:
        await client.speak(sound_of(said, 11.0), RATE)
    assert turns.heard == [["what", "time"], ["time"]]
    assert kinds(client).count("stopword") == 2


@in_virtual_time
async def test_the_message_comes_while_the_turn_goes_on() -> None:
    async with connect(stream_of(IN_ONE_BREATH, Turns(), ToneEngine())) as client:
        await client.speak(sound_of(IN_ONE_BREATH, 5.0), RATE)
    [noticed] = [at for at, message in client.messages if message["type"] == "stopword"]
    assert noticed < 1.7  # the word begins at 1.0; the turn ends at 2.9


@in_virtual_time
async def test_speech_is_read_once_and_silence_never() -> None:
    engine = ToneEngine()
    said: Said = [("hey", 2.0, 2.5), ("what", 6.0, 6.4)]
    async with connect(stream_of(said, Turns(), engine)) as client:
        await client.speak(sound_of(said, 10.0), RATE)
    # Two turns: each with its pre-roll and the silence that ends it, of ten seconds in all.
    assert 0.9 * HEARD < engine.heard < 3.2 * HEARD


@in_virtual_time
async def test_speech_alone_does_not_stop_the_reply() -> None:
    said: Said = [*IN_ONE_BREATH, ("hey", 4.0, 5.0)]
    noted: list[object] = []
    async with connect(stream_of(said, Turns(seconds=4.0), ToneEngine(), noted)) as client:
        await client.speak(sound_of(said, 8.0), RATE)
    assert client.heard_audio().duration == pytest.approx(4.0)
    assert not any(isinstance(event, Interrupted) for event in noted)


@in_virtual_time
async def test_a_stop_word_stops_the_reply() -> None:
    said: Said = [*IN_ONE_BREATH, ("computer", 5.0, 5.6), ("what", 5.6, 6.0)]
    turns = Turns(seconds=30.0)
    noted: list[object] = []
    async with connect(stream_of(said, turns, ToneEngine(), noted)) as client:
        await client.speak(sound_of(said, 9.0), RATE)
    assert turns.heard == [["what", "time"], ["what"]]
    [interrupted] = [event for event in noted if isinstance(event, Interrupted)]
    assert 1.5 < interrupted.played < 3.0
    assert sum(isinstance(event, StopWordDetected) for event in noted) == 2


@in_virtual_time
async def test_a_reply_that_can_not_be_interrupted_is_heard_to_its_end() -> None:
    said: Said = [*IN_ONE_BREATH, ("computer", 5.0, 5.6), ("what", 5.6, 6.0)]
    turns = Turns(seconds=6.0)
    async with connect(stream_of(said, turns, ToneEngine(), can_interrupt=False)) as client:
        await client.speak(sound_of(said, 12.0), RATE)
    assert turns.heard == [["what", "time"]]
    assert client.heard_audio().duration == pytest.approx(6.0)


@in_virtual_time
async def test_speech_that_goes_on_is_cut_at_the_limit() -> None:
    said: Said = [("computer", 1.0, 1.6), ("what", 1.6, 9.0)]
    turns = Turns()
    options = AlgoOptions(max_continuous_speech_s=3.0)
    async with connect(stream_of(said, turns, ToneEngine(), algo_options=options)) as client:
        await client.speak(sound_of(said, 11.0), RATE)
    assert turns.heard == [["what"]]
    assert turns.lengths[0] < 3.0


@in_virtual_time
async def test_a_response_can_be_triggered_by_hand() -> None:
    said: Said = [("hey", 1.0, 1.5), ("what", 1.5, 4.0)]
    turns = Turns()
    async with connect(stream_of(said, turns, ToneEngine())) as client:
        await client.speak(sound_of(said, 4.0)[:, : 3 * RATE], RATE)
        handler = client.session.handler
        assert isinstance(handler, ReplyOnStopWords)
        handler.trigger_response()
        await asyncio.sleep(2.0)
    assert turns.heard == [["hey", "what"]]


@in_virtual_time
async def test_reset_forgets_the_stop_word() -> None:
    turns = Turns()
    async with connect(stream_of(IN_TWO, turns, ToneEngine())) as client:
        await client.speak(sound_of(IN_TWO, 6.0)[:, : round(2.5 * RATE)], RATE)
        assert kinds(client).count("stopword") == 1
        client.session.handler.reset()
        await client.speak(sound_of(IN_TWO, 6.0)[:, round(2.5 * RATE) :], RATE)
    assert turns.heard == []


class Broken(ToneEngine):
    def stream(self) -> RecognitionStream:
        raise RuntimeError("no weights")


@in_virtual_time
async def test_an_engine_that_fails_is_reported_and_the_session_goes_on() -> None:
    noted: list[object] = []
    async with connect(stream_of(IN_TWO, Turns(), Broken(), noted)) as client:
        await client.speak(sound_of(IN_TWO, 6.0), RATE)
        assert not client.session.closed
    failures = [event for event in noted if isinstance(event, HandlerFailed)]
    assert [failure.where for failure in failures] == ["stop words"] * 2  # one for each turn


class Slow(ToneEngine):
    def stream(self) -> RecognitionStream:
        time.sleep(0.3)
        return super().stream()


async def test_a_slow_engine_does_not_hold_the_event_loop_up() -> None:
    engine = Slow()
    late: list[float] = []

    async def heartbeat() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.01
            await asyncio.sleep(0.01)
            late.append(loop.time() - due)

    said: Said = [("computer", 0.2, 0.8)]
    async with connect(stream_of(said, Turns(), engine)) as client, asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(heartbeat())
        await client.speak(sound_of(said, 1.5), RATE)
        await asyncio.sleep(0.5)
        beating.cancel()
    assert threading.get_ident() not in engine.threads
    assert max(late) < 0.2


@in_virtual_time
async def test_sessions_share_the_engine_and_close_their_streams() -> None:
    engine = ToneEngine()
    turns = Turns()
    stream = stream_of(IN_ONE_BREATH, turns, engine)
    async with connect(stream) as first, connect(stream) as second, asyncio.TaskGroup() as tasks:
        for client in (first, second):
            tasks.create_task(client.speak(sound_of(IN_ONE_BREATH, 5.0), RATE))
    assert turns.heard == [["what", "time"]] * 2
    assert engine.warm_ups == 1
    assert engine.closed == 2


class Anything(ReplyOnStopWords):
    def stop_word_detected(self, text: str) -> bool:
        return bool(text)


@in_virtual_time
async def test_a_subclass_may_have_another_notion_of_a_stop_word() -> None:
    said: Said = [("hey", 1.0, 1.6), ("what", 4.0, 4.6)]
    turns = Turns()
    handler = Anything(
        turns,
        ["computer"],
        input_sample_rate=RATE,
        model=ScriptedModel(spans(said)),
        stt_model=ToneEngine(),
    )
    async with connect(Stream(handler, modality="audio")) as client:
        await client.speak(sound_of(said, 7.0), RATE)
    assert turns.heard == [["what"]]
    assert kinds(client).count("stopword") == 1


# Step by step, and by itself


def test_step_by_step_it_decides_the_same() -> None:
    for said in (IN_ONE_BREATH, IN_TWO):
        handler = ReplyOnStopWords(
            lambda audio: None,
            ["computer"],
            model=ScriptedModel(spans(said)),
            stt_model=ToneEngine(),
        )
        state = ReplyOnStopWordsState()
        sound = sound_of(said, 6.0)
        ended = [
            index
            for index in range(0, sound.shape[1], RATE // 50)
            if handler.determine_pause(sound[:, index : index + RATE // 50], RATE, state)
        ]
        assert len(ended) == 1
        assert state.stream is not None
        assert ToneEngine().stt((RATE, state.stream)).split() == ["what", "time"]
        assert state.stop_word_detected


def test_a_copy_has_the_same_settings() -> None:
    engine = ToneEngine()
    handler = ReplyOnStopWords(
        lambda audio: None, ["computer", "ok google"], can_interrupt=False, stt_model=engine
    )
    copy = handler.copy()
    assert type(copy) is ReplyOnStopWords
    assert copy.stop_words == ["computer", "ok google"]
    assert copy.stt_model is engine
    assert copy.model is handler.model
    assert not copy.can_interrupt
    assert copy.stop_word_detected("OK, Google!")


def test_a_model_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(PluginNotFoundError, match="no-such-model"):
        ReplyOnStopWords(lambda audio: None, ["computer"], stt_model="no-such-model")
    with pytest.raises(TypeError, match="no speech-to-text model"):
        ReplyOnStopWords(lambda audio: None, ["computer"], stt_model=3)  # type: ignore[arg-type]


def test_the_default_model_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastrtc_core.plugins.entry_points", lambda **_: ())
    with pytest.raises((MissingPackageError, PluginNotFoundError), match="moonshine"):
        ReplyOnStopWords(lambda audio: None, ["computer"])
