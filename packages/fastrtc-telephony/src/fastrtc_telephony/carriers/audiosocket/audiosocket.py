"""Asterisk's AudioSocket: the calls of an exchange that connects by plain TCP."""

import asyncio
import logging
from collections.abc import Callable, Container
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self

from fastrtc_core import ConnectionRequest, Stream
from fastrtc_core.transport import TELEPHONE
from fastrtc_telephony.carrier import Carrier, CarrierRequest
from fastrtc_telephony.carriers.audiosocket.protocol import AudioSocketProtocol
from fastrtc_telephony.connection import CLOSING, Connection
from fastrtc_telephony.errors import ConfigurationError, SignatureError, TicketError
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.media import MediaProtocol
from fastrtc_telephony.settings import TelephoneSettings

logger = logging.getLogger("fastrtc_telephony")

PORT: Final = 9092
"""As in the examples of Asterisk's documentation."""

PIECE: Final = 16 * 1024
"""Most bytes to take from a connection at once: half a second of sound."""

Calls = Container[str] | Callable[[str], bool]
"""UUIDs in lower case, with hyphens; or what tells, without blocking, whether one is expected."""


class AudioSocket(Carrier):
    """An Asterisk whose dial plan calls ``AudioSocket(UUID,host:port)``.

    It comes by TCP, not by HTTP, so that it is none of a web application's carriers: see
    `AudioSocketServer`.
    """

    name = "audiosocket"
    answers = False

    def check(self) -> None:
        """Refuse to be one of a web application's carriers."""
        raise ConfigurationError(
            "AudioSocket comes by TCP, not by HTTP: leave it out of TelephoneSettings, and serve "
            "the stream with AudioSocketServer(stream)"
        )

    def protocol(self) -> MediaProtocol:
        """Return the protocol of AudioSocket."""
        return AudioSocketProtocol()

    def verify(self, request: CarrierRequest, now: float) -> None:
        """Refuse a request by HTTP: there are none."""
        raise SignatureError("AudioSocket makes no requests by HTTP")


class AudioSocketServer:
    """Takes an Asterisk's calls for a stream, while its block runs; then ends those that live.

    ::

        async with AudioSocketServer(stream) as server:
            ...

    AudioSocket has no password: whoever reaches the port and knows a call's UUID is that call.

    Args:
        stream: What is served.
        host: Address to listen on.
        port: 0 for a free one.
        calls: The calls that are expected, by the UUIDs that the dial plan gives them; None for
            any, which only this machine may bring.

    Raises:
        ValueError: The host is not a loopback address and `calls` is None, or the stream is not
            of sound alone.

    """

    def __init__(
        self,
        stream: Stream,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        calls: Calls | None = None,
    ) -> None:
        if calls is None and not _is_loopback(host):
            raise ValueError(
                f"whoever reaches {host} could bring calls: say which are expected, "
                "AudioSocketServer(calls=...), with UUIDs that nobody can guess, as the dial "
                "plan's ${UUID()} makes them; or listen on 127.0.0.1"
            )
        if stream.modality != "audio":
            raise ValueError(f"a telephone carries sound only, not {stream.modality}")
        self._stream = stream
        self._host = host
        self._expected = (calls,) if isinstance(calls, str) else calls
        self._carrier = AudioSocket()
        # Nothing of them matters to a carrier that makes no requests and keeps its sound.
        self._settings = TelephoneSettings(carriers=[self._carrier])
        self._tasks = asyncio.TaskGroup()
        self._live: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = port
        """The real one, when the block runs."""

    async def __aenter__(self) -> Self:
        # It listens last, so that what a call needs is there.
        server = await asyncio.start_server(
            self._connected, self._host, self.port, limit=PIECE, start_serving=False
        )
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._server = server
        await server.start_serving()
        self.port = server.sockets[0].getsockname()[1]
        logger.info("AudioSocket is served on %s, port %d", self._host, self.port)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        server, self._server = self._server, None
        assert server is not None
        server.close()
        for task in self._live:
            task.cancel()
        # Calls fail by themselves, and what ends the block is not theirs to know.
        await self._tasks.__aexit__(None, None, None)
        await server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        socket = TCPSocket(reader, writer)
        if self._server is None:  # it came as the block ended
            socket.abort()
            return
        task = self._tasks.create_task(self._serve(socket), name="AudioSocket call")
        self._live.add(task)
        task.add_done_callback(self._live.discard)

    async def _serve(self, socket: "TCPSocket") -> None:
        try:
            await Connection(
                stream=self._stream,
                socket=socket,
                carrier=self._carrier,
                settings=self._settings,
                request=ConnectionRequest(transport=TELEPHONE, client=socket.peer),
                admit=self._admit,
            ).serve()
        except Exception:  # a call that fails must not end the others
            logger.exception("audiosocket: a call has failed")
        finally:
            socket.abort()

    def _admit(self, token: str | None, info: CallInfo) -> CallInfo:
        expected = self._expected
        if expected is None:
            return info
        known = expected(info.call_id) if callable(expected) else info.call_id in expected
        if not known:
            raise TicketError(f"no call {info.call_id} is expected")
        return info


class TCPSocket:
    """A TCP connection; every method raises ConnectionError when the peer is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        peer = writer.get_extra_info("peername")
        self.peer: Final[str | None] = peer[0] if peer else None
        """Address of the peer."""

    async def receive(self) -> bytes:
        """Wait for some bytes."""
        try:
            data = await self._reader.read(PIECE)
        except OSError as error:  # the network's failures are more than ConnectionErrors
            raise ConnectionResetError(f"the connection has failed: {error}") from error
        if not data:
            raise ConnectionResetError("the caller has hung up")
        return data

    async def send(self, data: str | bytes) -> None:
        """Send bytes."""
        if isinstance(data, str):
            raise TypeError(f"AudioSocket has no text messages, such as {data[:40]!r}")
        if self._writer.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._writer.write(data)
        try:
            await self._writer.drain()
        except OSError as error:
            raise ConnectionResetError(f"the connection has failed: {error}") from error

    async def close(self, code: int) -> None:
        """End the connection when all is sent, or soon; TCP tells nobody of the code."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSING):
                await self._writer.wait_closed()
        except OSError:  # TimeoutError is one too
            self.abort()

    def abort(self) -> None:
        """Cut the connection, whatever was not sent."""
        self._writer.transport.abort()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
