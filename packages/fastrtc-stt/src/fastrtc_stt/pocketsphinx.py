"""pocketsphinx: closed commands, keywords, and dictation, with the model in its wheel.

It is small and quick (a hundredth of real time with a grammar) and understands what it is told to
expect. Open dictation is poor, and a grammar knows nothing else: what is said besides is taken for
one of its phrases, or for the beginning of one, which is refused.
"""

import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import to_int16
from fastrtc_core.errors import MissingPackageError
from fastrtc_core.speech import (
    RecognitionStream,
    Recognizer,
    STTCapabilities,
    Transcript,
    Word,
    is_silent,
)
from fastrtc_stt.errors import GrammarError
from fastrtc_stt.grammars import normalised, of_phrases, reduced, words_of
from fastrtc_stt.pool import Pool
from fastrtc_stt.streams import GuardedStream

SEARCH: Final = "fastrtc"
FRAMES_PER_SECOND: Final = 100
"""pocketsphinx's `frate`."""

DITHER: Final = 0.0003
"""Amplitude of the noise that is added, -70 dBFS, that of a very quiet room: digital silence spoils
the mean that is taken away from what is heard. Of 15 phrases by each of four voices of espeak-ng,
10 to 15 are understood without it and all with it; more of it spoils short words."""

KEYWORD_THRESHOLD: Final = 1e-20
"""Of a keyword that has none: for phrases of three or four syllables. Shorter ones need more."""

CLOSED_DECODERS: Final = 32
"""A decoder of a grammar takes 5 MB and is opened in 7 ms."""
DICTATION_DECODERS: Final = 4
"""One for dictation takes 95 MB, and half a core."""


@dataclass(frozen=True, slots=True)
class _Search:
    """What is listened for."""

    grammar: str | None = None
    phrases: frozenset[str] = frozenset()
    keywords: tuple[tuple[str, float], ...] = ()

    @property
    def words(self) -> set[str] | None:
        """Words that can be said; None for all that there are."""
        if self.grammar is not None:
            return words_of(self.grammar)
        return {word for phrase, _ in self.keywords for word in phrase.split()} or None


