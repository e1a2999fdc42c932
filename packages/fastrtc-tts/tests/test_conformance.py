"""The engines do what every text-to-speech model must."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fastrtc_tts import CartesiaModel, EspeakModel, KokoroModel


def test_espeak_conforms_in_the_process(conforms: Any) -> None:
    pytest.importorskip("espeakng_loader")
    conforms.tts(lambda: EspeakModel("process"))


def test_espeak_conforms_as_a_program(conforms: Any, require: Callable[[str], str]) -> None:
    require("espeak-ng")
    conforms.tts(lambda: EspeakModel("program"))


def test_kokoro_conforms(conforms: Any, stand_in: Path) -> None:
    pytest.importorskip("kokoro_onnx")
    conforms.tts(lambda: KokoroModel(stand_in))


@pytest.fixture
def cartesia() -> Iterator[str]:
    """The address of a service; a process, so that its threads are not taken for the engine's."""
    program = Path(__file__).with_name("cartesia_service.py")
    command = [sys.executable, str(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        yield f"http://127.0.0.1:{int(service.stdout.readline())}"
        service.terminate()


def test_cartesia_conforms(conforms: Any, cartesia: str) -> None:
    pytest.importorskip("httpx")
    conforms.tts(lambda: CartesiaModel("secret", cartesia))


def test_importing_the_package_loads_no_engine(conforms: Any) -> None:
    conforms.imports("fastrtc_tts", forbidden=("onnxruntime", "torch", "httpx", "kokoro_onnx"))
