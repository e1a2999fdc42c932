"""Speech to text: what a model must do, and a base class that does most of it.

The documented form is one method, ``stt((rate, samples)) -> text``; any object that has it will do.
The native form listens to a stream and may tell partial results. `Recognizer` makes both out of one
method, `Recognizer.transcribe`.

Every call blocks for as long as inference takes: call it in a thread. Different streams may be
used at the same time, one stream by one thread at a time.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, to_float32
from fastrtc_core.detection import AudioChunk

Audio: TypeAlias = tuple[int, NDArray[np.int16] | NDArray[np.float32]]
"""Sample rate in Hz, and samples shaped ``(samples,)`` or ``(1, samples)``."""

LOWEST_RATE: Final = 4_000
HIGHEST_RATE: Final = 384_000
"""Hz; outside these a rate is a mistake, such as the two parts of an audio exchanged."""

SILENCE: Final = 10 ** (-70 / 20)
"""Amplitude up to which there is nothing to be recognised: -70 dBFS, the noise of 12 bits."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its place in the sound, in seconds."""

    text: str
    start: float
    end: float
    confidence: float | None = None
    """0 to 1; None if the engine has none."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was understood so far of one utterance."""

    text: str
    final: bool = True
    """Whether it will not change any more."""
    words: tuple[Word, ...] = ()
    """With places since the utterance began; empty if the engine has none."""
    language: str | None = None
    """BCP 47, such as ``en``; None if the engine does not tell."""


@dataclass(frozen=True, slots=True)
class STTCapabilities:
    """What a speech-to-text engine can do."""

    streaming: bool = False
    """Whether it listens while somebody speaks, and does not begin at the end."""
    partials: bool = False
    """Whether it tells results that may change still."""
    timestamps: bool = False
    """Whether it tells the places of words."""
    languages: tuple[str, ...] = ()
    """BCP 47; empty if it is not known."""


@runtime_checkable
class STTModel(Protocol):
    """The documented form: a piece of audio in, its text out."""

    def stt(self, audio: Audio) -> str:
        """Return what is said, ``""`` if nothing is."""
        ...


@runtime_checkable
class RecognitionStream(Protocol):
    """One stream that is listened to; used by one thread at a time."""

    def push(self, samples: NDArray[np.float32]) -> Sequence[Transcript]:
        """Take the next sound and return what is new.

        Args:
            samples: ``(samples,)`` at the model's `sample_rate`, in -1..1, any number of them.

        """
        ...

    def finish(self) -> Sequence[Transcript]:
        """End the utterance and return what is new; the next `push` begins another one."""
        ...

    def close(self) -> None:
        """Let go of everything; may be called again, and from another thread."""
        ...


@runtime_checkable
class StreamingSTTModel(Protocol):
    """The native form: streams of sound in, transcripts out."""

    @property
    def sample_rate(self) -> int:
        """Rate of the sound that streams want, in Hz."""
        ...

    @property
    def capabilities(self) -> STTCapabilities:
        """What the engine can do."""
        ...

    def stream(self) -> RecognitionStream:
        """Begin to listen to another stream. This may take as long as loading the model."""
        ...


class BufferedStream:
    """Makes a stream of a model that hears whole utterances: `finish` transcribes what was pushed.

    Args:
        model: Any model of the documented form.
        sample_rate: Of what is pushed, in Hz.

    """

    def __init__(self, model: STTModel, sample_rate: int) -> None:
        self._model = model
        self._rate = sample_rate
        self._pieces: list[NDArray[np.float32]] = []

    def push(self, samples: NDArray[np.float32]) -> Sequence[Transcript]:
        """Keep the sound."""
        if samples.size:
            self._pieces.append(samples.copy())  # the caller may fill its array anew
        return ()

    def finish(self) -> Sequence[Transcript]:
        """Transcribe what was kept."""
        pieces, self._pieces = self._pieces, []
        text = self._model.stt((self._rate, np.concatenate(pieces))) if pieces else ""
        return (Transcript(text),) if text else ()

    def close(self) -> None:
        """Drop what was kept."""
        self._pieces = []