class PocketSphinx(Recognizer):
    """Listens for phrases, a grammar or keywords; without any of them, takes dictation.

    Nothing is loaded before it is used. A decoder serves one utterance at a time: each is lent one
    of a bounded pool, from a stream's first sound until `finish` or `close`.

    Args:
        phrases: One of them is said; case and punctuation do not matter, and results have none.
        grammar: JSGF. Words are in small letters.
        keywords: Spotted in running speech; with thresholds from 1e-50 (heard everywhere) to 1,
            or a list.
        dictionary: A file of pronunciations in place of the one in the wheel.
        sample_rate: Of the sound in Hz, at least 16 000: the model's.
        decoders: The most there are; by default 32, and 4 for dictation.
        patience: Seconds to wait for a free one.

    Raises:
        GrammarError: More than one of the first three was given, or something that can't be one.

    """

    def __init__(
        self,
        *,
        phrases: Sequence[str] | None = None,
        grammar: str | None = None,
        keywords: Mapping[str, float] | Sequence[str] | None = None,
        dictionary: str | Path | None = None,
        sample_rate: int = 16_000,
        decoders: int | None = None,
        patience: float = 10.0,
    ) -> None:
        if sum(given is not None for given in (phrases, grammar, keywords)) > 1:
            raise GrammarError("give one of phrases=, grammar= and keywords=, not several")
        if sample_rate < Recognizer.sample_rate:
            raise ValueError(f"sample_rate must be at least 16000, the model's, got {sample_rate}")
        self.sample_rate = sample_rate
        self._search = _search(phrases, grammar, keywords)
        closed = self._search.words is not None
        limit = decoders or (CLOSED_DECODERS if closed else DICTATION_DECODERS)
        if limit < 1 or decoders == 0:
            raise ValueError(f"decoders must be at least 1, got {decoders}")
        self._dictionary = dictionary
        self._pronunciations: str | None = None
        self._lock = threading.Lock()
        self.pool: Pool[Any] = Pool(self._open, limit, patience)
        self.mean = ""
        """With which a stream begins: the decoder's own (`cmn`), before it has heard anything."""

    @property
    def capabilities(self) -> STTCapabilities:
        """What the engine can do."""
        return STTCapabilities(streaming=True, partials=True, timestamps=True, languages=("en",))

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        """Return what is said.

        Raises:
            GrammarError: The grammar has a mistake, or words that the dictionary lacks.
            DecodersExhaustedError: All decoders are busy, and stay so.
            MissingPackageError: pocketsphinx is not installed.

        """
        decoder = self.pool.lease()
        try:
            decoder.start_utt()
            try:
                # All at once, its own mean is taken away: what others said makes no difference.
                decoder.process_raw(_dithered(samples, 0), full_utt=True)
            finally:
                decoder.end_utt()
            text = _text(decoder)
            found = text if self.accepts(text) else ""
            return Transcript(found, words=_words(decoder) if found else (), language="en")
        finally:
            self.pool.give_back(decoder)

    def stream(self) -> RecognitionStream:
        """Begin to listen to another stream; a decoder is taken when it has sound."""
        return _Stream(self)

    def accepts(self, text: str) -> bool:
        """Whether this can be all that was said: a phrase may not have been spoken to its end."""
        return not self._search.phrases or text in self._search.phrases

    def _open(self) -> Any:
        try:
            import pocketsphinx
        except ImportError:
            raise MissingPackageError("pocketsphinx", "fastrtc-stt[pocketsphinx]") from None
        settings: dict[str, object] = {"loglevel": "FATAL", "samprate": self.sample_rate}
        if self._search.words is None:
            if self._dictionary is not None:
                settings["dict"] = str(self._dictionary)
            return self._noted(pocketsphinx.Decoder(**settings))
        text = self._pronounced(Path(pocketsphinx.get_model_path()))
        # The whole dictionary costs five times the memory, and twelve times as long to open.
        with tempfile.TemporaryDirectory(prefix="fastrtc-stt-") as folder:
            path = Path(folder) / "words.dict"
            path.write_text(text, encoding="utf-8")
            decoder = pocketsphinx.Decoder(**settings, lm=None, dict=str(path))
            self._add_search(decoder, Path(folder))
        return self._noted(decoder)

    def _noted(self, decoder: Any) -> Any:
        self.mean = decoder.get_cmn(False)
        return decoder

    def _add_search(self, decoder: Any, folder: Path) -> None:
        try:
            if self._search.grammar is not None:
                decoder.add_jsgf_string(SEARCH, self._search.grammar)
            else:
                path = folder / "keywords"
                lines = (f"{phrase} /{level:g}/\n" for phrase, level in self._search.keywords)
                path.write_text("".join(lines), encoding="utf-8")
                decoder.add_kws(SEARCH, os.fspath(path))
            decoder.activate_search(SEARCH)
        except (KeyError, RuntimeError, ValueError) as error:
            what = self._search.grammar or self._search.keywords
            raise GrammarError(f"pocketsphinx refuses {what!r}: {error}") from error

    def _pronounced(self, model: Path) -> str:
        words = self._search.words
        with self._lock:
            if self._pronunciations is None and words is not None:
                path = Path(self._dictionary or model / "en-us" / "cmudict-en-us.dict")
                with path.open(encoding="utf-8") as lines:
                    self._pronunciations = reduced(lines, words)
            return self._pronunciations or ""


