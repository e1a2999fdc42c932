"""The audio of the turn being spoken, kept until the turn is over."""

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

SLACK: Final = 1.0
"""Seconds kept beyond what is asked for: what is heard while the model is still busy with older
windows."""


class Recorder:
    """The newest audio of a stream, and on demand a turn cut out of it.

    Until `hold`, it keeps as much as the start of a turn may lie back; from then on everything
    since the start, up to `limit`. It never hands out the same sample twice: a pre-roll reaches
    back no further than to the end of the turn before.

    Args:
        sample_rate: Rate of the audio in Hz.
        pre_roll: Seconds kept from before the start of a turn.
        lookback: Seconds which the start of a turn may lie back when it is noticed:
            `TurnMachine.lookback`.
        limit: Longest turn in seconds: `AlgoOptions.max_continuous_speech_s`.
        channels: Channels of the audio.
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        pre_roll: float,
        lookback: float,
        limit: float,
        channels: int = 1,
    ) -> None:
        self._rate = sample_rate
        self._channels = channels
        self._pre_roll = pre_roll
        self._idle = round((pre_roll + lookback + SLACK) * sample_rate)
        self._most = self._idle + round(limit * sample_rate)
        self._chunks: deque[NDArray[np.int16]] = deque()
        self._begin = 0  # index in the stream of the first sample kept
        self._end = 0
        self._used = 0  # index behind the last sample handed out
        self._held: int | None = None

    @property
    def now(self) -> float:
        """Seconds of audio taken so far."""
        return self._end / self._rate

    @property
    def kept(self) -> float:
        """Seconds of audio held in memory."""
        return (self._end - self._begin) / self._rate

    def push(self, samples: NDArray[np.int16]) -> None:
        """Take the next audio, shaped ``(channels, n)``; it is kept as it is, not copied."""
        if samples.ndim != 2 or samples.shape[0] != self._channels:
            raise ValueError(
                f"this recorder takes audio shaped ({self._channels}, samples), not {samples.shape}"
            )
        self._chunks.append(samples)
        self._end += samples.shape[1]
        self._forget()

    def hold(self, start: float) -> None:
        """Keep everything from `start` on, and the pre-roll before it."""
        self._held = self._index(start - self._pre_roll)

    def cut(self, start: float, end: float) -> NDArray[np.int16]:
        """Return the audio from the pre-roll before `start` to `end`, shaped ``(channels, n)``.

        What follows `end` stays, as the pre-roll of the next turn.

        Args:
            start: Seconds of the stream; a `TurnEvent.start`.
            end: Seconds of the stream; not before `start`.
        """
        first = max(self._index(start - self._pre_roll), self._used, self._begin)
        last = max(first, min(self._index(end), self._end))
        parts = []
        at = self._begin
        for chunk in self._chunks:
            part = chunk[:, max(0, first - at) : max(0, last - at)]
            at += chunk.shape[1]
            if part.shape[1]:
                parts.append(part)
        self._used = last
        self._held = None
        self._forget()
        return np.concatenate(parts, axis=1) if parts else np.zeros((self._channels, 0), np.int16)

    def since(self, index: int | None, end: float) -> tuple[NDArray[np.int16], int]:
        """Return audio of the turn that is held, without taking it.

        Args:
            index: Where the last call has ended; None for the beginning of the turn, with its
                pre-roll.
            end: Seconds of the stream.

        Returns:
            ``(channels, n)``, and the index to go on from.
        """
        turn = self._end if self._held is None else self._held
        first = max(turn if index is None else index, self._used, self._begin)
        last = max(first, min(self._index(end), self._end))
        parts = []
        at = self._end
        for chunk in reversed(self._chunks):
            at -= chunk.shape[1]
            part = chunk[:, max(0, first - at) : max(0, last - at)]
            if part.shape[1]:
                parts.append(part)
            if at <= first:
                break
        parts.append(np.zeros((self._channels, 0), np.int16))
        return np.concatenate(parts[::-1], axis=1), last

    def _index(self, time: float) -> int:
        return max(0, round(time * self._rate))

    def _forget(self) -> None:
        keep_from = self._end - self._idle
        if self._held is not None:
            keep_from = max(min(keep_from, self._held), self._end - self._most)
        while self._chunks and self._begin + self._chunks[0].shape[1] <= keep_from:
            self._begin += self._chunks.popleft().shape[1]
