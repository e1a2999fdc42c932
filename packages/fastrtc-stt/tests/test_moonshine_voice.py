"""moonshine-voice, on a network that says one of two texts; its ear for speech is real."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fastrtc_core.errors import MissingPackageError
from fastrtc_core.speech import WeightsError
from fastrtc_stt import MoonshineVoice, get_stt_model

library = pytest.importorskip("moonshine_voice")

RATE = 16_000
CHUNK = 1_600


@pytest.fixture(scope="module")
def folder(voice_folder: Path) -> Path:
    return voice_folder


@pytest.fixture
def dialogue(speak: Callable[..., np.ndarray], phrases: list[str]) -> np.ndarray:
    pause = np.zeros(RATE, np.float32)
    return np.concatenate([part for text in phrases[2:4] for part in (speak(text), pause)])


def test_lines_come_while_one_speaks(folder: Path, dialogue: np.ndarray) -> None:
    model = get_stt_model("moonshine-voice", path=folder, arch="tiny", update=0.2)
    stream = model.stream()  # type: ignore[attr-defined]
    for _ in range(2):  # an utterance, and another one
        found = []
        for at in range(0, len(dialogue), CHUNK):
            found += stream.push(dialogue[at : at + CHUNK])
        found += stream.finish()
        finals = [transcript for transcript in found if transcript.final]
        assert len(finals) == 2
        assert all(transcript.text for transcript in found)
        assert any(not transcript.final for transcript in found)
    stream.close()
    stream.close()
    assert stream.push(dialogue) == stream.finish() == ()


def test_a_whole_sound(folder: Path, dialogue: np.ndarray) -> None:
    model = MoonshineVoice(path=folder, arch="tiny")
    model.warmup()
    assert model.stt((RATE, dialogue))
    assert model.stt((RATE, np.zeros(RATE, np.float32))) == ""


def test_several_streams_at_a_time(folder: Path, dialogue: np.ndarray) -> None:
    model = MoonshineVoice(path=folder, arch="tiny")

    def session(_: int) -> list[str]:
        stream = model.stream()
        found = []
        for at in range(0, len(dialogue), CHUNK):
            found += stream.push(dialogue[at : at + CHUNK])
        found += stream.finish()
        stream.close()
        return [transcript.text for transcript in found if transcript.final]

    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(session, range(4)))
    # When the library looks for the end of a line depends on how long its last look took.
    assert [[line[:12] for line in lines] for lines in said] == [[said[0][0][:12]] * 2] * 4
    assert model.pool.count <= 4


def test_what_cant_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tiny-streaming"):
        MoonshineVoice(path=tmp_path)
    with pytest.raises(ValueError, match="huge"):
        MoonshineVoice(arch="huge")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="update"):
        MoonshineVoice(update=0)
    with pytest.raises(WeightsError, match="no folder"):
        MoonshineVoice(path=tmp_path / "none", arch="tiny").warmup()
    with pytest.raises(WeightsError, match=str(tmp_path)):
        MoonshineVoice(path=tmp_path, arch="tiny").warmup()


def test_what_to_install_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    with pytest.raises(MissingPackageError, match=r"fastrtc-stt\[moonshine-voice\]"):
        MoonshineVoice(path=tmp_path, arch="tiny").warmup()
