"""Moonshine: English dictation, on onnxruntime and tokenizers."""

import threading
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.errors import MissingPackageError
from fastrtc_core.speech import (
    Recognizer,
    STTCapabilities,
    Transcript,
    WeightFile,
    Weights,
    WeightsError,
    is_silent,
)
from fastrtc_stt.cutting import cut
from fastrtc_stt.moonshine_session import MoonshineSession

Size = Literal["base", "tiny"]

ENCODER: Final = "encoder_model.onnx"
DECODER: Final = "decoder_model_merged.onnx"
TOKENIZER: Final = "tokenizer.json"

SHORTEST: Final = 0.1
"""Seconds of the shortest sound that the model takes; shorter ones get silence behind."""
LONGEST: Final = 29.0
"""Seconds of the longest sound given to the model at once. It takes 64, but has places for 192
tokens, and speech may have 6.5 in a second: what is longer would lose its end."""
PIECE: Final = 15.0
"""Seconds of the shortest piece of a longer sound."""

_ONNX: Final = "UsefulSensors/moonshine", "48b4e427b587bcf67797a5be706d6ddc4a298149"
_TOKENIZER: Final = WeightFile(
    name=TOKENIZER,  # the same for both sizes
    sha256="6579793438bc4fbafffacf699169ff53e3769c5a0a0f5e71cdee8853e8130deb",
    size=1_985_530,
    repository="UsefulSensors/moonshine-base",
    path=TOKENIZER,
    revision="7a73d8d55ac0ba2ef3ae761593f6784b51f96dcf",
)


def _file(size: Size, name: str, sha256: str, length: int) -> WeightFile:
    repository, revision = _ONNX
    path = f"onnx/merged/{size}/float/{name}"
    return WeightFile(name, sha256, length, repository, path, revision)


WEIGHTS: Final[dict[Size, Weights]] = {
    "base": Weights(
        "moonshine/base",
        (
            _file(
                "base",
                ENCODER,
                "153e128e7abd64a74ee47f2c3f585c3171c4d46cbb368b032827934c4e01e779",
                80_818_781,
            ),
            _file(
                "base",
                DECODER,
                "58778763ca8438963190244d6b26572bdca2cedec56a4b91e828f3f2d69ef3c5",
                166_211_345,
            ),
            _TOKENIZER,
        ),
        licence="MIT",
    ),
    # The digests of tiny are those that several projects pin; their lengths are not known here.
    "tiny": Weights(
        "moonshine/tiny",
        (
            _file(
                "tiny",
                ENCODER,
                "cbbf580f703b2af2137e0f6d14cd87f31cc67bd858bfd8715403a9489982d1a5",
                0,
            ),
            _file(
                "tiny",
                DECODER,
                "4131cef00b62942e9cdef691101f2cc7dbbcd828d71eee8c6c46c28fd051d6cb",
                0,
            ),
            _TOKENIZER,
        ),
        licence="MIT",
    ),
}


class Moonshine(Recognizer):
    """Moonshine of one size. Nothing is loaded before it is used; many threads may use it.

    Args:
        size: ``base`` understands better, ``tiny`` takes a third of the time.
        path: A folder with ``encoder_model.onnx``, ``decoder_model_merged.onnx`` and
            ``tokenizer.json``; None to look in the hub's cache, and fetch what is not there.
        threads: Threads of one call.

    """

    def __init__(
        self, size: Size = "base", *, path: str | Path | None = None, threads: int = 2
    ) -> None:
        if size not in WEIGHTS:
            raise ValueError(f"Moonshine has the sizes {', '.join(WEIGHTS)}, not {size!r}")
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.weights = WEIGHTS[size]
        self._path = path
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    @property
    def capabilities(self) -> STTCapabilities:
        """What the engine can do."""
        return STTCapabilities(languages=("en",))

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        """Return what is said; sound of more than 29 s is cut where it is quiet.

        Raises:
            WeightsError: A file is missing or corrupt.
            MissingPackageError: onnxruntime or tokenizers is not installed.

        """
        loaded = self._load()
        pieces = cut(samples, self.sample_rate, LONGEST, PIECE)
        # Of a silent piece the model would make something up.
        texts = [loaded.text(piece) for piece in pieces if not is_silent(piece)]
        return Transcript(" ".join(text for text in texts if text), language="en")

    def warmup(self) -> None:
        """Load the model, and run it once."""
        self._load().text(np.zeros(self.sample_rate, np.float32))

    def _load(self) -> "_Loaded":
        with self._lock:  # of this model alone: others go on
            if self._loaded is None:
                self._loaded = _Loaded(self.weights.find(self._path), self._threads)
            return self._loaded


class _Loaded:
    """What was loaded of a model."""

    def __init__(self, files: dict[str, Path], threads: int) -> None:
        self._session = MoonshineSession(files[ENCODER], files[DECODER], threads)
        self._tokenizer = _tokenizer(files[TOKENIZER])

    def text(self, samples: NDArray[np.float32]) -> str:
        """Return what is said in one piece."""
        shortest = round(SHORTEST * Recognizer.sample_rate) + 1
        padded = np.pad(samples, (0, max(shortest - len(samples), 0)))
        ids = self._session.generate(padded)
        return str(self._tokenizer.decode(ids, skip_special_tokens=True)).strip()


def _tokenizer(path: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingPackageError("Moonshine", "fastrtc-stt[moonshine]") from None
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise WeightsError(path.name, f"{path} is corrupt or no tokenizer: {error}") from error


def base(*, path: str | Path | None = None, threads: int = 2) -> Moonshine:
    """Return ``moonshine/base``; the arguments are those of `Moonshine`."""
    return Moonshine("base", path=path, threads=threads)


def tiny(*, path: str | Path | None = None, threads: int = 2) -> Moonshine:
    """Return ``moonshine/tiny``; the arguments are those of `Moonshine`."""
    return Moonshine("tiny", path=path, threads=threads)


class MoonshineSTT(Moonshine):
    """Moonshine by the documented names.

    Args:
        model: ``moonshine/base`` or ``moonshine/tiny``.

    """

    def __init__(
        self, model: Literal["moonshine/base", "moonshine/tiny"] = "moonshine/base"
    ) -> None:
        names: dict[str, Size] = {f"moonshine/{size}": size for size in WEIGHTS}
        if model not in names:
            raise ValueError(f"Moonshine has the models {', '.join(names)}, not {model!r}")
        super().__init__(names[model])
