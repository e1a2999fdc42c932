"""The engines do what every speech-to-text model must."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastrtc_stt import Moonshine, MoonshineVoice, PocketSphinx


def test_pocketsphinx_conforms(
    conforms: Any, speak: Callable[..., np.ndarray], phrases: list[str]
) -> None:
    pytest.importorskip("pocketsphinx")
    speech = (16_000, speak("tell me a joke"))
    conforms.stt(lambda: PocketSphinx(phrases=phrases), speech=speech)


@pytest.mark.parametrize("size", ["base", "tiny"])
def test_moonshine_conforms(
    conforms: Any, moonshine_folder: Callable[..., Path], size: Any
) -> None:
    folder = moonshine_folder(size)
    conforms.stt(lambda: Moonshine(size, path=folder))


def test_moonshine_voice_conforms(conforms: Any, voice_folder: Path) -> None:
    conforms.stt(lambda: MoonshineVoice(path=voice_folder, arch="tiny"))


def test_importing_the_package_loads_no_engine(conforms: Any) -> None:
    conforms.imports("fastrtc_stt", forbidden=("onnxruntime", "pocketsphinx", "tokenizers"))
