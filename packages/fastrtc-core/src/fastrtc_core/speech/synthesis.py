"""Text to speech: what a model must do, and a base class that does most of it.

The documented form are three methods, `tts`, `stream_tts_sync` and `stream_tts`. `Synthesizer`
makes them out of one, `Synthesizer.synthesize`, which speaks one clause: it cuts the text, so that
the first sound is there after the first clause; takes text that is still being written; and stops
within a clause if the reply is cancelled.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final, Generic, TypeVar

import numpy as np

from fastrtc_core.speech.clauses import ClauseSplitter
from fastrtc_core.speech.recognition import Word
from fastrtc_core.speech.voices import SpeechChunk, Spoken, TTSCapabilities, Written
from fastrtc_core.stopping import Stop, within
from fastrtc_core.workers import Lane, WorkerPool

Options = TypeVar("Options")
Item = TypeVar("Item")

CHARACTERS_PER_SECOND: Final = 15.0
"""Pace of English at about 170 words a minute, until a text's own is known."""

_WITHOUT_SPACES: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
"""Japanese and Chinese, in which every character counts as a word."""

THREADS: Final = 64
"""Replies that one engine speaks at the same time for async code."""


class Synthesizer(ABC, Generic[Options]):
    """Base of text-to-speech engines."""

    def __init__(self) -> None:
        self._pool = WorkerPool(THREADS)

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Rate of what it speaks, in Hz; known without loading the model."""

    @property
    def capabilities(self) -> TTSCapabilities:
        """What the engine can do."""
        return TTSCapabilities()

    @property
    def speaking(self) -> int:
        """How many replies it speaks in threads at this moment, those being stopped included."""
        return self._pool.lanes

    @abstractmethod
    def synthesize(self, text: str, options: Options | None) -> Iterator[SpeechChunk]:
        """Speak a clause or a sentence; a generator, which is closed when the rest is not wanted.

        Called in threads, for several sessions at a time. One whose step takes long asks
        `current_stop`.

        Args:
            text: A few hundred characters at most, and not empty.
            options: The engine's own, or None for its defaults.

        """

    def warmup(self) -> None:
        """Load the model, and run it once; the first call takes longer than the others."""
        for _ in self.synthesize("ready", None):
            pass

    def tts(self, text: str, options: Options | None = None) -> Spoken:
        """Speak a whole text.

        Returns:
            Sample rate in Hz, and float32 samples ``(samples,)``; none for an empty text.

        """
        pieces = [samples for _, samples in self.stream_tts_sync(text, options)]
        return self.sample_rate, np.concatenate([np.zeros(0, np.float32), *pieces])

    def stream_tts_sync(
        self, text: Written, options: Options | None = None
    ) -> Generator[Spoken, None, None]:
        """Speak a text piece by piece, in the calling thread.

        Args:
            text: A text, or its parts as they are written.
            options: The engine's own.

        """
        for chunk in self.chunks(text, options):
            yield chunk.rate, chunk.samples

    async def stream_tts(
        self, text: Written | AsyncIterable[str], options: Options | None = None
    ) -> AsyncGenerator[Spoken, None]:
        """Speak a text piece by piece, in a thread; cancelling it stops the engine.

        Args:
            text: A text, or its parts as they are written, sync or async.
            options: The engine's own.

        """
        async with aclosing(self.chunks_async(text, options)) as chunks:
            async for chunk in chunks:
                yield chunk.rate, chunk.samples

    def narrate(
        self, text: Written | AsyncIterable[str], options: Options | None = None
    ) -> "Narration[Options]":
        """Speak a text, and be able to tell afterwards how much of it was heard, as text."""
        return Narration(self, text, options)

    def chunks(
        self, text: Written, options: Options | None = None
    ) -> Generator[SpeechChunk, None, None]:
        """Speak a text piece by piece, each with what it says; in the calling thread."""
        for clause in _cut(text):
            spoken = self.synthesize(clause, options)
            try:
                yield from _labelled(spoken, clause)
            finally:
                _close(spoken)

    async def chunks_async(
        self, text: Written | AsyncIterable[str], options: Options | None = None
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Speak a text piece by piece, each with what it says; in a thread.

        Raises:
            WorkersExhaustedError: `THREADS` replies are being spoken already.

        """
        lane = self._pool.lane()
        spoken: Iterator[SpeechChunk] | None = None
        stop = Stop()
        try:
            async with aclosing(_cut_async(text, lane)) as cut:
                async for clause in cut:
                    # In the thread, as it may be no generator but do its work at once.
                    made = await lane.run(within(stop, self.synthesize), clause, options)
                    spoken = _labelled(made, clause)
                    while (chunk := await lane.run(within(stop, _next), spoken)) is not None:
                        yield chunk
        finally:
            stop.set()
            lane.close(getattr(spoken, "close", None))


