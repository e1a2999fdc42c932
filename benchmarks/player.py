"""A model of what a caller hears: it plays in order what has arrived, and obeys `clear` at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.settings import RATE
from benchmarks.sound import from_int16, heard_tone
from benchmarks.wire import Audio, Clear, Event

DEVICE_SECONDS: Final = 0.02
"""What a sound device has taken and will play whatever happens: one buffer of 20 ms."""

BLOCK: Final = RATE // 50


@dataclass(frozen=True, slots=True)
class Played:
    """One block of a tone that was heard."""

    tone: int
    start: float
    end: float
    """Seconds on the clock of the arrival times."""


@dataclass(slots=True)
class _Queued:
    audio: Audio
    start: float
    end: float
    """Cut short by `clear`: may lie before `start`."""


def played(events: Iterable[tuple[float, Event]]) -> list[Played]:
    """Which tones were heard when, in blocks of at most 20 ms; silence is left out.

    Args:
        events: Arrival time and event, in order of arrival.
    """
    queue: list[_Queued] = []
    free = 0.0
    for now, event in events:
        if isinstance(event, Audio):
            start = max(free, now + DEVICE_SECONDS)
            free = start + event.samples.size / RATE
            queue.append(_Queued(event, start, free))
        elif isinstance(event, Clear):
            free = min(free, now + DEVICE_SECONDS)
            for item in queue:
                item.end = min(item.end, free)
    return [block for item in queue for block in _blocks(item)]


def _blocks(item: _Queued) -> Iterable[Played]:
    samples = from_int16(item.audio.samples)
    for first in range(0, samples.size, BLOCK):
        start = item.start + first / RATE
        end = min(item.end, start + samples[first : first + BLOCK].size / RATE)
        tone = heard_tone(samples[first : first + BLOCK], RATE)
        if start < end and tone is not None:
            yield Played(tone, start, end)
