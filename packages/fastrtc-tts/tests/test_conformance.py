"""The engines do what every text-to-speech model must."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastrtc_tts import EspeakModel, KokoroModel


def test_espeak_conforms_in_the_process(conforms: Any) -> None:
    pytest.importorskip("espeakng_loader")
    conforms.tts(lambda: EspeakModel("process"))


def test_espeak_conforms_as_a_program(conforms: Any, require: Callable[[str], str]) -> None:
    require("espeak-ng")
    conforms.tts(lambda: EspeakModel("program"))


def test_kokoro_conforms(conforms: Any, stand_in: Path) -> None:
    pytest.importorskip("kokoro_onnx")
    conforms.tts(lambda: KokoroModel(stand_in))


def test_importing_the_package_loads_no_engine(conforms: Any) -> None:
    conforms.imports("fastrtc_tts", forbidden=("onnxruntime", "torch", "httpx", "kokoro_onnx"))
