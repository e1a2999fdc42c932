"""``fastrtc plugins`` and ``fastrtc models``, with packages that are made up for it."""

import hashlib
import json
from pathlib import Path

import pytest

from fastrtc.cli import main
from fastrtc_core.speech import models

CONTENT = b"weights"

MODULE = f"""
from fastrtc_core.speech import (
    Recognizer, STTCapabilities, Synthesizer, Transcript, TTSCapabilities, WeightFile, Weights,
)

class Ears(Recognizer):
    capabilities = STTCapabilities(streaming=True, languages=("en", "fr"))
    def transcribe(self, samples):
        return Transcript("")

class Voice(Synthesizer):
    sample_rate = 16000
    capabilities = TTSCapabilities(timing="word", voices=tuple("abcdefghij"))
    weights = Weights(
        "voice",
        (
            WeightFile(
                "voice.bin", {hashlib.sha256(CONTENT).hexdigest()!r}, {len(CONTENT)},
                url="http://127.0.0.1:9/voice.bin",
            ),
        ),
        "MIT",
    )
    def synthesize(self, text, options):
        yield from ()

class Listener:
    def vad(self, audio, options): ...
    def warmup(self): ...

def broken():
    raise RuntimeError("no licence\\nin two lines")
"""

ENTRIES = """
[fastrtc.stt]
ears = made_up:Ears
gone = made_up:Gone
[fastrtc.tts]
broken = made_up:broken
voice = made_up:Voice
[fastrtc.pause_detection]
listener = made_up:Listener
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the package for a test; gives the folder where its weights are looked for."""
    metadata = tmp_path / "made_up-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1.5\n")
    (metadata / "entry_points.txt").write_text(ENTRIES)
    (tmp_path / "made_up.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(models, "_models", models.Models())
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("FASTRTC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(cache: Path) -> None:
    cache.mkdir()
    (cache / "voice.bin").write_bytes(CONTENT)


@pytest.mark.usefixtures("cache")
def test_plugins_are_listed_with_what_they_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]

    def after(name: str) -> str:
        [at] = [i for i, line in enumerate(lines) if line.split()[:3] == [name, "made-up", "1.5"]]
        return lines[at + 1]

    assert after("ears") == "streaming, languages en fr"
    assert after("voice") == "timing word, voices a b c d e f g h and 2 more"
    assert after("listener") == "batch"
    assert after("broken") == "can't be used: RuntimeError: no licence"
    assert after("gone").startswith("can't be used: PluginError: 'gone' in fastrtc.stt of made-up")


@pytest.mark.usefixtures("cache")
def test_plugins_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ours = {item["name"]: item for item in told if item["package"] == "made-up"}
    assert ours["ears"] == {
        "group": "fastrtc.stt",
        "name": "ears",
        "package": "made-up",
        "version": "1.5",
        "value": "made_up:Ears",
        "capabilities": {
            "streaming": True,
            "partials": False,
            "timestamps": False,
            "languages": ["en", "fr"],
        },
        "error": None,
    }
    assert ours["broken"]["error"] == "RuntimeError: no licence"


def test_models_are_listed(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    out = capsys.readouterr().out
    assert "missing: voice.bin" in out
    assert "can't be used: RuntimeError: no licence" in out
    assert "\nears " not in out
    put(cache)
    assert main(["models", "list"]) == 0
    [line] = [x for x in capsys.readouterr().out.splitlines() if x.startswith("voice ")]
    assert line.split() == ["voice", "0.0", "MB", "MIT", "here"]


def test_a_model_is_downloaded_to_a_folder(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(cache)
    for _ in range(2):
        assert main(["models", "download", "voice", "--to", str(tmp_path / "to" / "it")]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == 2 * [str(tmp_path / "to" / "it" / "voice.bin")]
    assert "voice: 0.0 MB, MIT" in err
    assert (tmp_path / "to" / "it" / "voice.bin").read_bytes() == CONTENT
    assert main(["models", "download", "voice"]) == 0
    assert capsys.readouterr().out == f"{cache / 'voice.bin'}\n"


@pytest.mark.usefixtures("cache")
def test_what_can_not_be_fetched_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "download", "voice"]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert "Connection refused" in err
    assert "get it from http://127.0.0.1:9/voice.bin" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["whisper"], "no installed package offers a speech model 'whisper'; installed: "),
        (["ears"], "'ears' has no weights to fetch"),
        (["voice", "--to", __file__], "is no folder"),
        (["broken"], "'broken' can't be used: RuntimeError: no licence"),
    ],
)
@pytest.mark.usefixtures("cache")
def test_mistakes_are_told(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "download", *arguments]) == 2
    assert words in capsys.readouterr().err
