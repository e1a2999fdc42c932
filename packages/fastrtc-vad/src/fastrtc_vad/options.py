"""What users may set: how the model's probabilities become speech, and how speech becomes turns."""

import math
import warnings
from dataclasses import dataclass
from typing import Final

WINDOW_SAMPLES: Final = 512
"""The one window length Silero's v5 and v6 models take at 16 kHz: 32 ms."""

FORMER_WINDOW_SAMPLES: Final = (1024, 1536)
"""Window lengths Silero's v4 models took as well."""


@dataclass(frozen=True, slots=True)
class SileroVadOptions:
    """How a row of probabilities becomes segments of speech.

    Lengths are compared to the nearest window of 32 ms.

    Raises:
        ValueError: A value is out of its range; the message names the field and the value.
    """

    threshold: float = 0.5
    """Probability, between 0 and 1, from which a window is speech. Speech that has begun goes on
    until the probability falls 0.15 lower. Higher: deafer to noise, and to quiet voices."""

    min_speech_duration_ms: float = 100
    """Milliseconds, 0 or more. Shorter sounds are not speech: they neither start a turn nor put off
    its end. It does not delay an interruption, which has `AlgoOptions.interrupt_threshold`."""

    max_speech_duration_s: float = math.inf
    """Seconds, above 0. Speech longer than this without a silence is cut, and ends the turn: music
    or a voice in the background may never pause. Turns *with* silences have
    `AlgoOptions.max_continuous_speech_s`."""

    min_silence_duration_ms: float = 150
    """Milliseconds, 0 or more. Shorter silences are part of the speech around them, and end no
    turn."""

    window_size_samples: int = WINDOW_SAMPLES
    """512, the only length the model takes. 1024 and 1536, which older models took, are accepted
    with a DeprecationWarning and read as 512."""

    speech_pad_ms: float = 100
    """Milliseconds, 0 or more, added to what is reported as speech at both ends, so that a faint
    first or last sound is kept. It moves the audio handed over, never the moment of a decision."""

    def __post_init__(self) -> None:
        _require(0 < self.threshold < 1, self, "threshold", "between 0 and 1")
        _require_finite(self, "min_speech_duration_ms", "min_silence_duration_ms", "speech_pad_ms")
        _require(self.max_speech_duration_s > 0, self, "max_speech_duration_s", "above 0")
        if self.window_size_samples in FORMER_WINDOW_SAMPLES:
            warnings.warn(
                f"window_size_samples={self.window_size_samples} is read as {WINDOW_SAMPLES}: "
                "the model takes no other; leave it out",
                DeprecationWarning,
                stacklevel=3,
            )
        elif self.window_size_samples != WINDOW_SAMPLES:
            _require(False, self, "window_size_samples", f"{WINDOW_SAMPLES}")


@dataclass(frozen=True, slots=True)
class AlgoOptions:
    """How speech becomes turns.

    Seconds throughout, compared to the nearest window of 32 ms. At the defaults a turn ends 0.5 s
    (``audio_chunk_duration - speech_threshold``) after the last sound; that much is waited for in
    full unless noise hides the end of speech.

    Raises:
        ValueError: A value is out of its range; the message names the field and the value.
    """

    audio_chunk_duration: float = 0.6
    """Length of the stretch of newest audio that is judged, 32 ms after 32 ms; above 0."""

    started_talking_threshold: float = 0.2
    """A turn starts when the stretch holds more speech than this; from 0, below
    `audio_chunk_duration`. Higher: deafer to coughs, and to a quick "yes"."""

    speech_threshold: float = 0.1
    """A turn ends when a stretch that began after its start holds less speech than this; from 0,
    below `audio_chunk_duration`. Higher: ends turns sooner."""

    max_continuous_speech_s: float = 60.0
    """A turn of this length ends though the person still speaks, and the next begins; above 0 and
    finite, since a turn's audio is kept in memory."""

    interrupt_threshold: float = 0.1
    """Uninterrupted speech that stops a reply; from 0. Measured on synthetic voices: at 0.1 a reply
    is told to stop 0.13 s after the onset (95 %: 0.2 s), and of 600 knocks, beeps and bursts of
    64 ms one stopped it; 0.13 takes 35 ms longer and let none through."""

    pre_roll: float = 0.3
    """Audio kept from before the start of a turn, so that no onset is lost; from 0. Of 1,392
    synthetic sentences, clean, in noise or over the telephone, none needed more than 0.04; of 232
    that were 30 dB fainter, four needed about 0.6."""

    def __post_init__(self) -> None:
        _require(0 < self.audio_chunk_duration < math.inf, self, "audio_chunk_duration", "above 0")
        for name in ("started_talking_threshold", "speech_threshold"):
            fits = 0 <= getattr(self, name) < self.audio_chunk_duration
            _require(
                fits, self, name, f"from 0, below audio_chunk_duration={self.audio_chunk_duration}"
            )
        _require(
            0 < self.max_continuous_speech_s < math.inf,
            self,
            "max_continuous_speech_s",
            "above 0 and finite",
        )
        _require_finite(self, "interrupt_threshold", "pre_roll")


def _require_finite(options: object, *names: str) -> None:
    for name in names:
        _require(0 <= getattr(options, name) < math.inf, options, name, "0 or more, and finite")


def _require(condition: bool, options: object, name: str, wanted: str) -> None:
    if not condition:
        value = getattr(options, name)
        raise ValueError(f"{type(options).__name__}.{name} must be {wanted}, not {value!r}")
