import hashlib
import threading
from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler
from fastrtc_core.detection import PauseDetectionModel, StreamingPauseDetectionModel
from fastrtc_vad.options import SileroVadOptions
from fastrtc_vad.silero import (
    MODEL_FILE,
    RELEASE,
    SAMPLE_RATE,
    SileroVADModel,
    get_silero_model,
)

MODEL_SHA256 = "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"

Hear = Callable[[list[NDArray[np.float32]]], list[list[float]]]
Speak = Callable[[str, str], NDArray[np.float32]]


@pytest.fixture(scope="module")
def sentence(speak: Speak) -> NDArray[np.float32]:
    """A second of silence, a sentence, a second of silence."""
    return np.pad(speak("What is the weather like today?", "en-us+f2"), SAMPLE_RATE)


def one_by_one(model: SileroVADModel, sound: NDArray[np.float32]) -> list[float]:
    state = [model.new_state()]
    windows = sound[: len(sound) // 512 * 512].reshape(-1, 1, 512)
    return [float(model.infer(window, state)[0]) for window in windows]


def test_the_file_is_the_one_whose_origin_is_written_down() -> None:
    data = files("fastrtc_vad") / "data"
    assert hashlib.sha256((data / MODEL_FILE).read_bytes()).hexdigest() == MODEL_SHA256
    assert MODEL_SHA256 in (data / "README.md").read_text()
    assert "MIT License" in (data / "LICENSE").read_text()


def test_the_model_has_both_forms(model: SileroVADModel) -> None:
    streaming: StreamingPauseDetectionModel = model
    batch: PauseDetectionModel = model
    assert isinstance(streaming, StreamingPauseDetectionModel)
    assert isinstance(batch, PauseDetectionModel)
    assert (model.sample_rate, model.window_samples, model.release) == (16_000, 512, RELEASE)


def test_speech_is_told_from_silence(model: SileroVADModel, sentence: NDArray[np.float32]) -> None:
    probabilities = one_by_one(model, sentence)
    assert max(probabilities[:30]) < 0.1
    assert np.median(probabilities[36:-36]) > 0.95
    assert max(probabilities[-20:]) < 0.1


@pytest.mark.parametrize("kind", ["white noise", "hum", "tone"])
def test_noise_is_no_speech(model: SileroVADModel, kind: str) -> None:
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    sound = {
        "white noise": np.random.default_rng(1).normal(0, 0.1, len(time)),
        "hum": 0.3 * np.sin(2 * np.pi * 100 * time),
        "tone": 0.3 * np.sin(2 * np.pi * 1000 * time),
    }[kind]
    assert max(one_by_one(model, sound.astype(np.float32))) < 0.5


def test_a_batch_gives_what_each_stream_gives_alone(
    model: SileroVADModel, hear: Hear, sentence: NDArray[np.float32]
) -> None:
    sounds = [np.roll(sentence, 3000 * row) * np.float32(1 / (row + 1)) for row in range(8)]
    together = hear(sounds)
    for sound, probabilities in zip(sounds, together, strict=True):
        assert probabilities == pytest.approx(one_by_one(model, sound), abs=1e-5)


def test_streams_may_come_and_go_between_calls(
    model: SileroVADModel, sentence: NDArray[np.float32]
) -> None:
    alone = one_by_one(model, sentence)
    state, noise = model.new_state(), np.random.default_rng(2)
    found = []
    for at in range(len(alone)):
        others = at % 3
        rows = noise.normal(0, 0.1, (others + 1, 512)).astype(np.float32)
        rows[others] = sentence[at * 512 : (at + 1) * 512]
        states = [*(model.new_state() for _ in range(others)), state]
        found.append(float(model.infer(rows, states)[others]))
    assert found == pytest.approx(alone, abs=1e-5)


def test_a_state_of_another_model_is_refused(model: SileroVADModel) -> None:
    with pytest.raises(TypeError, match="new_state"):
        model.infer(np.zeros((1, 512), np.float32), [object()])


# The batch form


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
def test_speech_is_found_at_any_rate(
    model: SileroVADModel, sentence: NDArray[np.float32], rate: int
) -> None:
    sound = sentence[np.newaxis]
    if rate != SAMPLE_RATE:
        sound = Resampler(SAMPLE_RATE, rate, 1).process(sound)
    seconds, chunks = model.vad((rate, sound))
    spoken = len(sentence) / SAMPLE_RATE - 2
    assert chunks[0]["start"] / rate == pytest.approx(1.0, abs=0.15)
    assert chunks[-1]["end"] / rate == pytest.approx(1.0 + spoken, abs=0.2)
    assert seconds == pytest.approx(sum(c["end"] - c["start"] for c in chunks) / rate)


def test_int16_and_float32_of_either_shape_are_the_same(
    model: SileroVADModel, sentence: NDArray[np.float32]
) -> None:
    ints = np.rint(sentence * 32767).astype(np.int16)
    first = model.vad((SAMPLE_RATE, ints))
    assert first == model.vad((SAMPLE_RATE, ints[np.newaxis]))
    assert first == model.vad((SAMPLE_RATE, sentence))


def test_there_is_no_speech_in_silence_nor_in_nothing(model: SileroVADModel) -> None:
    assert model.vad((48_000, np.zeros((1, 48_000), np.int16))) == (0, [])
    assert model.vad((48_000, np.zeros((1, 0), np.int16))) == (0, [])


def test_chunks_stay_within_the_audio(model: SileroVADModel, sentence: NDArray[np.float32]) -> None:
    cut = sentence[SAMPLE_RATE + 3000 : SAMPLE_RATE + 15_111]
    _, chunks = model.vad((SAMPLE_RATE, cut), SileroVadOptions(speech_pad_ms=400))
    assert chunks == [{"start": 0, "end": len(cut)}]


def test_the_options_are_used(model: SileroVADModel, sentence: NDArray[np.float32]) -> None:
    plain, _ = model.vad((SAMPLE_RATE, sentence), SileroVadOptions(speech_pad_ms=0))
    padded, _ = model.vad((SAMPLE_RATE, sentence), SileroVadOptions(speech_pad_ms=200))
    assert padded == pytest.approx(plain + 0.4, abs=0.01)
    too_short = SileroVadOptions(min_speech_duration_ms=10_000)
    assert model.vad((SAMPLE_RATE, sentence), too_short) == (0, [])


def test_options_of_another_model_are_refused(model: SileroVADModel) -> None:
    with pytest.raises(TypeError, match="SileroVadOptions, not dict"):
        model.vad((SAMPLE_RATE, np.zeros(512, np.int16)), {"threshold": 0.5})


def test_stereo_is_refused(model: SileroVADModel) -> None:
    with pytest.raises(ValueError, match=r"mono audio, not .*\(2, 512\)"):
        model.vad((SAMPLE_RATE, np.zeros((2, 512), np.int16)))


# The process's one model


def test_there_is_one_model_whichever_thread_asks_first() -> None:
    gate = threading.Barrier(4)
    models = []

    def ask() -> None:
        gate.wait()
        models.append(get_silero_model())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(models) == 4
    assert len(set(map(id, models))) == 1
