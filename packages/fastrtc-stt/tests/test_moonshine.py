"""Moonshine, on models of its signatures that say one of two texts."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fastrtc_core.speech import WeightsError
from fastrtc_stt import Moonshine, get_stt_model
from fastrtc_stt.moonshine import WEIGHTS
from fastrtc_stt.moonshine_session import MOST_TOKENS, token_limit

RATE = 16_000
Folder = Callable[..., Path]


def noise(seconds: float) -> np.ndarray:
    generator = np.random.default_rng(1)
    return generator.uniform(-0.3, 0.3, round(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("size", ["base", "tiny"])
@pytest.mark.parametrize("masked", [False, True])
def test_texts_are_said_to_their_end(
    moonshine_folder: Folder, texts: tuple[str, str], size: str, masked: bool
) -> None:
    model = get_stt_model(f"moonshine/{size}", path=moonshine_folder(size, masked=masked))
    assert model.stt((RATE, noise(1.0))) == texts[0]
    assert model.stt((RATE, noise(4.0)[None])) == texts[1]


def test_a_rate_and_dtype_of_ones_own(moonshine_folder: Folder, texts: tuple[str, str]) -> None:
    model = Moonshine("tiny", path=moonshine_folder())
    sound = (noise(3.0) * 32767).astype(np.int16)
    assert model.stt((48_000, sound)) == texts[0]


def test_a_text_that_does_not_end_is_ended(moonshine_folder: Folder) -> None:
    model = Moonshine("tiny", path=moonshine_folder())
    # So short a sound has no place for the text.
    assert token_limit(RATE) == 8
    assert token_limit(60 * RATE) == MOST_TOKENS
    long = noise(1.6)
    assert len(model.stt((RATE, long)).split()) == token_limit(len(long))


@pytest.mark.parametrize("samples", [1, 160, 1600])
def test_a_very_short_sound_is_taken(
    moonshine_folder: Folder, texts: tuple[str, str], samples: int
) -> None:
    assert Moonshine("tiny", path=moonshine_folder()).stt((RATE, noise(0.1)[:samples])) == texts[0]


@pytest.mark.parametrize("sound", [np.zeros(0, np.float32), np.zeros((1, RATE), np.int16)])
def test_nothing_is_said_in_silence(sound: np.ndarray) -> None:
    # And nothing is loaded for it: there is no such folder.
    assert Moonshine("tiny", path="/nowhere").stt((RATE, sound)) == ""


def test_a_long_sound_is_said_in_pieces(moonshine_folder: Folder, texts: tuple[str, str]) -> None:
    model = Moonshine("tiny", path=moonshine_folder())
    assert model.stt((RATE, noise(70.0))).count(texts[1]) >= 3
    pause = np.zeros(40 * RATE, np.float32)
    assert model.stt((RATE, np.concatenate([noise(4.0), pause]))).count(texts[1]) == 1


def test_many_threads_use_one_model(moonshine_folder: Folder, texts: tuple[str, str]) -> None:
    model = Moonshine("tiny", path=moonshine_folder("tiny", masked=True))
    sounds = [noise(1.0 if at % 2 else 4.0) for at in range(32)]
    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(lambda sound: model.stt((RATE, sound)), sounds))
    assert said == [texts[0] if at % 2 else texts[1] for at in range(32)]


def test_a_load_that_waits_holds_up_no_other(
    moonshine_folder: Folder, texts: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = Moonshine("base"), Moonshine("tiny", path=moonshine_folder())
    asked, answered = threading.Event(), threading.Event()

    def hub(*_: object, **__: object) -> dict[str, Path]:
        asked.set()
        answered.wait(30)
        raise WeightsError("encoder_model.onnx", "the hub is down")

    find = type(slow.weights).find
    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as threads:
        patched.setattr(
            type(slow.weights),
            "find",
            lambda self, folder: hub() if self.model == "moonshine/base" else find(self, folder),
        )
        waiting = threads.submit(slow.stt, (RATE, noise(1.0)))
        assert asked.wait(30)
        assert quick.stt((RATE, noise(1.0))) == texts[0]
        answered.set()
        with pytest.raises(WeightsError, match="hub is down"):
            waiting.result(30)


@pytest.mark.parametrize(
    "name", ["encoder_model.onnx", "decoder_model_merged.onnx", "tokenizer.json"]
)
def test_a_corrupt_file_is_named(moonshine_folder: Folder, name: str) -> None:
    folder = moonshine_folder()
    (folder / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsError, match=name) as raised:
        Moonshine("tiny", path=folder).warmup()
    assert raised.value.file == name
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=name):
        Moonshine("tiny", path=folder).warmup()


def test_files_in_each_others_place_are_refused(moonshine_folder: Folder) -> None:
    folder = moonshine_folder()
    encoder = folder / "encoder_model.onnx"
    (folder / "decoder_model_merged.onnx").write_bytes(encoder.read_bytes())
    with pytest.raises(WeightsError, match=r"decoder_model_merged.*no input"):
        Moonshine("tiny", path=folder).warmup()


def test_bad_input_is_told() -> None:
    model = Moonshine("tiny", path="/nowhere")
    with pytest.raises(TypeError, match="float64"):
        model.stt((RATE, np.ones(RATE)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one channel"):
        model.stt((RATE, np.ones((2, RATE), np.float32)))
    with pytest.raises(ValueError, match="base, tiny"):
        Moonshine("huge")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threads"):
        Moonshine(threads=0)


def test_weights_are_pinned() -> None:
    for weights in WEIGHTS.values():
        assert weights.licence == "MIT"
        for file in weights.files:
            assert len(file.sha256) == 64
            assert len(file.revision) == 40


@pytest.mark.weights
@pytest.mark.parametrize("size", ["base", "tiny"])
def test_real_weights_understand_speech(
    speak: Callable[..., np.ndarray], phrases: list[str], size: str
) -> None:
    root = os.environ.get("FASTRTC_WEIGHTS")
    folder = Path(root) / "moonshine" / size if root else None
    weights = WEIGHTS[size]  # type: ignore[index]
    if weights.missing(folder):
        pytest.skip("no weights: put them in $FASTRTC_WEIGHTS/moonshine/SIZE, or the hub's cache")
    model = Moonshine(size, path=folder)  # type: ignore[arg-type]
    said = [model.stt((RATE, speak(phrase))).lower().rstrip(".?!") for phrase in phrases]
    right = sum(a == b for a, b in zip(said, phrases, strict=True))
    assert right >= 10, said
