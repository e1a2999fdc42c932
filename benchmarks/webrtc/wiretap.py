"""Sound as it passes between the client's connection and the network, decoded packet by packet."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np

from benchmarks.sound import Samples, from_int16
from benchmarks.webrtc.settings import RATE


@dataclass(frozen=True, slots=True)
class Heard:
    """One packet."""

    at: float
    """When it passed."""
    samples: Samples
    """Its sound, one channel."""
    lost: bool = False
    """Whether it went no further."""


def decoder() -> Any:
    """A decoder of Opus."""
    made: Any = av.CodecContext.create("libopus", "r")
    made.format, made.layout, made.sample_rate = "s16", "stereo", RATE
    return made


def decoded(codec: Any, payload: bytes) -> Samples:
    """The first channel of a packet."""
    frames = [frame.to_ndarray() for frame in codec.decode(av.Packet(payload))]
    if not frames:
        return np.zeros(0, np.float32)
    # Packed: both channels in one row, sample by sample.
    return from_int16(np.concatenate([frame.reshape(-1)[::2] for frame in frames]))


@dataclass(slots=True)
class Wiretap:
    """One direction: everything that passed, in the order in which it did."""

    passed: list[Heard] = field(default_factory=list)
    _codec: Any = field(default_factory=decoder)

    def hear(self, payload: bytes, *, lost: bool = False) -> None:
        """Note a packet."""
        at = time.monotonic()
        self.passed.append(Heard(at, decoded(self._codec, payload), lost))

    def recording(self) -> Samples:
        """Everything that passed, end to end."""
        return np.concatenate([one.samples for one in self.passed] or [np.zeros(0, np.float32)])

    def times_of(self, samples: Sequence[int]) -> list[float]:
        """When samples of the recording are heard by who plays each packet as it comes."""
        firsts = np.cumsum([0, *(one.samples.size for one in self.passed)])
        packets = np.searchsorted(firsts, samples, "right") - 1
        return [
            self.passed[packet].at + (sample - firsts[packet]) / RATE
            for packet, sample in zip(packets, samples, strict=True)
        ]
