"""Moonshine by way of the package useful-moonshine-onnx, for those who have it installed.

No extra brings it: it takes 460 MB more than `fastrtc_stt.moonshine`, which runs the same files.
"""

import threading
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.errors import MissingPackageError
from fastrtc_core.speech import Recognizer, STTCapabilities, Transcript, is_silent
from fastrtc_stt.cutting import cut
from fastrtc_stt.moonshine import LONGEST, PIECE, SHORTEST


class MoonshineOnnx(Recognizer):
    """The package's `MoonshineOnnxModel`. Nothing is loaded before it is used.

    Args:
        size: ``base`` or ``tiny``; of the files in `path`, too.
        path: A folder with ``encoder_model.onnx`` and ``decoder_model_merged.onnx``; None to have
            the package fetch them.

    """

    def __init__(
        self, size: Literal["base", "tiny"] = "base", *, path: str | Path | None = None
    ) -> None:
        self._size = size
        self._path = path
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    @property
    def capabilities(self) -> STTCapabilities:
        """What the engine can do."""
        return STTCapabilities(languages=("en",))

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        """Return what is said.

        Raises:
            MissingPackageError: The package is not installed.

        """
        model, tokenizer = self._load()
        shortest = round(SHORTEST * self.sample_rate) + 1
        texts = []
        for piece in cut(samples, self.sample_rate, LONGEST, PIECE):
            if is_silent(piece) and not is_silent(samples):
                continue
            padded = np.pad(piece, (0, max(shortest - len(piece), 0)))
            texts += [text.strip() for text in tokenizer.decode_batch(model.generate(padded[None]))]
        return Transcript(" ".join(text for text in texts if text), language="en")

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                try:
                    # No extra brings it: whoever has it, has 460 MB of it for other reasons.
                    theirs = import_module("moonshine_onnx")
                except ImportError:
                    raise MissingPackageError("MoonshineOnnx", "useful-moonshine-onnx") from None
                folder = None if self._path is None else str(self._path)
                model = theirs.MoonshineOnnxModel(models_dir=folder, model_name=self._size)
                self._loaded = model, theirs.load_tokenizer()
            return self._loaded
