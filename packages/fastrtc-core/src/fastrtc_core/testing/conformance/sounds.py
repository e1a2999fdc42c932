"""Sound for the checks of models; always the same."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATES: Final = (8_000, 16_000, 24_000, 48_000)
"""Hz: a telephone's, most models', most handlers' and WebRTC's."""

LONG: Final = 120.0
"""Seconds that a model must take at once."""


def recording(seconds: float, rate: int, *, pitch: float = 120.0) -> NDArray[np.float32]:
    """Return bursts of a buzz in faint noise, as a microphone might give them.

    Args:
        seconds: How long it is.
        rate: In Hz.
        pitch: Of the buzz, in Hz.

    Returns:
        Samples ``(samples,)`` in -0.31..0.31.

    """
    times = np.arange(round(seconds * rate)) / rate
    noise = 1e-3 * np.random.default_rng(1).standard_normal(times.size)
    buzz = np.sign(np.sin(2 * np.pi * pitch * times)) * (np.sin(2 * np.pi * times) > 0)
    return (0.3 * buzz + noise).astype(np.float32)
