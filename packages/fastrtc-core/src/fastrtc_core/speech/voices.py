"""What text to speech takes and gives, and the form that every model of it has."""

from collections.abc import AsyncGenerator, Generator, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.speech.recognition import Word

Spoken: TypeAlias = tuple[int, NDArray[np.float32]]
"""Sample rate in Hz, and samples ``(samples,)`` in -1..1."""

Written: TypeAlias = str | Iterable[str]
"""A text, or its parts as they are written, such as the tokens of a language model."""


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of speech and what it says."""

    rate: int
    """In Hz."""
    samples: NDArray[np.float32]
    """``(samples,)``, in -1..1."""
    text: str = ""
    """What this piece says; of a clause in several pieces, only the first one has it."""
    words: tuple[Word, ...] = ()
    """Its words, in seconds from the beginning of the clause; empty if the engine has none."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.samples.size / self.rate


@dataclass(frozen=True, slots=True)
class TTSCapabilities:
    """What a text-to-speech engine can do."""

    streaming: bool = False
    """Whether a clause comes in pieces, the first before the last is made."""
    timing: Literal["clause", "word"] = "clause"
    """What is known of where words are: `SpeechChunk.words`, or just where clauses are."""
    languages: tuple[str, ...] = ()
    """BCP 47; empty if it is not known."""
    voices: tuple[str, ...] = ()
    """Names that its options take; empty if it is not known."""


@runtime_checkable
class TTSModel(Protocol):
    """The documented form."""

    def tts(self, text: str, options: object | None = None) -> Spoken:
        """Speak a whole text."""
        ...

    def stream_tts(self, text: str, options: object | None = None) -> AsyncGenerator[Spoken, None]:
        """Speak a text piece by piece."""
        ...

    def stream_tts_sync(
        self, text: str, options: object | None = None
    ) -> Generator[Spoken, None, None]:
        """Speak a text piece by piece, in the calling thread."""
        ...
