"""Kokoro 82M by PyTorch, from files of one's own.

Its package is `kokoro`; the pipeline around it fetches models of a language when it is made, so the
network is used alone, and phonemes are made by misaki's espeak-ng (GPL, version 3 or later), which
the package brings.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import MissingPackageError
from fastrtc_core.speech import (
    SpeechChunk,
    Synthesizer,
    TTSCapabilities,
    WeightsError,
    current_stop,
)
from fastrtc_tts.errors import EngineError, UnknownVoiceError
from fastrtc_tts.inference import StoppedError
from fastrtc_tts.kokoro import RATE, KokoroTTSOptions, pieces

REPOSITORY: Final = "hexgrad/Kokoro-82M"
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
        # One inference uses all cores, and PyTorch keeps threads for every thread that calls it.
        self._inference = ThreadPoolExecutor(1, "kokoro-torch")
        self._network: Any = None
        self._voices: dict[str, Any] = {}
        self._phonemizers: dict[str, Any] = {}

    @property
    def sample_rate(self) -> int:
        """24,000 Hz."""
        return RATE

    @property
    def capabilities(self) -> TTSCapabilities:
        """Its voices are the files of its folder."""
        return TTSCapabilities(languages=("en-US", "en-GB"), voices=tuple(self._names()))

    def synthesize(self, text: str, options: KokoroTTSOptions | None) -> Iterator[SpeechChunk]:
        """Speak a clause; one that is longer than the network's window in pieces."""
        options = options or KokoroTTSOptions()
        phonemes = self._inference.submit(self._read, text, options).result()
        for piece in pieces(phonemes, self._tokens):
            speak = copy_context().run  # with the stop of this reply
            try:
                samples = self._inference.submit(speak, self._speak, piece, options).result()
            except StoppedError:
                return
            yield SpeechChunk(RATE, samples)

    def _read(self, text: str, options: KokoroTTSOptions) -> str:
        self._loaded()
        self._voice(options.voice)
        return self._phonemes(text, options.lang)

    def _tokens(self, phonemes: str) -> list[int]:
        vocabulary = self._network.vocab
        return [vocabulary[one] for one in phonemes if one in vocabulary]

    def _speak(self, piece: str, options: KokoroTTSOptions) -> NDArray[np.float32]:
        # How a voice sounds depends on how much it says at once.
        style = self._voices[options.voice][len(piece) - 1]
        spoken = self._network(piece, style, options.speed)
        return np.asarray(spoken.numpy(), np.float32).ravel()

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
            try:
                network = KModel(
                    repo_id=REPOSITORY, config=str(folder / CONFIG), model=str(folder / MODEL)
                ).eval()
            except Exception as error:  # whatever reading a damaged file ends in
                raise WeightsError(
                    MODEL, f"{folder / MODEL} does not fit {folder / CONFIG}: {error}"
                ) from error
            for layer in network.modules():
                layer.register_forward_pre_hook(_end_if_stopped)
            self._network = network
        return self._network

    def _phonemes(self, text: str, lang: str) -> str:
        try:
            from misaki.espeak import EspeakG2P  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise MissingPackageError("Kokoro by PyTorch", "fastrtc-tts[kokoro-torch]") from None
        if lang not in self._phonemizers:
            try:
                self._phonemizers[lang] = EspeakG2P(language=lang)
            except RuntimeError as error:
                raise EngineError(f"kokoro-torch can't read {lang!r} aloud: {error}") from error
        phonemes, _ = self._phonemizers[lang](text)
        return str(phonemes)

    def _voice(self, name: str) -> Any:
        if name not in self._voices:
            file = self._folder() / VOICES / f"{name}.pt"
            if name not in self._names():
                raise UnknownVoiceError(name, ", ".join(self._names()))
            import torch  # pyright: ignore[reportMissingImports]

            try:
                self._voices[name] = torch.load(file, map_location="cpu", weights_only=True)
            except Exception as error:  # whatever reading a damaged file ends in
                raise WeightsError(file.name, f"{file} holds no voice: {error}") from error
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


def _end_if_stopped(layer: Any, inputs: Any) -> None:
    """End an inference at its next layer, when its reply is not wanted any more."""
    stop = current_stop()
    if stop is not None and stop.is_set():
        raise StoppedError