@dataclass
class Narration(Generic[Options]):
    """A text being spoken: iterate over it once, sync or async, for what to send.

    ::

        narration = model.narrate(text)
        for audio in narration:
            yield audio
        ...
        narration.heard(utterance.played)  # the part of the text that was heard
    """

    _model: Synthesizer[Options]
    _text: Written | AsyncIterable[str]
    _options: Options | None
    _spoken: list[tuple[float, SpeechChunk]] = field(default_factory=list)
    _seconds: float = 0.0
    _begun: bool = False
    _done: bool = False

    @property
    def text(self) -> str:
        """What was spoken so far."""
        return " ".join(chunk.text for _, chunk in self._spoken if chunk.text)

    @property
    def seconds(self) -> float:
        """How long that lasts."""
        return self._seconds

    def heard(self, seconds: float) -> str:
        """Return what the first seconds say: whole words, and none that was cut.

        Exact where the engine tells the places of words; else by the length of the text.
        """
        parts: list[str] = []
        for index, (start, chunk) in enumerate(self._spoken):
            if chunk.text and start < seconds:
                parts.append(self._part(index, seconds - start))
        return " ".join(part for part in parts if part)

    def __iter__(self) -> Iterator[Spoken]:
        if isinstance(self._text, AsyncIterable):
            raise TypeError("this text is written asynchronously: narrate it by `async for`")
        self._begin()
        for chunk in self._model.chunks(self._text, self._options):
            yield self._noted(chunk)
        self._done = True

    async def __aiter__(self) -> AsyncIterator[Spoken]:
        self._begin()
        async with aclosing(self._model.chunks_async(self._text, self._options)) as chunks:
            async for chunk in chunks:
                yield self._noted(chunk)
        self._done = True

    def _begin(self) -> None:
        if self._begun:
            raise RuntimeError("this narration was begun already: call narrate() again")
        self._begun = True

    def _noted(self, chunk: SpeechChunk) -> Spoken:
        self._spoken.append((self._seconds, replace(chunk, samples=chunk.samples[:0])))
        self._seconds += chunk.seconds
        return chunk.rate, chunk.samples

    def _part(self, index: int, seconds: float) -> str:
        """What the first seconds of a clause say, which begins with the chunk of this index."""
        start, chunk = self._spoken[index]
        rest = self._spoken[index + 1 :]
        end = next((at for at, other in rest if other.text), None)
        if end is None:
            end = self._seconds if self._done else max(self._seconds, start + self._guess(chunk))
        if seconds >= end - start:
            return chunk.text
        words = [*chunk.words, *_until_next(other for _, other in rest)]
        if words:
            return " ".join(word.text for word in words if word.end <= seconds)
        whole = int(len(chunk.text) * seconds / (end - start))
        if " " not in chunk.text:
            return chunk.text[:whole] if _WITHOUT_SPACES.search(chunk.text) else ""
        return chunk.text[: max(chunk.text.rfind(" ", 0, whole + 1), 0)]

    def _guess(self, chunk: SpeechChunk) -> float:
        """How long a clause will be that is still being spoken."""
        starts = [at for at, other in self._spoken if other.text]
        spoken = sum(len(other.text) for _, other in self._spoken) - len(chunk.text)
        pace = spoken / starts[-1] if spoken and starts[-1] else CHARACTERS_PER_SECOND
        return len(chunk.text) / pace


def _until_next(chunks: Iterable[SpeechChunk]) -> Iterator[Word]:
    """The words of a clause's further pieces."""
    for chunk in takewhile(lambda chunk: not chunk.text, chunks):
        yield from chunk.words


def _next(items: Iterator[Item]) -> Item | None:
    return next(items, None)


def _cut(text: Written) -> Iterator[str]:
    splitter = ClauseSplitter()
    for part in [text] if isinstance(text, str) else text:
        yield from splitter.push(part)
    yield from splitter.flush()


async def _cut_async(text: Written | AsyncIterable[str], lane: Lane) -> AsyncGenerator[str, None]:
    splitter = ClauseSplitter()
    if isinstance(text, str):
        text = [text]
    if isinstance(text, AsyncIterable):
        async for part in text:
            for clause in splitter.push(part):
                yield clause
    else:
        parts = iter(text)
        while (written := await lane.run(_next, parts)) is not None:
            for clause in splitter.push(written):
                yield clause
    for clause in splitter.flush():
        yield clause


def _labelled(spoken: Iterator[SpeechChunk], clause: str) -> Generator[SpeechChunk, None, None]:
    """Give the first piece the clause's text, unless the engine has done that."""
    try:
        first = True
        for chunk in spoken:
            yield replace(chunk, text=clause) if first and not chunk.text else chunk
            first = False
    finally:
        _close(spoken)


def _close(spoken: Iterator[SpeechChunk]) -> None:
    close = getattr(spoken, "close", None)
    if close is not None:
        close()
