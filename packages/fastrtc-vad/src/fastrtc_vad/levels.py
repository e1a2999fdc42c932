"""How loud the sound is, to tell where speech ends more finely than a window of the model does.

Sound is *quiet* if it is far below the loudest of the recent speech, or not clearly above the noise
between. Power is the mean square of the samples, as full scale is 1.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FADED: Final = 10 ** (-35 / 10)
"""Part of the loudest power below which speech is over: 35 dB. 37 dB lets the faint tails of single
words through, up to 0.07 s of them."""

ABOVE_NOISE: Final = 10 ** (6 / 10)
"""Sound is more than noise from so many times its power on: 6 dB. White noise in 8 ms is never as
far above its mean, pink noise seldom."""

CLEAR: Final = 10 ** (-25 / 10)
"""Part of the loudest power that quiet may have for the end of speech to be seen. With noise up
to there, at 25 dB below speech, 90 % of all ends are within 0.01 s; at 15 dB, half are too early by
0.02 to 0.13 s, for the ends of words are lost in it."""

VOICE_MEMORY: Final = 94
"""Windows of speech whose loudest counts: 3 s. With half of it a word at the end of a sentence is
sometimes measured by another than the loudest."""

NOISE_MEMORY: Final = 64
"""Windows without speech whose median power is the noise: 2 s, so that neither a knock nor the
beginnings and endings of words among them count."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """What the level tells about the end of the stream."""

    seconds: float = 0.0
    """How long it has been quiet, to half a frame; 0 if it is not."""

    is_clear: bool = False
    """Whether noise is so low that speech fades before it is lost in it."""


class Levels:
    """The level of one continuous stream, told a window at a time.

    Args:
        window: Length of a window in seconds.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._voice: deque[float] = deque(maxlen=VOICE_MEMORY)
        self._noise: deque[float] = deque(maxlen=NOISE_MEMORY)
        self._quiet = 0.0

    def push(self, powers: Sequence[float], *, voiced: bool) -> Quiet:
        """Take the next window.

        Args:
            powers: Of equally long frames that make up the window; none if unknown.
            voiced: Whether the window is part of speech.
        """
        if not powers:
            return Quiet()
        if voiced:
            self._voice.append(max(powers))
        else:
            self._noise.append(sum(powers) / len(powers))
        loudest = max(self._voice, default=0.0)
        limit = max(FADED * loudest, ABOVE_NOISE * _median(self._noise))
        frame = self._window / len(powers)
        for power in powers:
            self._quiet = 0.0 if power > limit else self._quiet + frame
        # Sound ends anywhere within a frame: in the middle.
        return Quiet(max(0.0, self._quiet - frame / 2), limit < CLEAR * loudest)


def _median(values: deque[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
