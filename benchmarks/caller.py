"""One caller: a microphone that never stops, and the time at which everything came back."""

import asyncio
import itertools
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Final

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.corpus import PEAK_DBFS, Clip
from benchmarks.settings import FRAME, FRAME_SECONDS, RATE
from benchmarks.sound import Int16, Noise, Samples, noise, to_int16
from benchmarks.wire import Audio, Event, Message, Wire, frames

ROOM_DBFS: Final = -65.0
"""A quiet room: never digital zero."""

NOISY_ROOM_DBFS: Final = PEAK_DBFS - 6 - 15
"""With noise: about 15 dB below the mean level of speech, 6 dB below its peaks."""

ROOM_SECONDS: Final = 10
"""The room's sound repeats after this; longer than any clip."""

CONNECT_SECONDS: Final = 10.0

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Utterance:
    """A clip that is being or has been said."""

    clip: Clip
    start: float
    """When its speech starts and ends in the room, on `time.monotonic`'s clock."""
    end: float
    first: int
    """Where the clip, and where its speech starts in what the microphone has recorded."""
    onset: int


class Microphone:
    """Frames of room sound and, when something is said, of speech over it.

    Frame n can be sent when its last sample has been recorded: (n + 1) * 20 ms after `begun`.
    """

    def __init__(self, wire: Wire, room: Noise | None) -> None:
        self.recorded: list[Int16] = []
        self._wire = wire
        self._room = _room(room)
        self._quiet = itertools.cycle(_room_frames(wire, room))
        self._speech: Iterator[tuple[Int16, Message]] = iter(())
        self.begun = time.monotonic()

    def say(self, clip: Clip) -> Utterance:
        """Say the clip, from the next frame on."""
        first = len(self.recorded) * FRAME
        mixed = clip.audio + self._room[: clip.audio.size]
        cut = frames(to_int16(mixed))
        self._speech = iter([(frame, self._wire.media(frame)) for frame in cut])
        start, end = (self.begun + (first + at) / RATE for at in (clip.start, clip.end))
        return Utterance(clip, start, end, first, first + clip.start)

    def frame(self) -> tuple[float, Message]:
        """The next frame and when it may be sent."""
        samples, message = next(self._speech, None) or next(self._quiet)
        self.recorded.append(samples)
        return self.begun + len(self.recorded) * FRAME_SECONDS, message


@cache
def _room(kind: Noise | None) -> Samples:
    level = ROOM_DBFS if kind is None else NOISY_ROOM_DBFS
    return noise(kind or "white", ROOM_SECONDS * RATE, level, np.random.default_rng(0))


@cache
def _room_frames(wire: Wire, kind: Noise | None) -> list[tuple[Int16, Message]]:
    return [(frame, wire.media(frame)) for frame in frames(to_int16(_room(kind)))]


class Caller:
    """A connected client. Use `calling` to get one."""

    def __init__(self, connection: ClientConnection, wire: Wire, microphone: Microphone) -> None:
        self.microphone = microphone
        self.inbox: list[tuple[float, Message]] = []
        self.latest_frame = 0.0
        """The worst delay of a frame behind its time: the client's share of any error."""
        self._connection = connection
        self._wire = wire
        self._arrived = asyncio.Event()

    async def send_microphone(self) -> None:
        """Send the microphone in real time until cancelled."""
        while True:
            due, message = self.microphone.frame()
            await asyncio.sleep(due - time.monotonic())
            await self._connection.send(message)
            self.latest_frame = max(self.latest_frame, time.monotonic() - due)

    async def receive(self) -> None:
        """Note whatever arrives, until cancelled.

        Raises:
            ConnectionError: the server closed the connection.
        """
        async for message in self._connection:
            self.inbox.append((time.monotonic(), message))
            self._arrived.set()
        raise ConnectionError("The server hung up")

    def events(self) -> list[tuple[float, Event]]:
        """What has arrived so far, and when."""
        return [(at, self._wire.event(message)) for at, message in self.inbox]

    def first_audio(self, since: float) -> float | None:
        """When the first reply audio from `since` on arrived; None if none has."""
        arrived = (
            at
            for at, message in self.inbox[bisect_left(self.inbox, since, key=itemgetter(0)) :]
            if isinstance(self._wire.event(message), Audio)
        )
        return next(arrived, None)

    async def audio_since(self, since: float, seconds: float) -> float | None:
        """The same, waiting for it so many seconds from now on."""
        try:
            async with asyncio.timeout(seconds):
                while (at := self.first_audio(since)) is None:
                    self._arrived.clear()
                    await self._arrived.wait()
                return at
        except TimeoutError:
            return None


@asynccontextmanager
async def calling(
    url: str, wire: Wire, *, room: Noise | None = None, sends: bool = True
) -> AsyncIterator[Caller]:
    """A caller whose microphone runs while the block does; silent on the wire if not `sends`."""
    async with (
        connect(url, compression=None, open_timeout=CONNECT_SECONDS, close_timeout=2) as connection,
        asyncio.TaskGroup() as tasks,
    ):
        await connection.send(wire.start(f"caller-{next(_numbers)}"))
        caller = Caller(connection, wire, Microphone(wire, room))
        running = [tasks.create_task(caller.receive())]
        if sends:
            running.append(tasks.create_task(caller.send_microphone()))
        try:
            yield caller
        finally:
            for task in running:
                task.cancel()


async def until(moment: float) -> None:
    """Return at a moment of `time.monotonic`'s clock."""
    await asyncio.sleep(moment - time.monotonic())
