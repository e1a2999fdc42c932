"""Speech with known starts and ends, made by espeak-ng: the same samples on every run.

Labels come from the energy of the clean utterance, before any noise: an utterance starts with its
first and ends with its last frame of 10 ms whose RMS is within 35 dB of the loudest frame's.
"""

import io
import shutil
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

import numpy as np

from benchmarks.settings import RATE
from benchmarks.sound import Samples, amplitude, from_int16, resampled

T = TypeVar("T")

LABEL_FRAME: Final = RATE // 100
LABEL_RANGE_DB: Final = 35.0
PEAK_DBFS: Final = -14.0
"""Level of the loudest labelling frame: a voice close to a headset."""

PAUSES: Final = (0.3, 0.7)
"""Shortest and longest inner pause in seconds: those people make while they think."""

VOICES: Final = ("en-us", "en-us+f2", "en-us+m3", "en-gb", "de")

SOFT: Final = (
    ("en-us", "Have you heard whether the train to Boston is running late today?"),
    ("en-us+f2", "My brother would like to change his appointment to Friday."),
    ("en-us+m3", "She left the keys on the kitchen table this morning."),
    ("en-gb", "Fifteen people are coming to dinner on Saturday evening."),
    ("de", "Wann fährt der nächste Zug nach Hamburg?"),
    ("en-us", "When will the new version be ready?"),
    ("en-us+f2", "Show me the weather for the weekend."),
    ("en-us+m3", "How much is a ticket to the airport?"),
    ("en-gb", "Will there be a discount for students and pensioners?"),
    ("de", "Ich möchte gern einen Tisch für vier Personen reservieren."),
)
"""Fluent sentences whose first sound is weak: breath, fricative, nasal or glide."""

HARD: Final = (
    ("en-us", "Tell me the shortest way to the central station, please."),
    ("en-us+f2", "Please repeat the last number."),
    ("en-us+m3", "Can you book a table for two at seven o'clock?"),
    ("en-gb", "Good morning, I am calling about my last invoice."),
    ("de", "Bitte verbinden Sie mich mit der Buchhaltung."),
    ("en-us", "Do not forget to lock the door when you leave the house tonight."),
    ("en-us+f2", "Turn the lights off in the living room."),
    ("en-us+m3", "Play the song again."),
    ("en-gb", "Perhaps we could meet on Tuesday instead of Wednesday afternoon."),
    ("de", "Kann ich meine Bestellung noch ändern?"),
)
"""Fluent sentences whose first sound is a plosive."""

HALVES: Final = (
    ("I would like to order", "two tickets for the concert tomorrow"),
    ("The number of my account is", "four seven one nine two"),
    ("Could you tell me", "when the last bus leaves"),
    ("My name is Robert", "and I am calling from Denver"),
    ("We need a room with a view", "for three nights in August"),
    ("Send the message to Anna", "and then call my office"),
)
"""First and second half of sentences in which the speaker stops to think."""

INTERRUPTIONS: Final = (
    ("en-us", "Stop, that is not what I meant, please tell me about Paris instead of London."),
    ("en-us+f2", "Wait a moment, I have another question about the price of the tickets."),
    ("en-us+m3", "No, go back, I want to hear the second part of the story again."),
    ("en-gb", "Sorry, could you say that more slowly, I am writing everything down."),
)


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance at `RATE` and where its speech lies."""

    text: str
    voice: str
    audio: Samples
    start: int
    """First sample of speech."""
    end: int
    """One past the last sample of speech."""
    pause: float = 0.0
    """Seconds of the pause inside, 0 in a fluent utterance."""

    @property
    def seconds(self) -> float:
        """Duration of the speech, its inner pause included."""
        return (self.end - self.start) / RATE


def speech_bounds(audio: Samples) -> tuple[int, int]:
    """First sample of speech and one past its last, by the rule of this module."""
    frames = audio[: audio.size // LABEL_FRAME * LABEL_FRAME].reshape(-1, LABEL_FRAME)
    level = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    loud = np.flatnonzero(level >= level.max() * amplitude(-LABEL_RANGE_DB))
    return int(loud[0]) * LABEL_FRAME, (int(loud[-1]) + 1) * LABEL_FRAME


@cache
def spoken(text: str, voice: str) -> Clip:
    """The text as espeak-ng says it, at a level of its own choosing made equal for all.

    Raises:
        RuntimeError: espeak-ng is not installed.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise RuntimeError("The speech is made by espeak-ng: apt-get install espeak-ng")
    command = [program, "--stdout", "-v", voice, "-s", "165", text]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(data)) as file:
        rate = file.getframerate()
        # The header's length is unknown to a program that writes to a pipe: read what is there.
        pcm = np.frombuffer(file.readframes(len(data) // 2), np.int16)
    audio = resampled(from_int16(pcm), rate, RATE)
    frames = audio[: audio.size // LABEL_FRAME * LABEL_FRAME].reshape(-1, LABEL_FRAME)
    peak = float(np.sqrt(np.mean(np.square(frames), axis=1)).max())
    audio = (audio * (amplitude(PEAK_DBFS) / peak)).astype(np.float32)
    return Clip(text, voice, audio, *speech_bounds(audio))


def with_pause(first: str, second: str, voice: str, seconds: float) -> Clip:
    """One utterance of two halves, silent between them for so long by their labels."""
    one, two = spoken(first, voice), spoken(second, voice)
    silence = np.zeros(round(seconds * RATE), np.float32)
    audio = np.concatenate((one.audio[: one.end], silence, two.audio[two.start :]))
    end = one.end + silence.size + two.end - two.start
    return Clip(f"{first} ... {second}", voice, audio, one.start, end, seconds)


def fluent(count: int) -> list[Clip]:
    """Utterances of 1 to 4 s without a pause, soft and hard first sounds in turn."""
    lines = [line for pair in zip(SOFT, HARD, strict=True) for line in pair]
    return [spoken(text, voice) for voice, text in _repeated(lines, count)]


def paused(count: int) -> list[Clip]:
    """Utterances with one inner pause each, its length spread evenly over `PAUSES`."""
    lengths = np.linspace(*PAUSES, count)
    halves = _repeated(HALVES, count)
    voices = _repeated(VOICES[:4], count)
    return [
        with_pause(*half, voice, float(length))
        for half, voice, length in zip(halves, voices, lengths, strict=True)
    ]


def interruptions(count: int) -> list[Clip]:
    """Utterances of more than 3 s that a caller says into a reply."""
    return [spoken(text, voice) for voice, text in _repeated(INTERRUPTIONS, count)]


def _repeated(items: Sequence[T], count: int) -> list[T]:
    return [items[index % len(items)] for index in range(count)]
