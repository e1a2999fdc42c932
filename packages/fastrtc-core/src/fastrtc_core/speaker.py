"""What a session says: whose turn it is, and sound going out at the pace of the listener.

`Utterance` is one thing said from beginning to end. Utterances have the floor one after another;
the sound that an `emit` method makes is sent whenever no utterance has the floor.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, to_layout
from fastrtc_core.frames import AudioFrame
from fastrtc_core.playout import Playout
from fastrtc_core.transport import Wire

HARDLY: Final = 1e-9
"""Seconds that come of rounding."""

MAX_WAITING: Final = 64
"""Utterances that may wait for the floor.

More is a handler that talks faster than anybody listens.
"""

FRAMES: Final = 0.1
"""Seconds below which an utterance is taken for a frame of sound that comes piece by piece."""

Deliver = Callable[[Awaitable[None]], Awaitable[None]]


class Utterance:
    """Something that is said, from `Session.say`."""

    def __init__(self, speaker: "Speaker") -> None:
        self._speaker = speaker
        self._done = asyncio.Event()
        self._start: float | None = None
        self._played = 0.0
        self.sent = 0.0
        """Seconds of it that were sent."""
        self.cancelled = False
        """Whether it was stopped before its end."""
        self.task: asyncio.Task[None] | None = None

    @property
    def started(self) -> bool:
        """Whether any of its sound was sent."""
        return self._start is not None

    @property
    def finished(self) -> bool:
        """Whether it was heard to its end, was cancelled, or failed."""
        return self._done.is_set()

    @property
    def played(self) -> float:
        """Seconds of it that were heard."""
        if self._start is None or self.finished:
            return self._played
        return min(max(self._speaker.played - self._start, 0.0), self.sent)

    def cancel(self) -> None:
        """Stop it: nothing of it is heard from now on, where the peer can be made to forget."""
        if self.finished:
            return
        self.cancelled = True
        self._speaker.leave(self)
        if self.task is not None:
            self.task.cancel()

    async def wait(self) -> None:
        """Wait until it was heard to its end, was cancelled, or failed."""
        await self._done.wait()

    def count(self, position: float, duration: float) -> None:
        """Note that sound of it was sent, beginning at a position of the playout."""
        if self._start is None:
            self._start = position
        self.sent += duration

    def finish(self) -> None:
        """Note that no more of it will be heard."""
        self._played = self.played
        self._done.set()


class Speaker:
    """The outgoing sound of one session.

    Args:
        wire: Where it goes.
        rate: The handler's output rate, used if the wire has no rate of its own.
        deliver: Awaits a call of the wire and turns its failures into the session's.

    """

    def __init__(self, wire: Wire, rate: int, deliver: Deliver) -> None:
        self._wire = wire
        self._rate = wire.rate or rate
        self._deliver = deliver
        self._playout = Playout(wire.lead)
        self._loop = asyncio.get_running_loop()
        self._resampler: Resampler | None = None
        self._floor: deque[Utterance] = deque()
        self._floor_changed = asyncio.Event()
        self._sending = asyncio.Lock()
        self._must_clear = False
        self._epoch = 0

    @property
    def played(self) -> float:
        """Seconds of sound that the listener has heard since the session began."""
        return self._playout.played(self._loop.time())

    @property
    def audible(self) -> bool:
        """Whether the listener hears something at this moment."""
        return self._playout.pending(self._loop.time()) > 0

    @property
    def busy(self) -> bool:
        """Whether something is said, be it that its first sound is still to come."""
        return bool(self._floor) or self.audible

    def acknowledge(self, position: float) -> None:
        """Take the peer's word for how many seconds it has played since the session began."""
        self._playout.acknowledge(position, self._loop.time())

    def join(self) -> Utterance:
        """Return a new utterance, last in the queue for the floor.

        Raises:
            RuntimeError: Too many are waiting.

        """
        if len(self._floor) >= MAX_WAITING:
            raise RuntimeError(f"{MAX_WAITING} utterances are waiting to be said; wait for some")
        utterance = Utterance(self)
        self._floor.append(utterance)
        return utterance

    def leave(self, utterance: Utterance) -> None:
        """Take an utterance off the floor, heard or not."""
        if utterance.finished:
            return
        utterance.finish()
        if utterance.cancelled and utterance.started and self._floor[0] is utterance:
            self.flush()
        self._floor.remove(utterance)
        self._floor_changed.set()
        self._floor_changed = asyncio.Event()

    def cancel_all(self) -> float:
        """Cancel every utterance and flush; return the seconds heard of the first."""
        heard = self._floor[0].played if self._floor else 0.0
        for utterance in tuple(self._floor):
            utterance.cancel()
        self.flush()
        return heard

    def flush(self) -> None:
        """Forget all sound that was not heard yet; `settle` makes the peer forget it too."""
        self._epoch += 1
        if self._playout.flush(self._loop.time()) > 0:
            self._must_clear = True
        if self._resampler is not None:
            self._resampler.reset()

    async def settle(self) -> None:
        """Tell the peer of a flush, unless sound that was sent since has done it."""
        async with self._sending:
            await self._clear_if_needed()

    async def write(self, audio: AudioFrame, by: Utterance | None = None) -> None:
        """Send sound, waiting for the floor and for the listener.

        What is left of it when the speaker is flushed is dropped.
        """
        await self._turn(by)
        epoch = self._epoch
        for piece in self._pieces(audio):
            await self._turn(by)
            if epoch != self._epoch:
                return
            await self._send(piece, by, epoch)

    async def _turn(self, by: Utterance | None) -> None:
        """Wait until there is both the floor and room for more sound."""
        while True:
            if (self._floor[0] if self._floor else None) is not by:
                await self._floor_changed.wait()
            elif wait := self._playout.delay(self._loop.time()):
                await asyncio.sleep(wait)
            else:
                return

    async def end(self, by: Utterance) -> None:
        """Send the end of an utterance, a few milliseconds that its conversion still holds.

        Where another one waits, or it was a mere frame of what goes on, conversion goes on too.
        """
        if self._resampler is None or by.finished or by.sent < FRAMES or len(self._floor) > 1:
            return
        await self._turn(by)
        tail = self._resampler.flush()
        if tail.dtype == np.int16 and tail.size:  # else nothing has gone through it since a flush
            frame = AudioFrame(tail.astype(np.int16, copy=False), self._rate)
            await self._send(frame, by, self._epoch)

    async def drain(self) -> None:
        """Wait until the listener has heard all that was sent before, or it was flushed."""
        end = self._playout.sent
        # The end is computed, not polled for; it may move while we sleep.
        while (left := min(end, self._playout.sent) - self.played) > HARDLY:  # noqa: ASYNC110
            await asyncio.sleep(left)

    async def _send(self, piece: AudioFrame, by: Utterance | None, epoch: int) -> None:
        async with self._sending:
            await self._clear_if_needed()
            if epoch != self._epoch:
                return
            await self._deliver(self._wire.send_audio(piece))
            if epoch != self._epoch:  # flushed while it was on its way: the peer must drop it too
                self._must_clear = True
                return
            if by is not None:
                by.count(self._playout.sent, piece.duration)
            self._playout.push(piece.duration, self._loop.time())

    async def _clear_if_needed(self) -> None:
        if self._must_clear:
            self._must_clear = False
            await self._deliver(self._wire.clear())

    def _pieces(self, audio: AudioFrame) -> Iterator[AudioFrame]:
        step = max(1, int(audio.rate * self._wire.frame))
        for start in range(0, audio.samples.shape[1], step):
            samples = self._converted(audio.samples[:, start : start + step], audio.rate)
            if samples.size:
                yield AudioFrame(samples, self._rate)

    def _converted(self, samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
        channels = self._wire.channels
        if samples.shape[0] != channels:
            samples = to_layout(samples, "mono" if channels == 1 else "stereo")
        if rate == self._rate:
            return samples
        if self._resampler is None or self._resampler.source_rate != rate:
            self._resampler = Resampler(rate, self._rate, channels)
        return self._resampler.process(samples)
