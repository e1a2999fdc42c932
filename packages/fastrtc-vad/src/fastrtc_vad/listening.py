"""One person being listened to: sound in, turns and their audio out.

No clock, task or thread. The model is not called here, so that the caller decides how: at once,
or together with the windows of other sessions.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import StreamingPauseDetectionModel
from fastrtc_core.audio import Resampler, to_float32, to_layout
from fastrtc_vad.options import AlgoOptions, SileroVadOptions
from fastrtc_vad.recording import Recorder
from fastrtc_vad.turns import TurnEvent, TurnMachine

TAIL: Final = 0.1
"""Seconds of a turn's audio kept beyond the padding of its end, 0.2 after speech in all: faint
endings live there."""

FRAME: Final = 0.008
"""Seconds of sound of which a level is taken: a quarter of a window of 32 ms."""


class Listener:
    """Listens to one stream.

    Args:
        model: What hears speech.
        algo: What makes a turn.
        speech: What makes speech of probabilities.
        rate: Sample rate of the sound, in Hz.
        channels: Channels of the sound; the model hears their mean.

    """

    def __init__(
        self,
        model: StreamingPauseDetectionModel,
        algo: AlgoOptions,
        speech: SileroVadOptions,
        rate: int,
        channels: int,
    ) -> None:
        window = model.window_samples / model.sample_rate
        self.state: Final = model.new_state()
        self._size = model.window_samples
        self._machine = TurnMachine(algo, speech, window=window, release=model.release)
        self._recorder = Recorder(
            rate,
            pre_roll=algo.pre_roll,
            lookback=self._machine.lookback,
            limit=algo.max_continuous_speech_s,
            channels=channels,
        )
        self._resampler = Resampler(rate, model.sample_rate)
        self._rest = np.zeros(0, np.float32)
        frames = max(1, round(window / FRAME))
        self._frames = np.linspace(0, self._size, frames, endpoint=False, dtype=np.intp)
        self._powers: Iterator[list[float]] = iter(())

    @property
    def now(self) -> float:
        """Seconds of the stream that were judged so far."""
        return self._machine.now

    @property
    def talking(self) -> bool:
        """Whether a turn is being spoken."""
        return self._machine.state == "talking"

    def take(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Take the next sound, ``(channels, n)``, and return the windows it completes.

        They are to be judged before the next sound is taken.
        """
        self._recorder.push(samples)
        mono = self._resampler.process(to_float32(to_layout(samples, "mono")))[0]
        sound = np.concatenate((self._rest, mono)) if self._rest.size else mono
        whole = len(sound) // self._size * self._size
        self._rest = sound[whole:]
        windows = sound[:whole].reshape(-1, self._size)
        self._powers = iter(self._powers_of(windows))
        return windows

    def judge(
        self, probability: float, *, speaking: bool, can_interrupt: bool
    ) -> Iterator[TurnEvent]:
        """Yield what the next window leads to.

        Args:
            probability: The model's, for the oldest window not judged yet.
            speaking: Whether a reply is on its way or heard.
            can_interrupt: Whether speech may stop it.

        """
        powers = next(self._powers, ())
        events = self._machine.push(
            probability, powers, speaking=speaking, can_interrupt=can_interrupt
        )
        yield from self._noted(events)

    def trigger(self) -> Iterator[TurnEvent]:
        """End the turn by hand, be it that nothing was said."""
        yield from self._noted(self._machine.trigger())

    def turn(self, pause: TurnEvent) -> NDArray[np.int16]:
        """Return the audio of the turn that a ``pause_detected`` has ended, once."""
        return self._recorder.cut(pause.start, min(pause.end + TAIL, self._machine.now))

    def said(self, index: int | None) -> tuple[NDArray[np.int16], int]:
        """Return what of a turn was judged since an index, and the index to go on from.

        Args:
            index: None for the beginning of the turn.

        """
        return self._recorder.since(index, self._machine.now)

    def reset(self) -> None:
        """Forget what was said so far."""
        self._machine.reset()

    def _powers_of(self, windows: NDArray[np.float32]) -> list[list[float]]:
        """Mean squares of each window's frames."""
        sums = np.add.reduceat(np.square(windows), self._frames, axis=1)
        powers: list[list[float]] = (sums * (len(self._frames) / self._size)).tolist()
        return powers

    def _noted(self, events: tuple[TurnEvent, ...]) -> Iterator[TurnEvent]:
        for event in events:
            if event.kind == "started_talking":
                self._recorder.hold(event.start)
            yield event
