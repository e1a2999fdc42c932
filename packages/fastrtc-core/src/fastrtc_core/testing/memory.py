"""A transport without a network: a client in the same process, for tests of handlers.

::

    async with connect(stream) as client:
        await client.speak(recording, 16000)
        await client.send_silence(2.0)
    print(client.heard_audio().duration)

With `fastrtc_core.testing.run` around it the conversation takes no longer than its computation.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import to_int16
from fastrtc_core.errors import SessionClosedError
from fastrtc_core.events import CloseReason
from fastrtc_core.frames import AudioFrame, VideoFrame
from fastrtc_core.messages import JSON
from fastrtc_core.session import Session
from fastrtc_core.stream import Stream
from fastrtc_core.testing.clock import watch
from fastrtc_core.testing.wire import FRAME, MemoryWire, Received
from fastrtc_core.transport import ConnectionRequest

IN_FLIGHT: Final = 256
"""Frames and messages that may be on their way to the session before the client has to wait."""

Sound: TypeAlias = NDArray[np.int16] | NDArray[np.float32] | NDArray[np.float64]
Sent: TypeAlias = "AudioFrame | VideoFrame | JSON"


@dataclass(frozen=True, slots=True)
class _Packet:
    """Something on its way from the client to the session."""

    due: float
    content: Sent


class MemoryClient:
    """The person at the other end, from `connect`. Times are those of the event loop."""

    def __init__(self, stream: Stream, wire: MemoryWire) -> None:
        self._stream = stream
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[Session] = self._loop.create_future()
        self._uplink: asyncio.Queue[_Packet | None] = asyncio.Queue(IN_FLIGHT)
        self._ended = asyncio.Event()
        self._vanished = False
        self._received = 0

    # What came

    @property
    def session(self) -> Session:
        """The session at the server's side."""
        return self._opened.result()

    @property
    def id(self) -> str:
        """Id of the session."""
        return self.session.id

    @property
    def heard(self) -> list[tuple[float, AudioFrame]]:
        """What was heard so far, with the time each piece began."""
        return self._wire.player.heard(self._loop.time())

    def heard_audio(self) -> AudioFrame:
        """Return all that was heard so far, from the first sound on, with silence in the gaps."""
        return self._wire.player.recording(self._loop.time())

    @property
    def messages(self) -> list[tuple[float, dict[str, JSON]]]:
        """The messages that came so far, parsed, with their times."""
        return [(time, item) for time, item in self._arrived() if isinstance(item, dict)]

    def messages_of(self, type: str) -> list[JSON]:
        """Return the data of all messages of a type that came so far."""
        return [message.get("data") for _, message in self.messages if message.get("type") == type]

    @property
    def pictures(self) -> list[tuple[float, VideoFrame]]:
        """The pictures that came so far, with their times."""
        return [(time, item) for time, item in self._arrived() if isinstance(item, VideoFrame)]

    async def receive(self) -> Received:
        """Wait for the next thing that comes, in the order it was sent, and return it.

        Raises:
            SessionClosedError: The session has ended, and all that came was received.

        """
        while self._received >= len(self._wire.arrivals):
            self._check_open()
            self._wire.news.clear()
            await self._wire.news.wait()
        time, item = self._wire.arrivals[self._received]
        await _sleep_until(time)
        self._received += 1
        return item

    async def next_message(self, type: str | None = None) -> dict[str, JSON]:
        """Receive until a message comes, of a type if one is given, and return it.

        Raises:
            SessionClosedError: The session has ended, and no such message came.

        """
        while True:
            item = await self.receive()
            if isinstance(item, dict) and type in (None, item.get("type")):
                return item

    def _arrived(self) -> Iterator[tuple[float, Received]]:
        now = self._loop.time()
        return ((time, item) for time, item in self._wire.arrivals if time <= now)

    # What is sent

    async def speak(self, samples: Sound, rate: int) -> None:
        """Say something into the microphone; takes as long as the sound.

        Args:
            samples: int16 or float in -1..1, shaped ``(samples,)`` or ``(channels, samples)``.
            rate: Samples per second.

        Raises:
            SessionClosedError: The session has ended, or ended meanwhile.

        """
        sound = np.atleast_2d(to_int16(samples))
        start = self._loop.time()
        step = int(rate * FRAME)
        for first in range(0, sound.shape[1], step):
            piece = sound[:, first : first + step]
            await _sleep_until(start + (first + piece.shape[1]) / rate)
            await self.send_audio(piece, rate)

    async def send_silence(self, seconds: float, rate: int = 24000) -> None:
        """Say nothing, with the microphone on."""
        await self.speak(np.zeros(round(seconds * rate), dtype=np.int16), rate)

    async def send_audio(self, samples: Sound, rate: int) -> None:
        """Send sound at once, as one frame, as a client does that sends a file."""
        await self._send(AudioFrame(np.atleast_2d(to_int16(samples)), rate))

    async def send_video(self, pixels: NDArray[np.uint8]) -> None:
        """Send a picture, ``(height, width, 3)``."""
        await self._send(VideoFrame(pixels))

    async def send_message(self, data: JSON) -> None:
        """Send a message of the application's."""
        await self._send(data)

    def set_input(self, *args: object) -> None:
        """Give the handler its inputs, as the page's request does."""
        self._stream.set_input(self.id, *args)

    def acknowledge(self) -> None:
        """Tell the session how many seconds of sound were heard."""
        self.session.acknowledge(sum(frame.duration for _, frame in self.heard))

    # Ways to behave

    def stop_reading(self) -> None:
        """Take nothing any more, as a client that hangs."""
        self._wire.stop_reading()

    def resume_reading(self) -> None:
        """Take what is sent again."""
        self._wire.resume_reading()

    def vanish(self) -> None:
        """Break the connection; what is on its way is lost."""
        self._vanished = True
        self._wire.cut()
        self._drop_packets()
        self._uplink.put_nowait(None)

    async def leave(self) -> None:
        """Hang up, once all that was sent has arrived, and wait for the session's end."""
        if not self._ended.is_set():
            await self._uplink.put(None)
        await self._ended.wait()

    async def wait_closed(self) -> CloseReason:
        """Wait until the session has ended, and return why."""
        await self._ended.wait()
        assert self.session.reason is not None
        return self.session.reason

    # The transport's side

    async def _serve(self, request: ConnectionRequest, session_id: str | None) -> None:
        try:
            async with self._stream.connect(request, self._wire, session_id) as session:
                self._opened.set_result(session)
                await self._deliver(session)
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)
        finally:
            self._ended.set()
            self._drop_packets()
            self._wire.news.set()

    async def _deliver(self, session: Session) -> None:
        while packet := await self._uplink.get():
            await _sleep_until(packet.due)
            content = packet.content
            if isinstance(content, AudioFrame):
                await session.push_audio(content.samples, content.rate)
            elif isinstance(content, VideoFrame):
                session.push_video(content)
            else:
                session.receive_message(content)
        if self._vanished:
            raise ConnectionResetError("the client has vanished")

    async def _send(self, content: Sent) -> None:
        self._check_open()
        await self._uplink.put(_Packet(self._loop.time() + self._wire.delay, content))
        self._check_open()

    def _check_open(self) -> None:
        if self._vanished or self._ended.is_set():
            raise SessionClosedError(self.id, self.session.reason or CloseReason.CLIENT_LEFT)

    def _drop_packets(self) -> None:
        while not self._uplink.empty():
            self._uplink.get_nowait()


