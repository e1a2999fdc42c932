"""Arithmetic on sound that several modules need: levels, noises, tones, resampling, alignment.

Samples are float32 in -1..1, one dimension, unless a name says int16.
"""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Int16 = NDArray[np.int16]
Noise = Literal["white", "pink"]

TONES: Final = (400, 600, 800, 1000, 1200, 1400, 1600, 1800)
"""Frequencies of replies in Hz: 200 Hz apart, so 20 ms of one cannot be taken for another."""

AUDIBLE_DBFS: Final = -50.0
"""A received block below this is silence: tones are sent at -12 dBFS."""


def decibels(ratio: float) -> float:
    """An amplitude ratio in dB; -200 stands for nothing at all."""
    return 20 * float(np.log10(max(ratio, 1e-10)))


def amplitude(db: float) -> float:
    """The amplitude ratio of a level in dB."""
    return float(10 ** (db / 20))


def rms(samples: Samples) -> float:
    """Root mean square of the samples, 0 for none."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def to_int16(samples: Samples) -> Int16:
    """The samples as 16-bit integers, clipped at full scale."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def from_int16(samples: Int16) -> Samples:
    """The samples in -1..1."""
    return np.divide(samples, 32768, dtype=np.float32)


def resampled(samples: Samples, source: int, target: int) -> Samples:
    """The whole signal at another rate, by truncating or padding its spectrum."""
    count = round(samples.size * target / source)
    spectrum = np.fft.rfft(samples.astype(np.float64))
    return (np.fft.irfft(spectrum, count) * (count / samples.size)).astype(np.float32)


def noise(kind: Noise, count: int, dbfs: float, rng: np.random.Generator) -> Samples:
    """White or pink (power falling as 1/f) Gaussian noise of the given RMS level."""
    white = rng.standard_normal(count)
    if kind == "pink":
        spectrum = np.fft.rfft(white)
        spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
        spectrum[0] = 0
        white = np.fft.irfft(spectrum, count)
    return (white / np.std(white) * amplitude(dbfs)).astype(np.float32)


def tone(number: int, seconds: float, rate: int) -> Int16:
    """Reply number `number`: a constant tone at -12 dBFS; numbers repeat after `len(TONES)`."""
    time = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * TONES[number % len(TONES)] * time)
    return to_int16((wave * amplitude(-9)).astype(np.float32))


def heard_tone(samples: Samples, rate: int) -> int | None:
    """Which of `TONES` the samples hold (its index); None if they are silent."""
    if decibels(rms(samples)) < AUDIBLE_DBFS:
        return None
    time = np.arange(samples.size) / rate
    waves = np.exp(-2j * np.pi * np.outer(np.array(TONES), time))
    return int(np.argmax(np.abs(waves @ samples)))


def offset_of(part: Samples, whole: Samples) -> int:
    """Where in `whole` the `part` fits best: the index of its first sample, negative if before.

    Cross-correlation by FFT. The part may stick out of the whole at either end.
    """
    size = 1 << int(np.ceil(np.log2(part.size + whole.size)))
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    best = int(np.argmax(np.fft.irfft(spectrum, size)))
    return best if best < whole.size else best - size
