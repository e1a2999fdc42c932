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

TAIL: Final = 0.2
"""Seconds of a turn's audio kept after the estimated end of speech: faint endings live there."""


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

    @property
    def now(self) -> float:
        """Seconds of the stream that were judged so far."""
        return self._machine.now

    @property
    def talking(self) -> bool:
        """Whether a turn is being spoken."""
        return self._machine.state == "talking"

    def take(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Take the next sound, ``(channels, n)``, and return the windows it completes."""
        self._recorder.push(samples)
        mono = self._resampler.process(to_float32(to_layout(samples, "mono")))[0]
        sound = np.concatenate((self._rest, mono)) if self._rest.size else mono
        whole = len(sound) // self._size * self._size
        self._rest = sound[whole:]
        return sound[:whole].reshape(-1, self._size)

    def judge(
        self, probability: float, *, speaking: bool, can_interrupt: bool
    ) -> Iterator[TurnEvent]:
        """Yield what the next window leads to.

        Args:
            probability: The model's, for the oldest window not judged yet.
            speaking: Whether a reply is on its way or heard.
            can_interrupt: Whether speech may stop it.

        """
        events = self._machine.push(probability, speaking=speaking, can_interrupt=can_interrupt)
        yield from self._noted(events)

    def trigger(self) -> Iterator[TurnEvent]:
        """End the turn by hand, be it that nothing was said."""
        yield from self._noted(self._machine.trigger())

    def turn(self, pause: TurnEvent) -> NDArray[np.int16]:
        """Return the audio of the turn that a ``pause_detected`` has ended, once."""
        return self._recorder.cut(pause.start, min(pause.end + TAIL, self._machine.now))

    def reset(self) -> None:
        """Forget what was said so far."""
        self._machine.reset()

    def _noted(self, events: tuple[TurnEvent, ...]) -> Iterator[TurnEvent]:
        for event in events:
            if event.kind == "started_talking":
                self._recorder.hold(event.start)
            yield event
