"""From probabilities of speech to segments of speech.

A window is voiced from `threshold` on, and stays so until the probability falls below a lower
threshold (hysteresis), which keeps a segment in one piece but does not lengthen it. The model's
probability stays high for `release` seconds after speech has ended, so as much is taken back from
the end of a segment; where the level shows the end of speech (see `levels`), that is taken instead.
All lengths are compared to the nearest window.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from fastrtc_vad.levels import UNHEARD, Quiet
from fastrtc_vad.options import SileroVadOptions

HYSTERESIS: Final = 0.15
"""What silero-vad's own `get_speech_timestamps` takes off the threshold for the falling edge."""

LOWEST_OFF: Final = 0.01
"""The falling edge's threshold is never lower, or speech that has begun would never end."""

BEYOND_DOUBT: Final = 0.95
"""Speech that goes on gives 0.97 and more. Of 200 scraps of 64 ms cut from words, half of them in
noise, all but 12 are below it from their third window on."""

REACH: Final = 0.2
"""Seconds from the falling edge within which the level may place the end of speech. Of 928 ends,
clean, faint, in a quiet room or over the telephone, all but two lie from 0.17 s before to 0.15 s
after it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech, in seconds of the stream."""

    start: float
    end: float
    is_exact: bool = False
    """Whether the level has shown its end, to 0.01 s; otherwise it is estimated, to 0.1 s."""

    @property
    def duration(self) -> float:
        """Its length in seconds."""
        return self.end - self.start

    def since(self, time: float) -> float:
        """Seconds of it that lie after `time`."""
        return max(0.0, self.end - max(self.start, time))


class Segmenter:
    """Segments of one continuous stream, told a window at a time.

    Args:
        options: Thresholds and lengths.
        window: Length of a window in seconds.
        release: Seconds for which the model's probability stays high after the end of speech.
    """

    def __init__(self, options: SileroVadOptions, *, window: float, release: float) -> None:
        self.window = window
        self._release = release
        self._on = options.threshold
        self._off = max(options.threshold - HYSTERESIS, LOWEST_OFF)
        self._min_speech = options.min_speech_duration_ms / 1000 - window / 2
        self._min_silence = options.min_silence_duration_ms / 1000 - window / 2
        self._max_speech = options.max_speech_duration_s - window / 2
        self._windows = 0
        self.clear()

    def clear(self) -> None:
        """Forget what was heard; the stream's time goes on."""
        self.voiced = False
        self._sure = False
        self._run_start = self.now
        self._edge = self.now
        self._open: Segment | None = None

    @property
    def now(self) -> float:
        """Seconds heard so far."""
        return self._windows * self.window

    @property
    def current(self) -> Segment | None:
        """The segment that may still grow, if it is long enough to count."""
        return self._open if self._open is not None and self._counts(self._open) else None

    @property
    def is_open(self) -> bool:
        """Whether speech goes on, or stopped so lately that it would be the same segment."""
        return self._open is not None

    @property
    def run_start(self) -> float:
        """When the newest row of voiced windows began."""
        return self._run_start

    @property
    def run_end(self) -> float:
        """How far the row of voiced windows certainly is speech; its start if none is going on."""
        if not self.voiced or self._open is None:
            return self._run_start
        sure = self._open if self._sure else self._released(self._open)
        return max(self._run_start, sure.end)

    @property
    def is_full(self) -> bool:
        """Whether the open segment has reached the longest allowed: the next one replaces it."""
        return self._open is not None and self._open.duration >= self._max_speech

    def push(self, probability: float, quiet: Quiet = UNHEARD) -> Segment | None:
        """Take the next window and return the segment that has now ended, if any.

        Args:
            probability: The window's probability of speech, in 0..1.
            quiet: What the level tells about the end of the window.
        """
        was_voiced = self.voiced
        self.voiced = probability >= (self._off if was_voiced else self._on)
        self._sure = probability >= BEYOND_DOUBT
        start = self.now
        self._windows += 1
        if self.voiced and not was_voiced:
            self._run_start = start
        if probability >= self._on:
            return self._extend(start)
        if self._open is None or self.voiced:
            return None
        if was_voiced:
            self._edge = self._open.end
            self._open = self._released(self._open)
        self._open = self._measured(self._open, quiet)
        is_fading = quiet.is_clear and not quiet.seconds and self.now - self._edge <= REACH
        is_over = self.now - self._open.end >= self._min_silence and not is_fading
        return self._close() if is_over else None

    def flush(self) -> Segment | None:
        """Return what is open at the end of the stream, if it counts."""
        if self.voiced and self._open is not None:
            self._open = self._released(self._open)
        return self._close()

    def _extend(self, start: float) -> Segment | None:
        ended = self._close() if self.is_full else None
        since = start if self._open is None else self._open.start
        self._open = Segment(since, self.now)
        return ended

    def _close(self) -> Segment | None:
        ended, self._open = self._open, None
        return ended if ended is not None and self._counts(ended) else None

    def _released(self, segment: Segment) -> Segment:
        return Segment(segment.start, max(segment.start, segment.end - self._release))

    def _measured(self, segment: Segment, quiet: Quiet) -> Segment:
        """The segment with the end that the level gives it, if that is credible."""
        end = self.now - quiet.seconds
        if not quiet.seconds or abs(end - self._edge) > REACH:
            return segment
        if quiet.is_clear:
            return Segment(segment.start, max(segment.start, end), is_exact=True)
        if end > self._edge:
            return segment
        # Speech is lost in noise before it ends, and the model lingers: it ended between.
        return Segment(segment.start, max(segment.start, (end + self._edge) / 2))

    def _counts(self, segment: Segment) -> bool:
        return segment.duration >= self._min_speech


def find_segments(
    probabilities: Iterable[float], options: SileroVadOptions, *, window: float, release: float
) -> list[Segment]:
    """All speech of a finished piece of audio, padded, in order, without overlaps.

    Args:
        probabilities: One for each window.
        options: Thresholds, lengths and padding.
        window: Length of a window in seconds.
        release: Seconds for which the model's probability stays high after the end of speech.
    """
    segmenter = Segmenter(options, window=window, release=release)
    found = [ended for p in probabilities if (ended := segmenter.push(p)) is not None]
    if (ended := segmenter.flush()) is not None:
        found.append(ended)
    return _padded(found, options.speech_pad_ms / 1000, segmenter.now)


def _padded(segments: list[Segment], pad: float, length: float) -> list[Segment]:
    """Each segment longer by `pad` at both ends; two that would meet share the silence evenly."""
    if not segments:
        return []
    middles = [(before.end + after.start) / 2 for before, after in pairwise(segments)]
    rooms = zip([0.0, *middles], [*middles, length], strict=True)
    return [
        Segment(max(first, segment.start - pad), min(last, segment.end + pad))
        for segment, (first, last) in zip(segments, rooms, strict=True)
    ]
