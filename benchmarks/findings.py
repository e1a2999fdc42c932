"""What a probe hands back."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

Cell = float | str
"""A figure, or in words why there is none."""

Detail = float | str | None | Sequence["Detail"] | dict[str, "Detail"]


@dataclass(slots=True)
class Findings:
    """Cells by row id, and what they were computed from."""

    cells: dict[str, Cell] = field(default_factory=dict)
    details: dict[str, Detail] = field(default_factory=dict)


def percentile(values: Sequence[float], share: float) -> float:
    """The percentile by linear interpolation, as numpy has it."""
    return float(np.percentile(values, share))


def percent(part: int, whole: int) -> float:
    """The part in percent; of nothing, none."""
    return 100 * part / whole if whole else 0.0
