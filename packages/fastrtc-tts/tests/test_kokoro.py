"""Kokoro on a model with its signature, and on real weights where they are."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fastrtc_core.speech import WeightsError
from fastrtc_tts import KokoroModel, KokoroTTSOptions, UnknownVoiceError, get_tts_model
from fastrtc_tts.kokoro import MODEL, MOST_PHONEMES, RATE, VOICES, WEIGHTS, pieces

TEXT = "Good morning. This is the observatory, and the sky is clear tonight."


@pytest.fixture
def model(stand_in: Path) -> KokoroModel:
    pytest.importorskip("kokoro_onnx")
    return KokoroModel(stand_in)


def test_it_speaks(model: KokoroModel) -> None:
    rate, samples = model.tts(TEXT)
    assert rate == RATE
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert 1 < samples.size / rate < 10
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.02)  # the voice's


def test_clauses_come_one_by_one(model: KokoroModel) -> None:
    chunks = list(model.chunks(TEXT))
    assert [chunk.text for chunk in chunks] == [
        "Good morning.",
        "This is the observatory, and the sky is clear tonight.",
    ]


def test_options_have_an_effect(model: KokoroModel) -> None:
    _, plain = model.tts(TEXT)
    _, slow = model.tts(TEXT, KokoroTTSOptions(speed=0.5))
    assert slow.size == pytest.approx(2 * plain.size, rel=0.02)
    _, other = model.tts(TEXT, KokoroTTSOptions(voice="bm_george"))
    assert np.abs(other).max() == pytest.approx(0.1, abs=0.02)
    _, german = model.tts("ich", KokoroTTSOptions(lang="de"))
    assert german.size != model.tts("ich")[1].size


def test_an_unknown_voice_is_told_with_those_there_are(model: KokoroModel) -> None:
    with pytest.raises(UnknownVoiceError, match="'nobody'; there are af_heart, bm_george"):
        model.tts(TEXT, KokoroTTSOptions(voice="nobody"))
    assert model.capabilities.voices == ("af_heart", "bm_george")


@pytest.mark.parametrize("speed", [0.4, 2.1, -1.0])
def test_speeds_have_bounds(speed: float) -> None:
    with pytest.raises(ValueError, match=r"speed is 0\.5 to 2"):
        KokoroTTSOptions(speed=speed)


@pytest.mark.parametrize("text", ["", "  ", "..."])
def test_nothing_to_say_is_no_error(model: KokoroModel, text: str) -> None:
    model.tts(text)


def test_what_is_longer_than_the_window_comes_in_pieces(model: KokoroModel) -> None:
    chunks = list(model.synthesize("antidisestablishmentarianism " * 60, None))
    assert len(chunks) > 1
    assert sum(chunk.seconds for chunk in chunks) > 10


def test_pieces_lose_nothing() -> None:
    phonemes = "abc de " * 300 + "x" * 1200
    parts = list(pieces(phonemes, list))  # type: ignore[arg-type]  # every character is a token
    assert max(map(len, parts)) <= MOST_PHONEMES
    assert "".join("".join(parts).split()) == "".join(phonemes.split())


def test_sessions_share_a_model(model: KokoroModel) -> None:
    alone = model.tts(TEXT)[1]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda _: model.tts(TEXT)[1], range(16)))
    assert all(np.array_equal(one, alone) for one in together)


def test_idle_costs_nothing(model: KokoroModel) -> None:
    model.warmup()
    before = os.times()
    time.sleep(0.5)
    after = os.times()
    assert after.user + after.system - before.user - before.system < 0.2


def test_nothing_is_loaded_before_it_is_used(tmp_path: Path) -> None:
    model = KokoroModel(tmp_path)
    pytest.importorskip("kokoro_onnx")
    with pytest.raises(WeightsError, match=f"needs the file {tmp_path / MODEL}: get it from https"):
        model.tts("hello")


def test_a_corrupt_file_is_named(stand_in: Path, tmp_path: Path) -> None:
    pytest.importorskip("kokoro_onnx")
    (tmp_path / MODEL).write_bytes(b"not a model")
    (tmp_path / VOICES).write_bytes((stand_in / VOICES).read_bytes())
    with pytest.raises(WeightsError, match=f"{MODEL} is no model that runs"):
        KokoroModel(tmp_path).tts("hello")
    (tmp_path / MODEL).write_bytes((stand_in / MODEL).read_bytes())
    (tmp_path / VOICES).write_bytes(b"no voices")
    with pytest.raises(WeightsError, match=f"{VOICES} holds no voices"):
        KokoroModel(tmp_path).tts("hello")


def test_weights_are_pinned() -> None:
    assert KokoroModel().weights is WEIGHTS
    assert all(len(file.sha256) == 64 for file in WEIGHTS.files)
    assert WEIGHTS.size == 353_746_785


def test_it_is_found_by_name(stand_in: Path) -> None:
    model = get_tts_model("kokoro", path=stand_in)
    assert isinstance(model, KokoroModel)
    with pytest.raises(ValueError, match="at least one thread"):
        KokoroModel(threads=0)


@pytest.mark.weights
def test_real_weights_speak(weights: Path | None) -> None:
    if WEIGHTS.missing(weights):
        pytest.skip("Kokoro's weights are not on this machine; name their folder, FASTRTC_WEIGHTS")
    rate, samples = KokoroModel(weights).tts(TEXT)
    assert 2 < samples.size / rate < 8
    assert 0.05 < np.abs(samples).max() <= 1.2
