"""The way from a session to a client in the same process."""

import asyncio
import json
from dataclasses import dataclass
from typing import Final, TypeAlias

from fastrtc_core.frames import AudioFrame, VideoFrame
from fastrtc_core.messages import JSON
from fastrtc_core.testing.player import Player

FRAME: Final = 0.02
"""Seconds of sound in a frame, both ways."""

LEAD: Final = 0.2
"""Seconds of sound that may be sent ahead of what is heard."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The session has told its client to drop the sound that it has not played yet."""


Received: TypeAlias = AudioFrame | VideoFrame | Cleared | dict[str, JSON]
"""What comes to a client; control messages are parsed."""


class MemoryWire:
    """A `Wire` that ends in a `Player` and a list.

    Args:
        rate: Sample rate the client wants, in Hz; None for the handler's own.
        channels: Channels the client wants.
        delay: Seconds that everything takes on its way.

    """

    def __init__(self, rate: int | None = None, channels: int = 1, delay: float = 0.0) -> None:
        self.rate: Final = rate
        self.channels: Final = channels
        self.lead: Final = LEAD
        self.frame: Final = FRAME
        self.delay: Final = delay
        self.player: Final = Player()
        self.arrivals: Final[list[tuple[float, Received]]] = []
        """All that was sent, with the times at which it comes."""
        self.news = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._broken = False

    async def ready(self) -> None:
        """Return: the client is there from the beginning."""

    async def send_audio(self, frame: AudioFrame) -> None:
        """Let the client hear sound."""
        self.player.add(frame, await self._deliver(frame))

    async def send_video(self, frame: VideoFrame) -> None:
        """Let the client see a picture."""
        await self._deliver(frame)

    async def send_message(self, text: str) -> None:
        """Let the client have a message."""
        await self._deliver(json.loads(text))

    async def clear(self) -> None:
        """Let the client drop the sound that it has not played yet."""
        self.player.clear(await self._deliver(Cleared()))

    def stop_reading(self) -> None:
        """Take nothing any more, as a client that hangs."""
        self._reading.clear()

    def resume_reading(self) -> None:
        """Take what is sent again."""
        self._reading.set()

    def cut(self) -> None:
        """Break the connection."""
        self._broken = True
        self._reading.set()

    async def _deliver(self, item: Received) -> float:
        await self._reading.wait()
        if self._broken:
            raise ConnectionResetError("the client has vanished")
        time = asyncio.get_running_loop().time() + self.delay
        self.arrivals.append((time, item))
        self.news.set()
        return time
