"""Cutting long sound where it is quiet. Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FRAME: Final = 0.05
"""Seconds over which loudness is taken: a gap between two words lasts about this long."""


def cut(
    samples: NDArray[np.float32], rate: int, longest: float, shortest: float
) -> list[NDArray[np.float32]]:
    """Cut a sound into pieces that are no longer than a limit; nothing is left out.

    Args:
        samples: ``(samples,)``.
        rate: In Hz.
        longest: Seconds of the longest piece.
        shortest: Seconds of the shortest piece but the last; at least a frame less than `longest`.

    Returns:
        Views of `samples`, in order; one of all if it is short enough.

    """
    most, least, frame = (round(seconds * rate) for seconds in (longest, shortest, FRAME))
    pieces = []
    while len(samples) > most:
        window = samples[least:most]
        frames = window[: len(window) // frame * frame].reshape(-1, frame)
        quietest = int(np.argmin(np.mean(np.square(frames, dtype=np.float64), axis=1)))
        end = least + quietest * frame + frame // 2
        pieces.append(samples[:end])
        samples = samples[end:]
    return [*pieces, samples]
