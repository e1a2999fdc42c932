"""What the subjects' programs have in common."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speech.text import TEXT

Begin = Callable[[str], Iterator[tuple[int, NDArray[Any]]]]
"""Begins to speak a text."""


def first_audio(begin: Begin, repeats: int) -> dict[str, object]:
    """Begin the text so often; times until there is sound, and how much there is then."""
    for _, samples in begin(TEXT):  # what is loaded for the first time
        if np.size(samples):
            break
    times, seconds = [], 0.0
    for _ in range(repeats):
        begun = time.perf_counter()
        spoken = begin(TEXT)
        rate, samples = next(chunk for chunk in spoken if np.size(chunk[1]))
        times.append(time.perf_counter() - begun)
        seconds = np.size(samples) / rate
        getattr(spoken, "close", lambda: None)()
    return {"times": times, "seconds": seconds}


def idle(seconds: float) -> dict[str, object]:
    """Do nothing for so long; the processor time that this took."""
    time.sleep(1.0)
    before, begun = os.times(), time.perf_counter()
    time.sleep(seconds)
    after, took = os.times(), time.perf_counter() - begun
    return {"cpu": max(0.0, after.user + after.system - before.user - before.system) / took}


def tell(found: dict[str, object]) -> None:
    """Print what was found; what a library prints goes elsewhere."""
    print(json.dumps(found), file=sys.__stdout__, flush=True)