class Recognizer(ABC):
    """Base of speech-to-text engines: both forms out of `transcribe`."""

    sample_rate: int = 16_000
    """Rate at which the engine hears, in Hz."""

    @property
    def capabilities(self) -> STTCapabilities:
        """What the engine can do."""
        return STTCapabilities()

    @abstractmethod
    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        """Return what is said in a whole utterance. Called in threads, several at a time.

        Args:
            samples: ``(samples,)`` at `sample_rate`, in -1..1, and not silent.

        """

    def stream(self) -> RecognitionStream:
        """Begin to listen to another stream; engines that can listen meanwhile override this."""
        return BufferedStream(self, self.sample_rate)

    def stt(self, audio: Audio) -> str:
        """Return what is said, ``""`` if nothing is.

        Args:
            audio: Sample rate in Hz, and int16 or float32 samples ``(n,)`` or ``(1, n)``.

        Raises:
            TypeError: It is something else, or of another dtype.
            ValueError: The shape or the rate can't be.

        """
        samples = mono(audio, self.sample_rate)
        return "" if is_silent(samples) else self.transcribe(samples).text

    def stt_for_chunks(self, audio: Audio, chunks: Iterable[AudioChunk]) -> str:
        """Return what is said in parts of an audio, such as those in which a model heard speech.

        Args:
            audio: As for `stt`.
            chunks: Where to listen, in samples of `audio`.

        """
        return stt_for_chunks(self, audio, chunks)

    def warmup(self) -> None:
        """Load the model, and run it once; the first call takes longer than the others."""
        self.transcribe(np.zeros(self.sample_rate, np.float32))


def mono(audio: Audio, rate: int) -> NDArray[np.float32]:
    """Return an audio as ``(samples,)`` float32 in -1..1 at a rate.

    Raises:
        TypeError: It is no tuple of a rate and an array of int16 or float32.
        ValueError: It has more than one channel, or a rate that can't be.

    """
    source_rate, samples = _checked(audio)
    sound = to_float32(samples.reshape(1, -1))
    if source_rate != rate and sound.size:
        resampler = Resampler(source_rate, rate, 1)
        sound = np.concatenate((resampler.process(sound), resampler.flush()), axis=1)
        sound = sound[:, round(resampler.delay * rate) :]  # words keep their places
    return np.ascontiguousarray(sound[0], np.float32)


def _checked(audio: Audio) -> Audio:
    if not (isinstance(audio, tuple) and len(audio) == 2 and isinstance(audio[1], np.ndarray)):
        raise TypeError(f"audio is a tuple (rate, array), not {_told(audio)}")
    source_rate, samples = audio
    if not isinstance(source_rate, int | np.integer) or isinstance(source_rate, bool):
        raise TypeError(f"the rate of audio is an int in Hz, not {type(source_rate).__name__}")
    if not LOWEST_RATE <= source_rate <= HIGHEST_RATE:
        raise ValueError(
            f"audio at {source_rate} Hz can't be; rates are {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        )
    if samples.dtype not in (np.int16, np.float32):
        raise TypeError(f"audio is int16 or float32, not {samples.dtype}")
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[0] != 1):
        raise ValueError(
            f"audio to be recognised has one channel, (n,) or (1, n), not shape {samples.shape}"
        )
    return int(source_rate), samples


def is_silent(samples: NDArray[np.float32]) -> bool:
    """Whether there is nothing in the samples that could be speech."""
    return not samples.size or float(np.abs(samples).max()) <= SILENCE


def as_streaming_stt(model: object) -> StreamingSTTModel:
    """Return a model in the native form, lifted if it has only the documented one.

    Raises:
        TypeError: It has neither.

    """
    if isinstance(model, type):
        raise TypeError(f"{model.__name__} is a class: give an object of it, {model.__name__}()")
    if isinstance(model, StreamingSTTModel):
        return model
    if isinstance(model, STTModel):
        return _Lifted(model)
    raise TypeError(
        f"{type(model).__name__} is no speech-to-text model: it needs stt(audio), or stream()"
    )


class _Lifted:
    """A model of the documented form as one of the native form."""

    sample_rate: int = 16_000
    capabilities: STTCapabilities = STTCapabilities()

    def __init__(self, model: STTModel) -> None:
        self._model = model

    def stream(self) -> RecognitionStream:
        return BufferedStream(self._model, self.sample_rate)


def _told(audio: object) -> str:
    if isinstance(audio, tuple):
        return f"a tuple of {', '.join(type(part).__name__ for part in audio)}"
    return type(audio).__name__


def stt_for_chunks(stt_model: STTModel, audio: Audio, chunks: Iterable[AudioChunk]) -> str:
    """Return what is said in parts of an audio, such as those in which a model heard speech.

    Args:
        stt_model: Any model of the documented form.
        audio: Sample rate in Hz, and int16 or float32 samples ``(n,)`` or ``(1, n)``.
        chunks: Where to listen, in samples of `audio`.

    Raises:
        TypeError: The audio is something else, or of another dtype.
        ValueError: The shape or the rate can't be.

    """
    rate, samples = _checked(audio)
    parts = (samples[..., chunk["start"] : chunk["end"]] for chunk in chunks)
    texts = (stt_model.stt((rate, part)) for part in parts)
    return " ".join(text for text in texts if text)