@asynccontextmanager
async def connect(
    stream: Stream,
    *,
    request: ConnectionRequest | None = None,
    session_id: str | None = None,
    rate: int | None = None,
    channels: int = 1,
    delay: float = 0.0,
    wants: Iterable[str] = (),
    metadata: Mapping[str, JSON] | None = None,
) -> AsyncIterator[MemoryClient]:
    """Connect a client to a stream; it leaves at the end of the block.

    The client stays usable after its session has ended, to see what came.

    Args:
        stream: What to connect to.
        request: Who asks; otherwise somebody unknown over ``memory``.
        session_id: The id to ask for.
        rate: Sample rate to be sent, in Hz; None for the handler's own.
        channels: Channels to be sent, 1 or 2.
        delay: Seconds that everything takes on its way, in each direction.
        wants: Optional message types to ask for.
        metadata: What the client says of itself.

    Raises:
        AdmissionError: The stream refuses the client.

    """
    watch(stream._pool)
    request = request or ConnectionRequest("memory")
    request = replace(
        request,
        wants=request.wants.union(wants),
        metadata={**request.metadata, **(metadata or {})},
    )
    client = MemoryClient(stream, MemoryWire(rate, channels, delay))
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client._serve(request, session_id))
        try:
            await client._opened
            yield client
        except Exception as error:  # noqa: BLE001 - raised below, not wrapped in a group
            failure = error
        await client.leave()
    if failure is not None:
        raise failure


async def _sleep_until(time: float) -> None:
    loop = asyncio.get_running_loop()
    if (wait := time - loop.time()) > 0:
        await asyncio.sleep(wait)