class _Stream(GuardedStream):
    """One stream. A decoder is its own from the first sound until the utterance ends."""

    def __init__(self, model: PocketSphinx) -> None:
        super().__init__()
        self._model = model
        self._decoder: Any = None
        self._mean = ""  # of what was heard so far
        self._samples = 0  # of this utterance
        self._told = ""
        self._silent = True

    def _push(self, samples: NDArray[np.float32]) -> Sequence[Transcript]:
        decoder = self._begin() if self._decoder is None else self._decoder
        self._silent = self._silent and is_silent(samples)
        decoder.process_raw(_dithered(samples, self._samples))
        self._samples += samples.size
        text = "" if self._silent else _text(decoder)
        if text == self._told:
            return ()
        self._told = text
        return (self._transcript(text, final=False),)

    def _finish(self) -> Sequence[Transcript]:
        if self._decoder is None:
            return ()
        self._decoder.end_utt()
        text = "" if self._silent else _text(self._decoder)
        if not self._model.accepts(text):
            text = ""
        # A text that was told and is none after all is taken back.
        found = (self._transcript(text, final=True),) if text or self._told else ()
        if not self._silent:
            self._mean = self._decoder.get_cmn(True)
        self._end()
        return found

    def _begin(self) -> Any:
        decoder = self._decoder = self._model.pool.lease()
        # Not that of whoever had the decoder before.
        decoder.set_cmn(self._mean or self._model.mean)
        decoder.start_utt()
        return decoder

    def _end(self) -> None:
        decoder, self._decoder = self._decoder, None
        self._samples, self._told, self._silent = 0, "", True
        self._model.pool.give_back(decoder)

    def _free(self) -> None:
        if self._decoder is not None:
            try:
                self._decoder.end_utt()
            finally:  # the next utterance begins anew whatever became of this one
                self._end()

    def _transcript(self, text: str, *, final: bool) -> Transcript:
        words = _words(self._decoder) if text else ()
        return Transcript(text, final, words, "en")


@cache
def _noise() -> NDArray[np.float32]:
    """A second of it, the same always: what is heard twice is understood alike."""
    return DITHER * np.random.default_rng(1).standard_normal(16_000).astype(np.float32)


def _dithered(samples: NDArray[np.float32], place: int) -> bytes:
    """The samples from a place in an utterance on, with noise, as the decoder takes them."""
    noise = np.take(_noise(), range(place, place + samples.size), mode="wrap")
    return to_int16(samples + noise).tobytes()


def _text(decoder: Any) -> str:
    best = decoder.hyp()
    return " ".join(best.hypstr.split()) if best else ""


def _words(decoder: Any) -> tuple[Word, ...]:
    found = []
    for segment in decoder.seg() or ():
        text = segment.word.strip()
        if text[:1] in ("<", "["):  # silence and noise
            continue
        text = text.partition("(")[0]  # a way to say it
        begin = segment.start_frame / FRAMES_PER_SECOND
        end = (segment.end_frame + 1) / FRAMES_PER_SECOND
        found.append(Word(text, begin, end, min(max(float(segment.prob), 0.0), 1.0)))
    return tuple(sorted(found, key=lambda word: word.start))


def _search(
    phrases: Sequence[str] | None,
    grammar: str | None,
    keywords: Mapping[str, float] | Sequence[str] | None,
) -> _Search:
    for name, given in (("phrases", phrases), ("keywords", keywords)):
        if isinstance(given, str) or (given is not None and not given):
            raise GrammarError(f"{name} is a list of at least one phrase, got {given!r}")
    if phrases is not None:
        wanted = list(dict.fromkeys(map(normalised, phrases)))
        return _Search(grammar=of_phrases(wanted), phrases=frozenset(wanted))
    if keywords is not None:
        levels = (
            keywords
            if isinstance(keywords, Mapping)
            else dict.fromkeys(keywords, KEYWORD_THRESHOLD)
        )
        for phrase, level in levels.items():
            if not 0 < level <= 1:
                raise GrammarError(f"a keyword's threshold is 1e-50 to 1, got {level} ({phrase!r})")
        return _Search(keywords=tuple((normalised(p), float(v)) for p, v in levels.items()))
    if grammar is not None:
        words_of(grammar)
    return _Search(grammar=grammar)
