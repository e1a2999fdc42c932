"""Kokoro 82M by kokoro-onnx, on an onnxruntime session of our own.

kokoro-onnx makes phonemes of text by espeak-ng (GPL, version 3 or later), as a part of it.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from fastrtc_core import MissingPackageError
from fastrtc_core.speech import (
    SpeechChunk,
    Synthesizer,
    TTSCapabilities,
    WeightFile,
    Weights,
    WeightsError,
)
from fastrtc_tts.errors import UnknownVoiceError
from fastrtc_tts.inference import StoppableSession, StoppedError

RATE: Final = 24_000
SLOWEST, FASTEST = 0.5, 2.0
"""Speeds that kokoro-onnx takes."""

MOST_PHONEMES: Final = 510
"""The model's window."""

THREADS: Final = 2
"""Of one inference. More make the first sound little sooner, and leave others none."""

_RELEASE: Final = "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"
MODEL: Final = "kokoro-v1.0.onnx"
VOICES: Final = "voices-v1.0.bin"

WEIGHTS: Final = Weights(
    model="kokoro",
    files=(
        WeightFile(
            MODEL,
            "7d5df8ecf7d4b1878015a32686053fd0eebe2bc377234608764cc0ef3636a6c5",
            325_532_387,
            url=f"{_RELEASE}/{MODEL}",
        ),
        WeightFile(
            VOICES,
            "bca610b8308e8d99f32e6fe4197e7ec01679264efed0cac9140fe9c29f1fbf7d",
            28_214_398,
            url=f"{_RELEASE}/{VOICES}",
        ),
    ),
    licence="Apache-2.0",
)
"""Kokoro 1.0, as kokoro-onnx's author has exported it."""


@dataclass(frozen=True, slots=True)
class KokoroTTSOptions:
    """How Kokoro speaks.

    Raises:
        ValueError: The speed is out of range.

    """

    voice: str = "af_heart"
    """One of the file of voices, such as ``af_heart`` or ``bm_george``."""
    speed: float = 1.0
    """0.5 to 2."""
    lang: str = "en-us"
    """The language of the text, as espeak-ng names it."""

    def __post_init__(self) -> None:
        if not SLOWEST <= self.speed <= FASTEST:
            raise ValueError(f"speed is {SLOWEST} to {FASTEST}, not {self.speed}")


class KokoroModel(Synthesizer[KokoroTTSOptions]):
    """Speaks by Kokoro. Loaded when it is first used.

    Args:
        path: A folder with both files of weights; by default they are looked for in the cache, and
            fetched.
        threads: Of one inference.

    """

    def __init__(self, path: str | Path | None = None, threads: int = THREADS) -> None:
        super().__init__()
        if threads < 1:
            raise ValueError(f"an inference needs at least one thread, not {threads}")
        self.weights: Final = WEIGHTS
        self._path = path
        self._threads = threads
        self._loading = threading.Lock()
        self._phonemizing = threading.Lock()  # espeak-ng has one state
        self._engine: Any = None

    @property
    def sample_rate(self) -> int:
        """24,000 Hz."""
        return RATE

    @property
    def capabilities(self) -> TTSCapabilities:
        """Its voices are known once it is loaded."""
        voices = () if self._engine is None else tuple(self._engine.get_voices())
        return TTSCapabilities(
            languages=("en-US", "en-GB", "es", "fr", "hi", "it", "ja", "pt-BR", "zh"),
            voices=voices,
        )

    def synthesize(self, text: str, options: KokoroTTSOptions | None) -> Iterator[SpeechChunk]:
        """Speak a clause; one that is longer than the model's window in pieces."""
        options = options or KokoroTTSOptions()
        engine = self._loaded()
        if options.voice not in engine.voices:
            raise UnknownVoiceError(options.voice, ", ".join(engine.get_voices()))
        with self._phonemizing:
            phonemes = engine.tokenizer.phonemize(text, options.lang)
        for piece in pieces(phonemes, engine.tokenizer.tokenize):
            try:
                samples, _ = engine.create(
                    piece, options.voice, options.speed, options.lang, is_phonemes=True, trim=False
                )
            except StoppedError:
                return
            yield SpeechChunk(RATE, np.asarray(samples, np.float32))

    def _loaded(self) -> Any:
        with self._loading:
            if self._engine is None:
                self._engine = self._load()
            return self._engine

    def _load(self) -> Any:
        try:
            import onnxruntime as ort
            from kokoro_onnx import Kokoro
        except ImportError:
            raise MissingPackageError("Kokoro", "fastrtc-tts[kokoro]") from None
        files = self.weights.find(self._path)
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # Threads that wait by spinning burn a core while nobody speaks.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = ort.InferenceSession(
                str(files[MODEL]), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise WeightsError(MODEL, f"{files[MODEL]} is no model that runs: {error}") from error
        try:
            stoppable: Any = StoppableSession(session)
            return Kokoro.from_session(stoppable, str(files[VOICES]))
        except Exception as error:
            raise WeightsError(VOICES, f"{files[VOICES]} holds no voices: {error}") from error


def pieces(phonemes: str, tokenize: Callable[[str], list[int]]) -> Iterator[str]:
    """Cut what is longer than the window, at spaces; leave out what holds no phoneme."""
    piece = ""
    for word in phonemes.split():
        longer = f"{piece} {word}".strip()
        if piece and len(longer) > MOST_PHONEMES:
            yield from [piece] if tokenize(piece) else []
            longer = word
        piece = longer
    while len(piece) > MOST_PHONEMES:
        first, piece = piece[:MOST_PHONEMES], piece[MOST_PHONEMES:]
        yield from [first] if tokenize(first) else []
    if piece and tokenize(piece):
        yield piece
