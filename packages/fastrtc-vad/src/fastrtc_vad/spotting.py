"""Listening for stop words: a model of speech to text hears each turn once, as it is spoken.

No clock or task. The methods block for as long as the model does: call them in one thread.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, to_float32, to_layout
from fastrtc_core.speech import RecognitionStream, StreamingSTTModel, Transcript, is_silent
from fastrtc_vad.stop_words import Found

STEADY: Final = 0.1
"""Seconds of sound for which a partial result must keep a stop word: engines change their minds
within the first hundredths of a word."""

Find = Callable[[Transcript], Found | None]


class WarmUp:
    """Warms a model up, once for all who share this object.

    Args:
        model: Whatever has a ``warmup``, or has none.

    """

    def __init__(self, model: object) -> None:
        self._warm_up: object = getattr(model, "warmup", None)
        self._lock = threading.Lock()
        self._done = False

    def __call__(self) -> None:
        """Warm it up, unless that was done."""
        with self._lock:
            if not self._done and callable(self._warm_up):
                self._warm_up()
            self._done = True


class Spotter:
    """Listens to one person's turns.

    Args:
        model: What understands speech.
        find: Looks for a stop word in a transcript.
        rate: Sample rate of the sound, in Hz.

    """

    def __init__(self, model: StreamingSTTModel, find: Find, rate: int) -> None:
        self._model = model
        self._find = find
        self._resampler = Resampler(rate, model.sample_rate)
        self._stream: RecognitionStream | None = None
        self._heard = False
        self._skipped = 0.0  # seconds of silence at the beginning of the turn
        self._finals: list[Transcript] = []
        self._found: Found | None = None
        self._perhaps: Found | None = None  # what a partial result says
        self._steady = 0.0  # seconds of sound since it first did

    @property
    def found(self) -> Found | None:
        """The stop word of the present turn, if there was one."""
        return self._found

    def push(self, samples: NDArray[np.int16]) -> Found | None:
        """Take the next sound of the turn.

        Args:
            samples: ``(channels, n)``.

        Returns:
            The stop word, when it is noticed first.

        """
        sound = self._resampler.process(to_float32(to_layout(samples, "mono")))[0]
        if not self._heard and is_silent(sound):
            self._skipped += len(sound) / self._model.sample_rate
            return None
        if self._stream is None:
            self._stream = self._model.stream()
        self._heard = True
        return self._look(self._stream.push(sound), len(sound) / self._model.sample_rate)

    def finish(self) -> Found | None:
        """End the turn.

        Returns:
            Its stop word, with all that follows, be it noticed before or now.

        """
        if self._stream is not None and self._heard:
            rest = self._resampler.flush()[0]
            self._look(self._stream.push(np.asarray(rest, np.float32)), STEADY)
            self._look(self._stream.finish(), STEADY)
        found = self._whole()
        self._begin_anew()
        return found

    def discard(self) -> None:
        """Forget the turn, and the stream with it: it may have failed."""
        stream, self._stream = self._stream, None
        self._begin_anew()
        if stream is not None:
            stream.close()

    def close(self) -> None:
        """Let go of the model; from any thread."""
        if self._stream is not None:
            self._stream.close()

    def _look(self, transcripts: Iterable[Transcript], seconds: float) -> Found | None:
        """Look for a stop word in what is new after so much sound."""
        self._steady += seconds
        for transcript in transcripts:
            if transcript.final:
                self._finals.append(transcript)
            found = self._find_in(transcript)
            if found is None or transcript.final or self._perhaps is None:
                self._steady = STEADY if transcript.final else 0.0
            self._perhaps = found
        if self._found is None and self._perhaps is not None and self._steady >= STEADY:
            self._found = self._perhaps
            return self._found
        return None

    def _find_in(self, transcript: Transcript) -> Found | None:
        found = self._find(self._with_finals(transcript))
        if found is None or found.end is None:
            return found
        return replace(found, end=found.end + self._skipped)

    def _with_finals(self, transcript: Transcript) -> Transcript:
        """What was understood of the turn so far: a phrase may reach over two results."""
        parts = self._finals if transcript.final else [*self._finals, transcript]
        words = tuple(word for part in parts for word in part.words)
        return Transcript(" ".join(part.text for part in parts), transcript.final, words)

    def _whole(self) -> Found | None:
        """The stop word as the final results have it, or else as it was noticed."""
        if not self._finals:
            return self._found
        return self._find_in(self._finals[-1]) or self._found

    def _begin_anew(self) -> None:
        self._resampler.reset()
        self._heard = False
        self._skipped = 0.0
        self._finals = []
        self._found = self._perhaps = None
