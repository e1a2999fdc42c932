"""moonshine-voice: dictation with partial results, by Moonshine's own library.

It finds speech itself, and makes a line of each stretch of it. Streams of one loaded model share
what finds speech, so that one changes what is heard in another: here each utterance has a model of
its own, lent from a bounded pool. In which state the utterance before has left it can still decide
whether a noise is taken for speech.

Weights are a folder of yours, or what the library fetches from its own servers when it is first
used; those of languages other than English are not free for commercial use.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.errors import MissingPackageError
from fastrtc_core.speech import (
    RecognitionStream,
    Recognizer,
    STTCapabilities,
    Transcript,
    WeightsError,
)
from fastrtc_stt.pool import Pool
from fastrtc_stt.streams import GuardedStream

Arch = Literal[
    "tiny", "base", "tiny-streaming", "base-streaming", "small-streaming", "medium-streaming"
]
ARCHS: Final[tuple[Arch, ...]] = (
    "tiny",
    "base",
    "tiny-streaming",
    "base-streaming",
    "small-streaming",
    "medium-streaming",
)

UPDATE: Final = 0.5
"""Seconds of sound from one partial result to the next; each costs an inference."""

DECODERS: Final = 4
"""A model takes 45 MB (tiny) to 270 MB (medium-streaming)."""


FORGETTING: Final = 2.0
"""Seconds of silence after which what finds speech knows nothing of what was before."""


class MoonshineVoice(Recognizer):
    """Listens while somebody speaks. Nothing is loaded before it is used.

    Args:
        path: A folder with the model's files; None to have the library fetch them.
        arch: What kind of model that is; needed with `path`, else None for the language's own.
        language: BCP 47, such as ``en``.
        update: Seconds of sound from one partial result to the next.
        decoders: How often the model is loaded at most, which is how many may speak at a time.
        patience: Seconds to wait for a free one.

    """

    def __init__(
        self,
        *,
        path: str | Path | None = None,
        arch: Arch | None = None,
        language: str = "en",
        update: float = UPDATE,
        decoders: int = DECODERS,
        patience: float = 10.0,
    ) -> None:
        if arch is not None and arch not in ARCHS:
            raise ValueError(f"arch is one of {', '.join(ARCHS)}, not {arch!r}")
        if path is not None and arch is None:
            raise ValueError(f"say what kind of model is in {path}: arch= {', '.join(ARCHS)}")
        if update <= 0:
            raise ValueError(f"update must be positive, got {update}")
        if decoders < 1:
            raise ValueError(f"decoders must be at least 1, got {decoders}")
        self._path = path
        self._arch = arch
        self._language = language
        self._update = update
        self._lock = threading.Lock()
        self.pool: Pool[Any] = Pool(self._loaded, decoders, patience)

    @property
    def capabilities(self) -> STTCapabilities:
        """What the engine can do."""
        return STTCapabilities(streaming=True, partials=True, languages=(self._language,))

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        """Return what is said.

        Raises:
            WeightsError: The files can't be found, fetched or used.
            DecodersExhaustedError: All are busy, and stay so.
            MissingPackageError: moonshine-voice is not installed.

        """
        transcriber = self.pool.lease()
        try:
            found = transcriber.transcribe_without_streaming(samples.tolist(), self.sample_rate)
        finally:
            self.give_back(transcriber)
        texts = (line.text.strip() for line in found.lines)
        return Transcript(" ".join(text for text in texts if text), language=self._language)

    def stream(self) -> RecognitionStream:
        """Begin to listen to another stream; the model is loaded when it has sound."""
        return _Stream(self)

    @property
    def language(self) -> str:
        """BCP 47."""
        return self._language

    def give_back(self, transcriber: Any) -> None:
        """Let another utterance have a model, which has forgotten what it heard last."""
        silence = [0.0] * round(FORGETTING * self.sample_rate)
        try:
            transcriber.transcribe_without_streaming(silence, self.sample_rate)
        finally:
            self.pool.give_back(transcriber)

    def _loaded(self) -> Any:
        try:
            import moonshine_voice
        except ImportError:
            raise MissingPackageError("moonshine-voice", "fastrtc-stt[moonshine-voice]") from None
        kinds = moonshine_voice.ModelArch
        arch = None if self._arch is None else kinds[self._arch.replace("-", "_").upper()]
        folder = self._path
        if folder is not None and not Path(folder).is_dir():
            raise WeightsError(str(folder), f"moonshine-voice: there is no folder {folder}")
        try:
            with self._lock:
                if folder is None:  # one at a time: it is fetched once
                    fetched = moonshine_voice.get_model_for_language
                    folder, arch = fetched(self._language, arch)  # pyright: ignore[reportArgumentType]
                return moonshine_voice.Transcriber(str(folder), arch, self._update)
        except Exception as error:
            # The library raises all kinds.
            where = folder or f"the files for {self._language!r}"
            raise WeightsError(
                str(where),
                f"moonshine-voice can't load {where}: {error}; get the model where there is a "
                "network (python -m moonshine_voice.download) and name its folder, path=, arch=",
            ) from error


class _Stream(GuardedStream):
    """One stream: the library's, made anew for each utterance."""

    def __init__(self, model: MoonshineVoice) -> None:
        super().__init__()
        self._model = model
        self._transcriber: Any = None
        self._stream: Any = None
        self._events: list[Any] = []

    def _push(self, samples: NDArray[np.float32]) -> Sequence[Transcript]:
        if self._stream is None:
            self._free()  # of an utterance that could not begin
            self._transcriber = self._model.pool.lease()
            self._stream = self._transcriber.create_stream()
            self._stream.add_listener(self._events.append)
            self._stream.start()
        self._stream.add_audio(samples.tolist(), self._model.sample_rate)
        return self._new()

    def _finish(self) -> Sequence[Transcript]:
        if self._stream is None:
            return ()
        try:
            self._stream.stop()
            return self._new()
        finally:
            self._free()

    def _free(self) -> None:
        stream, self._stream = self._stream, None
        transcriber, self._transcriber = self._transcriber, None
        self._events.clear()
        if stream is not None:
            stream.close()
        if transcriber is not None:
            self._model.give_back(transcriber)

    def _new(self) -> Sequence[Transcript]:
        import moonshine_voice

        events = self._events.copy()
        self._events.clear()
        found = []
        for event in events:
            if isinstance(event, moonshine_voice.Error):
                raise event.error
            final = isinstance(event, moonshine_voice.LineCompleted)
            if final or isinstance(event, moonshine_voice.LineTextChanged):
                text = event.line.text.strip()
                if text and (final or not event.line.is_complete):
                    found.append(Transcript(text, final, language=self._model.language))
        return found
