"""Kokoro 82M by PyTorch, from files of one's own.

Its package is `kokoro`; the pipeline around it fetches models of a language when it is made, so the
network is used alone, and phonemes are made by misaki's espeak-ng, which the package brings.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from fastrtc_core import MissingPackageError
from fastrtc_core.speech import SpeechChunk, Synthesizer, TTSCapabilities, WeightsError
from fastrtc_tts.errors import EngineError, UnknownVoiceError
from fastrtc_tts.kokoro import MOST_PHONEMES, RATE, KokoroTTSOptions

CONFIG: Final = "config.json"
MODEL: Final = "kokoro-v1_0.pth"
VOICES: Final = "voices"


class KokoroTorchModel(Synthesizer[KokoroTTSOptions]):
    """Speaks by Kokoro on PyTorch. Loaded when it is first used.

    Args:
        path: A folder with ``config.json``, ``kokoro-v1_0.pth`` and ``voices/*.pt``, as the
            repository hexgrad/Kokoro-82M has them.

    """

    def __init__(self, path: str | Path | None = None) -> None:
        super().__init__()
        self._path = None if path is None else Path(path)
        self._lock = threading.Lock()
        self._network: Any = None
        self._voices: dict[str, Any] = {}

    @property
    def sample_rate(self) -> int:
        """24,000 Hz."""
        return RATE

    @property
    def capabilities(self) -> TTSCapabilities:
        """Its voices are the files of its folder."""
        return TTSCapabilities(languages=("en-US", "en-GB"), voices=tuple(self._names()))

    def synthesize(self, text: str, options: KokoroTTSOptions | None) -> Iterator[SpeechChunk]:
        """Speak a clause."""
        options = options or KokoroTTSOptions()
        with self._lock:  # PyTorch uses all cores for one inference
            network, voice = self._loaded(), self._voice(options.voice)
            phonemes = self._phonemes(text, options.lang)[:MOST_PHONEMES]
            if not phonemes:
                return
            spoken = network(phonemes, voice[len(phonemes) - 1], options.speed)
        yield SpeechChunk(RATE, np.asarray(spoken.detach().cpu().numpy(), np.float32).ravel())

    def _loaded(self) -> Any:
        if self._network is None:
            try:
                from kokoro import KModel  # pyright: ignore[reportMissingImports]
            except ImportError:
                raise MissingPackageError(
                    "Kokoro by PyTorch", "fastrtc-tts[kokoro-torch]"
                ) from None
            folder = self._folder()
            for name in (CONFIG, MODEL):
                if not (folder / name).is_file():
                    raise WeightsError(name, f"kokoro-torch needs the file {folder / name}")
            self._network = KModel(
                repo_id="hexgrad/Kokoro-82M",
                config=str(folder / CONFIG),
                model=str(folder / MODEL),
            ).eval()
        return self._network

    def _phonemes(self, text: str, lang: str) -> str:
        try:
            from misaki.espeak import EspeakG2P  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise MissingPackageError("Kokoro by PyTorch", "fastrtc-tts[kokoro-torch]") from None
        phonemes, _ = EspeakG2P(language=lang)(text)
        return str(phonemes)

    def _voice(self, name: str) -> Any:
        if name not in self._voices:
            file = self._folder() / VOICES / f"{name}.pt"
            if name not in self._names():
                raise UnknownVoiceError(name, ", ".join(self._names()))
            import torch  # pyright: ignore[reportMissingImports]

            self._voices[name] = torch.load(file, weights_only=True)
        return self._voices[name]

    def _names(self) -> list[str]:
        if self._path is None:
            return []
        return sorted(file.stem for file in (self._path / VOICES).glob("*.pt"))

    def _folder(self) -> Path:
        if self._path is None:
            raise EngineError(
                "kokoro-torch needs path=, a folder with config.json, kokoro-v1_0.pth and voices/"
            )
        return self._path
