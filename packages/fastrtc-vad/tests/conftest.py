"""Synthetic speech, and what is known about it."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, read_wav, to_float32
from fastrtc_vad.silero import SAMPLE_RATE, SileroVADModel

VOICES = ("en-us+m3", "en-us+f2", "en-gb", "en-gb-scotland")
SENTENCES = (
    "What is the weather like today?",
    "Please turn on the kitchen light.",
    "Set a timer for ten minutes.",
    "Stop.",
    "Yes.",
    "I would like to book a table for four people tomorrow evening at eight o'clock.",
    "Tell me a joke.",
    "How much does it cost?",
    "No, that is not what I meant.",
    "Can you repeat the last part?",
    "My phone number is five five five, one two three four.",
    "Hello there.",
)
LEAD_IN = 1.0
TAIL = 1.5


@dataclass(frozen=True, slots=True)
class Utterance:
    """One sentence between silences, at 16 kHz, and when it is spoken, in seconds."""

    text: str
    voice: str
    samples: NDArray[np.float32]
    start: float
    end: float


def bounds(samples: NDArray[np.float32]) -> tuple[float, float]:
    """Start and end of what is within 35 dB of the loudest, to 10 ms."""
    frame = SAMPLE_RATE // 100
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    level = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-12)
    loud = np.flatnonzero(level > level.max() - 35)
    return float(loud[0]) / 100, float(loud[-1] + 1) / 100


@pytest.fixture(scope="session")
def speak(
    require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], NDArray[np.float32]]:
    """Say a text with a voice: float32 at 16 kHz, as loud as half of full scale."""
    program = require("espeak-ng")
    path = tmp_path_factory.mktemp("speech") / "speech.wav"

    def speech(text: str, voice: str) -> NDArray[np.float32]:
        subprocess.run([program, "-v", voice, "-s", "160", "-w", str(path), text], check=True)
        rate, samples = read_wav(path)
        sound = Resampler(rate, SAMPLE_RATE, 1).process(to_float32(samples))[0]
        return sound * np.float32(0.5 / np.abs(sound).max())

    return speech


@pytest.fixture(scope="session")
def corpus(speak: Callable[[str, str], NDArray[np.float32]]) -> list[Utterance]:
    """48 utterances, each at another place in its window."""
    generator = np.random.default_rng(1)
    utterances = []
    for voice in VOICES:
        for text in SENTENCES:
            sound = speak(text, voice)
            start, end = bounds(sound)
            lead_in = LEAD_IN + generator.uniform(0, 0.2)
            silence = [np.zeros(round(s * SAMPLE_RATE), np.float32) for s in (lead_in, TAIL)]
            samples = np.concatenate([silence[0], sound, silence[1]])
            utterances.append(Utterance(text, voice, samples, lead_in + start, lead_in + end))
    return utterances


@pytest.fixture(scope="session")
def model() -> SileroVADModel:
    return SileroVADModel()


def probabilities_of(model: SileroVADModel, sounds: list[NDArray[np.float32]]) -> list[list[float]]:
    """Probabilities of each window of each sound, all sounds in one batch."""
    size = model.window_samples
    length = -(-max(len(sound) for sound in sounds) // size) * size
    padded = [np.pad(sound, (0, length - len(sound))) for sound in sounds]
    windows = np.stack(padded).reshape(len(sounds), -1, size)
    states = [model.new_state() for _ in sounds]
    rows = [model.infer(windows[:, at], states) for at in range(windows.shape[1])]
    found = np.stack(rows, axis=1)
    return [list(map(float, row[: len(s) // size])) for row, s in zip(found, sounds, strict=True)]


@pytest.fixture(scope="session")
def hear(model: SileroVADModel) -> Callable[[list[NDArray[np.float32]]], list[list[float]]]:
    return lambda sounds: probabilities_of(model, sounds)
