"""Turns of synthetic voices at the defaults, measured against when they really speak.

Run with ``-s`` to see the figures.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, to_float32, to_int16, ulaw_decode, ulaw_encode
from fastrtc_vad.options import AlgoOptions, SileroVadOptions
from fastrtc_vad.silero import RELEASE, SAMPLE_RATE
from fastrtc_vad.turns import TurnEvent, TurnMachine

WINDOW = 512 / SAMPLE_RATE

Sound = NDArray[np.float32]
Hear = Callable[[list[Sound]], list[list[float]]]


class Utterance(Protocol):
    """See conftest."""

    @property
    def text(self) -> str: ...
    @property
    def voice(self) -> str: ...
    @property
    def samples(self) -> Sound: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a sound with speech from `start` to `end`, in seconds."""

    name: str
    start: float
    end: float
    probabilities: list[float]
    powers: list[list[float]]
    """Mean squares of frames of 8 ms, by windows."""


def heard(
    name: str, sound: Sound, probabilities: list[float], start: float = 0.0, end: float = 0.0
) -> Heard:
    frames = sound[: len(probabilities) * 512].reshape(-1, 4, 128)
    powers = np.mean(np.square(frames), axis=2).tolist()
    return Heard(name, start, end, probabilities, powers)


def listen(heard: Heard, *, speaking: bool = False) -> list[tuple[TurnEvent, float]]:
    """Events at the defaults, each with the time of the window that told."""
    machine = TurnMachine(AlgoOptions(), SileroVadOptions(), window=WINDOW, release=RELEASE)
    return [
        (event, machine.now)
        for probability, powers in zip(heard.probabilities, heard.powers, strict=True)
        for event in machine.push(probability, powers, speaking=speaking, can_interrupt=True)
    ]


def samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def show(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def figures(name: str, seconds: list[float]) -> tuple[float, float]:
    """Mean and 95th percentile."""
    mean, high = float(np.mean(seconds)), float(np.percentile(seconds, 95))
    span = f"{min(seconds):.3f} to {max(seconds):.3f} s"
    show(f"{name}: mean {mean:.3f} s, 95 % {high:.3f} s, {span}, of {len(seconds)}")
    return mean, high


# How the corpus is heard


def clean(utterance: Utterance) -> Sound:
    return utterance.samples


def in_noise(utterance: Utterance) -> Sound:
    """White noise 15 dB below the speech."""
    sound = utterance.samples
    spoken = sound[samples(utterance.start) : samples(utterance.end)]
    level = np.sqrt(np.mean(np.square(spoken))) * 10 ** (-15 / 20)
    generator = np.random.default_rng(len(sound))
    return (sound + generator.normal(0, level, sound.shape)).astype(np.float32)


def faint(utterance: Utterance) -> Sound:
    """30 dB quieter."""
    return utterance.samples * np.float32(10 ** (-30 / 20))


def by_telephone(utterance: Utterance) -> Sound:
    """At 8 kHz, in mu-law."""
    narrow = to_int16(Resampler(SAMPLE_RATE, 8000, 1).process(utterance.samples[np.newaxis]))
    decoded = to_float32(np.atleast_2d(ulaw_decode(ulaw_encode(narrow))))
    sound: Sound = Resampler(8000, SAMPLE_RATE, 1).process(decoded)[0]
    return sound


Condition = Callable[[Utterance], Sound]
HearAs = Callable[[Condition], list[Heard]]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the seconds from the end of speech to the pause."""

    least: float
    mean: tuple[float, float]
    percentile95: float
    most: float


CONDITIONS: Final[Mapping[Condition, Limits]] = {
    clean: Limits(0.495, (0.51, 0.525), 0.54, 0.56),
    in_noise: Limits(0.35, (0.48, 0.525), 0.59, 0.65),
    faint: Limits(0.495, (0.51, 0.525), 0.54, 0.56),
    by_telephone: Limits(0.3, (0.51, 0.53), 0.55, 0.57),
}
"""The telephone cuts off the s at the end of some words, and noise covers it."""


@pytest.fixture(scope="module")
def hear_as(corpus: list[Utterance], hear: Hear) -> HearAs:
    """The corpus under a condition."""

    def hear_corpus(condition: Condition) -> list[Heard]:
        sounds = [condition(utterance) for utterance in corpus]
        return [
            heard(f"{u.voice}: {u.text}", sound, probabilities, u.start, u.end)
            for u, sound, probabilities in zip(corpus, sounds, hear(sounds), strict=True)
        ]

    return hear_corpus


@pytest.fixture(scope="module", params=[clean, in_noise])
def utterances(request: pytest.FixtureRequest, hear_as: HearAs) -> list[Heard]:
    return hear_as(request.param)


# What is told when


def test_every_utterance_is_one_turn(utterances: list[Heard]) -> None:
    for utterance in utterances:
        kinds = [event.kind for event, _ in listen(utterance)]
        assert kinds == ["started_talking", "pause_detected"], utterance.name


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_pause_is_told_half_a_second_after_the_end_of_speech(
    hear_as: HearAs, condition: Condition
) -> None:
    limits = CONDITIONS[condition]
    delays = [listen(utterance)[-1][1] - utterance.end for utterance in hear_as(condition)]
    mean, high = figures(f"pause after the end of speech, {condition.__name__}", delays)
    assert limits.mean[0] <= mean <= limits.mean[1]
    assert high <= limits.percentile95
    assert limits.least <= min(delays)
    assert max(delays) <= limits.most


def test_the_estimated_bounds_are_near_the_true_ones(utterances: list[Heard]) -> None:
    pad = SileroVadOptions().speech_pad_ms / 1000
    pauses = [listen(utterance)[-1][0] for utterance in utterances]
    pairs = list(zip(pauses, utterances, strict=True))
    starts = [abs(pause.start + pad - utterance.start) for pause, utterance in pairs]
    ends = [abs(pause.end - pad - utterance.end) for pause, utterance in pairs]
    assert figures("onset estimate, error", starts)[1] <= 0.13
    assert figures("end estimate, error", ends)[1] <= 0.13


def test_no_onset_is_lost(utterances: list[Heard]) -> None:
    for utterance in utterances:
        start = listen(utterance)[-1][0].start - AlgoOptions().pre_roll
        assert start < utterance.start, utterance.name


def test_a_reply_is_interrupted_soon_after_the_onset(utterances: list[Heard]) -> None:
    told = [listen(utterance, speaking=True)[0] for utterance in utterances]
    assert all(event.kind == "interrupted" for event, _ in told)
    delays = [time - u.start for (_, time), u in zip(told, utterances, strict=True)]
    _, high = figures("interruption after the onset", delays)
    assert high <= 0.22


@pytest.mark.parametrize("kind", ["noise", "tone", "knock"])
def test_64_ms_of_other_sound_neither_interrupts_nor_starts_a_turn(hear: Hear, kind: str) -> None:
    generator = np.random.default_rng(5)
    time = np.arange(round(0.064 * SAMPLE_RATE)) / SAMPLE_RATE
    sounds = []
    for _ in range(30):
        tone = np.sin(2 * np.pi * generator.uniform(100, 3000) * time)
        click = {
            "noise": generator.normal(0, 0.3, time.shape),
            "tone": 0.5 * tone,
            "knock": 0.7 * tone * np.exp(-time * generator.uniform(40, 300)),
        }[kind]
        sound = np.zeros(SAMPLE_RATE, np.float32)
        at = SAMPLE_RATE // 2 + int(generator.integers(512))
        sound[at : at + len(click)] = click
        sounds.append(sound)
    for sound, probabilities in zip(sounds, hear(sounds), strict=True):
        assert listen(heard(kind, sound, probabilities)) == []
        assert listen(heard(kind, sound, probabilities), speaking=True) == []


@pytest.mark.parametrize(("gap", "least", "most"), [(0.4, 0, 0), (0.5, 0, 0.15), (0.65, 0.99, 1)])
def test_only_silences_of_half_a_second_end_a_turn(
    corpus: list[Utterance], hear: Hear, gap: float, least: float, most: float
) -> None:
    """At 0.5 s it is a matter of a frame which comes first, the pause or the next word."""
    spoken = [(u, u.samples[samples(u.start) : samples(u.end)]) for u in corpus]
    silence = [np.zeros(samples(seconds), np.float32) for seconds in (0.5, gap, 1.0)]
    sounds = [
        np.concatenate([silence[0], before, silence[1], after, silence[2]])
        for first, before in spoken[::2]
        for second, after in spoken
        if first.voice == second.voice and len(before) + len(after) < 4 * SAMPLE_RATE
    ]
    turns = [listen(heard("", *both)) for both in zip(sounds, hear(sounds), strict=True)]
    broken = sum(len(events) > 2 for events in turns) / len(turns)
    show(f"{gap} s of silence: {broken:.1%} of {len(turns)} sentences cut off")
    assert len(turns) >= 200
    assert least <= broken <= most
