from pathlib import Path

import pytest

from fastrtc_core import MissingPackageError
from fastrtc_core.speech import WeightsError
from fastrtc_tts import EngineError, KokoroTorchModel, get_tts_model


def test_making_one_loads_nothing(tmp_path: Path) -> None:
    model = get_tts_model("kokoro-torch", path=tmp_path)
    assert isinstance(model, KokoroTorchModel)
    assert model.sample_rate == 24_000
    assert model.capabilities.voices == ()


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises((MissingPackageError, WeightsError), match="kokoro-torch"):
        KokoroTorchModel(tmp_path).tts("hello")
    with pytest.raises((MissingPackageError, EngineError), match="kokoro-torch"):
        KokoroTorchModel().tts("hello")


def test_voices_are_the_files_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "af_sky.pt").touch()
    assert KokoroTorchModel(tmp_path).capabilities.voices == ("af_sky",)
