"""Keys as tones (DTMF), for carriers that press none themselves."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_telephony.events import KEYS

LOW: Final = (697, 770, 852, 941)  # Hz, ITU-T Q.23
HIGH: Final = (1209, 1336, 1477, 1633)
LAYOUT: Final = ("123A", "456B", "789C", "*0#D")

PRESSED: Final = 0.1
"""Seconds; ITU-T Q.24 wants 40 ms at least."""

BETWEEN: Final = 0.1
"""Seconds of silence after a tone; Q.24 wants 40 ms at least."""

PEAK: Final = 8000
"""Of each of the two, in int16: about -12 dBFS."""

PAUSE: Final = 0.5
"""Seconds that a ``w`` among the keys waits."""


def tones(keys: str, rate: int) -> NDArray[np.int16]:
    """Return the sound of keys being pressed, ``(1, samples)``.

    Args:
        keys: Of ``0123456789*#ABCD``, and ``w`` for half a second of silence.
        rate: Samples per second.

    Raises:
        ValueError: There is another character among them.

    """
    parts = [np.zeros((1, 0), np.int16)]
    for key in check_keys(keys):
        if key == "w":
            parts.append(np.zeros((1, round(PAUSE * rate)), np.int16))
            continue
        row = next(index for index, line in enumerate(LAYOUT) if key in line)
        times = np.arange(round(PRESSED * rate)) / rate
        pair = LOW[row], HIGH[LAYOUT[row].index(key)]
        sound = sum(PEAK * np.sin(2 * np.pi * hertz * times) for hertz in pair)
        parts.append(np.asarray(sound, np.int16)[np.newaxis])
        parts.append(np.zeros((1, round(BETWEEN * rate)), np.int16))
    return np.concatenate(parts, axis=1)


def check_keys(keys: str) -> str:
    """Return keys as they are called here.

    Raises:
        ValueError: There is another character among them.

    """
    for key in keys:
        if key.upper() not in KEYS + "W":
            raise ValueError(f"a telephone has the keys {KEYS} (and w waits), but no {key!r}")
    return keys.upper().replace("W", "w")
