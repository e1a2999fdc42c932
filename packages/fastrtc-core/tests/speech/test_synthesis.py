import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import numpy as np
import pytest

from fastrtc_core import WorkersExhaustedError
from fastrtc_core.speech import SpeechChunk, Synthesizer, TTSModel, Written
from fastrtc_core.speech import synthesis as module

TEXT = "Let me see, one. And two. And three."
TEXT_CLAUSES = ["Let me see, one.", "And two.", "And three."]
RATE = 100


class Voice(Synthesizer[str]):
    """Speaks every letter for a tenth of a second, a chunk a letter; notes what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.made = 0
        self.stopped_in: list[int] = []
        self.threads: set[int] = set()
        self.stopped = threading.Event()

    @property
    def sample_rate(self) -> int:
        return RATE

    def synthesize(self, text: str, options: str | None) -> Iterator[SpeechChunk]:
        self.asked.append(text)
        self.threads.add(threading.get_ident())
        try:
            for letter in text:
                self.made += 1
                yield SpeechChunk(RATE, np.full(10, ord(letter) / 1000, np.float32))
        finally:
            self.stopped_in.append(threading.get_ident())
            self.stopped.set()


def said(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> str:
    return "".join(chr(round(float(value) * 1000)) for value in samples[::10])


async def until_quiet(voice: Synthesizer[str]) -> None:
    async with asyncio.timeout(10):
        while voice.speaking:
            await asyncio.sleep(0.001)


def test_it_has_the_documented_form() -> None:
    assert isinstance(Voice(), TTSModel)


def test_a_whole_text_is_spoken_in_order() -> None:
    voice = Voice()
    rate, samples = voice.tts(TEXT)
    assert (rate, str(samples.dtype), samples.ndim) == (RATE, "float32", 1)
    assert said(samples) == "".join(TEXT_CLAUSES)
    assert voice.asked == TEXT_CLAUSES


def test_of_no_text_there_is_no_sound() -> None:
    rate, samples = Voice().tts(" \n")
    assert (rate, samples.shape, str(samples.dtype)) == (RATE, (0,), "float32")
    assert list(Voice().stream_tts_sync("")) == []


def test_warming_up_runs_it() -> None:
    voice = Voice()
    voice.warmup()
    assert voice.asked


def test_the_first_sound_is_there_before_the_second_clause_is_asked_for() -> None:
    voice = Voice()
    stream = voice.stream_tts_sync(TEXT)
    next(stream)
    assert (voice.asked, voice.made) == (TEXT_CLAUSES[:1], 1)
    stream.close()
    assert voice.stopped_in == [threading.get_ident()]
    assert voice.made == 1


def test_tokens_are_spoken_as_they_are_written() -> None:
    voice = Voice()
    written = []

    def tokens() -> Iterator[str]:
        for token in ["One", " is", ".", " Two", " is", " next", "."]:
            written.append(token)
            yield token

    stream = voice.stream_tts_sync(tokens())
    next(stream)
    assert voice.asked == ["One is."]
    assert written == ["One", " is", ".", " Two"]
    assert len(list(stream)) == len("One is.Two is next.") - 1


@pytest.mark.parametrize("kind", ["text", "sync", "async"])
async def test_async_code_hears_the_same(kind: str) -> None:
    async def tokens() -> AsyncIterator[str]:
        for letter in TEXT:
            await asyncio.sleep(0)
            yield letter

    voice = Voice()
    texts: dict[str, Written | AsyncIterator[str]]
    texts = {"text": TEXT, "sync": iter(TEXT), "async": tokens()}
    text = texts[kind]
    sounds = [samples async for _, samples in voice.stream_tts(text)]
    assert "".join(map(said, sounds)) == "".join(TEXT_CLAUSES)
    assert threading.get_ident() not in voice.threads
    await until_quiet(voice)


async def test_closing_stops_the_engine_in_a_thread_and_not_on_the_loop() -> None:
    voice = Voice()
    stream = voice.stream_tts(TEXT)
    await anext(stream)
    await stream.aclose()
    await until_quiet(voice)
    assert await asyncio.to_thread(voice.stopped.wait, 10)
    assert len(voice.stopped_in) == 1
    assert threading.get_ident() not in voice.stopped_in
    assert voice.made == 1


async def test_the_loop_goes_on_while_an_engine_hangs_and_cancelling_needs_not_wait() -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Hangs(Voice):
        def synthesize(self, text: str, options: str | None) -> Iterator[SpeechChunk]:
            begun.set()
            assert go_on.wait(30)
            yield from super().synthesize(text, options)

    voice = Hangs()

    async def speak() -> None:
        async for _ in voice.stream_tts(TEXT):
            pass

    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(speak())
        assert await asyncio.to_thread(begun.wait, 10)
        speaking.cancel()
    assert speaking.cancelled()
    assert voice.speaking == 1  # the thread can't be stopped, but it is counted
    go_on.set()
    await until_quiet(voice)
    assert voice.made <= 1


async def test_an_engine_that_is_no_generator_works_in_the_thread_too() -> None:
    class AtOnce(Voice):
        def synthesize(self, text: str, options: str | None) -> Iterator[SpeechChunk]:
            self.threads.add(threading.get_ident())
            return iter([SpeechChunk(RATE, np.ones(10, np.float32))])

    voice = AtOnce()
    assert len([1 async for _ in voice.stream_tts(TEXT)]) == 3
    assert threading.get_ident() not in voice.threads


async def test_an_error_of_the_engine_is_told_and_leaves_no_thread_busy() -> None:
    class Raises(Voice):
        def synthesize(self, text: str, options: str | None) -> Iterator[SpeechChunk]:
            yield SpeechChunk(RATE, np.ones(10, np.float32))
            raise OSError("out of voice")

    voice = Raises()
    stream = voice.stream_tts(TEXT)
    await anext(stream)
    with pytest.raises(OSError, match="out of voice"):
        await anext(stream)
    await until_quiet(voice)
    with pytest.raises(OSError, match="out of voice"):
        voice.tts(TEXT)


async def test_an_error_of_the_text_is_told() -> None:
    async def tokens() -> AsyncIterator[str]:
        yield "One. "
        raise LookupError("no more words")

    voice = Voice()
    with pytest.raises(LookupError, match="no more words"):
        async for _ in voice.stream_tts(tokens()):
            pass
    await until_quiet(voice)


async def test_there_are_so_many_threads_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "THREADS", 2)
    voice = Voice()
    streams = [voice.stream_tts(TEXT) for _ in range(3)]
    await anext(streams[0])
    await anext(streams[1])
    assert voice.speaking == 2
    with pytest.raises(WorkersExhaustedError):
        await anext(streams[2])
    for stream in streams:
        await stream.aclose()
    await until_quiet(voice)
    assert len([1 async for _ in voice.stream_tts("Yes.")]) == 4


async def test_a_hundred_replies_in_a_row_leave_no_threads() -> None:
    voice = Voice()
    async for _ in voice.stream_tts("Yes."):
        pass
    await until_quiet(voice)
    before = threading.active_count()
    for _ in range(100):
        stream = voice.stream_tts(TEXT)
        await anext(stream)
        await stream.aclose()
        await until_quiet(voice)
    assert threading.active_count() <= before + 3  # of a hundred


@pytest.mark.parametrize("call", [Voice.tts, Voice.stream_tts_sync, Voice.chunks])
def test_options_reach_the_engine(call: Callable[..., object]) -> None:
    got = []

    class Chooses(Voice):
        def synthesize(self, text: str, options: str | None) -> Iterator[SpeechChunk]:
            got.append(options)
            yield SpeechChunk(RATE, np.ones(1, np.float32))

    result = call(Chooses(), "Yes.", "loud")
    if isinstance(result, Iterator):
        list(result)
    assert got == ["loud"]
