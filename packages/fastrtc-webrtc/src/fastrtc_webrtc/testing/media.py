"""Sounds and pictures that are recognised again after any codec."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

WINDOW: Final = 0.005
"""Seconds of sound that `beep_onsets` judges at a time."""

COLUMNS: Final = 4
ROWS: Final = 4
"""A numbered picture is a grid of black and white fields."""

NUMBER_BITS: Final = 12
HIGHEST_NUMBER: Final = (1 << NUMBER_BITS) - 1
DARK: Final = 80
LIGHT: Final = 175
"""A field between these two levels can't be read."""


def tone(hz: float, seconds: float, rate: int = 48_000, peak: float = 8000.0) -> NDArray[np.int16]:
    """Return a sine, int16 ``(1, samples)``, that begins at 0."""
    angles = 2 * np.pi * hz / rate * np.arange(round(seconds * rate))
    sound: NDArray[np.int16] = np.round(peak * np.sin(angles)).astype(np.int16)
    return sound[np.newaxis]


def silence(seconds: float, rate: int = 48_000) -> NDArray[np.int16]:
    """Return no sound, int16 ``(1, samples)``."""
    return np.zeros((1, round(seconds * rate)), np.int16)


def beeps(
    at: Sequence[float],
    seconds: float,
    hz: float = 1000.0,
    rate: int = 48_000,
    length: float = 0.1,
) -> NDArray[np.int16]:
    """Return silence with a tone of `length` seconds at each time of `at`, ``(1, samples)``."""
    sound = silence(seconds, rate)
    beep = tone(hz, length, rate)
    for time in at:
        first = round(time * rate)
        room = sound[:, first : first + beep.shape[1]]
        room[:] = beep[:, : room.shape[1]]
    return sound


def loudest_hz(samples: NDArray[np.int16], rate: int = 48_000) -> float:
    """Return the frequency that is strongest in a sound, any shape, to a fraction of 1 Hz."""
    sound = samples.ravel().astype(np.float64)
    size = max(sound.size, rate * 4)  # padded to four points for each Hz
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size), size))
    return float(np.argmax(spectrum[1:]) + 1) * rate / size


def level(samples: NDArray[np.int16]) -> float:
    """Return the peak of the sine that is as loud as a sound, any shape; 0 for no sound."""
    sound = samples.astype(np.float64)
    return float(np.sqrt(2 * np.mean(sound**2))) if sound.size else 0.0


def tone_level(samples: NDArray[np.int16], hz: float, rate: int = 48_000) -> float:
    """Return the peak of one frequency in a sound, whatever else is in it."""
    sound = samples.ravel().astype(np.float64)
    window = np.hanning(sound.size)
    turns = np.exp(-2j * np.pi * hz / rate * np.arange(sound.size))
    return float(2 * np.abs(np.sum(sound * window * turns)) / np.sum(window))


def decibels(gain: float) -> float:
    """Return a ratio of amplitudes in dB."""
    return float(20 * np.log10(max(gain, 1e-9)))


def beep_onsets(
    samples: NDArray[np.int16], rate: int = 48_000, threshold: float = 1000.0
) -> list[float]:
    """Return when sound begins after silence, in seconds, to 5 ms.

    Args:
        samples: Sound of any shape, in which the beeps are at least 15 ms apart.
        rate: Samples per second.
        threshold: `level` from which on it counts as sound.

    """
    size = round(WINDOW * rate)
    sound = samples.ravel()
    windows = sound[: sound.size // size * size].reshape(-1, size)
    loud = [level(window) >= threshold for window in windows]
    return [
        index * WINDOW
        for index, now in enumerate(loud)
        if now and not any(loud[max(index - 3, 0) : index])
    ]


def flat_picture(
    color: tuple[int, int, int], size: tuple[int, int] = (320, 240)
) -> NDArray[np.uint8]:
    """Return a picture of one color, uint8 ``(height, width, 3)``; the size is width and height."""
    width, height = size
    return np.full((height, width, 3), color, np.uint8)


def mean_color(pixels: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Return the mean of each channel of a picture, 0-255."""
    first, second, third = pixels.reshape(-1, 3).mean(axis=0)
    return float(first), float(second), float(third)


def numbered_picture(number: int, size: tuple[int, int] = (320, 240)) -> NDArray[np.uint8]:
    """Return a picture that shows a number in fields, for `read_number`.

    Args:
        number: 0 to `HIGHEST_NUMBER`.
        size: Width and height; fields of 40 pixels and more stay legible at any bit rate.

    Raises:
        ValueError: The number is beyond that.

    """
    if not 0 <= number <= HIGHEST_NUMBER:
        raise ValueError(f"a picture shows numbers from 0 to {HIGHEST_NUMBER}, not {number}")
    width, height = size
    value = number << 4 | _check_digit(number)
    bits = np.array([value >> shift & 1 for shift in range(COLUMNS * ROWS)])
    across = np.arange(width) * COLUMNS // width
    down = np.arange(height) * ROWS // height
    fields = bits.reshape(ROWS, COLUMNS)[down[:, np.newaxis], across[np.newaxis]]
    return np.repeat((fields * 215 + 20).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def read_number(pixels: NDArray[np.uint8]) -> int | None:
    """Return the number that a picture shows, of any size; None if it shows none."""
    height, width = pixels.shape[:2]
    value = 0
    for field in range(COLUMNS * ROWS):
        row, column = divmod(field, COLUMNS)
        # The middle of the field: its edges are what a codec blurs.
        rows = slice(*_middle(row, height // ROWS))
        columns = slice(*_middle(column, width // COLUMNS))
        brightness = float(pixels[rows, columns].mean())
        if DARK <= brightness <= LIGHT:
            return None
        value |= (brightness > LIGHT) << field
    number = value >> 4
    return number if _check_digit(number) == value & 15 else None


def _middle(index: int, size: int) -> tuple[int, int]:
    return index * size + size // 4, index * size + size - size // 4


def _check_digit(number: int) -> int:
    """Return four bits that differ for neighbouring numbers, and are not 0 for 0."""
    return (number ^ number >> 4 ^ number >> 8 ^ 0b1010) & 15
