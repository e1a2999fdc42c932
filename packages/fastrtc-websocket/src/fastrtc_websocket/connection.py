"""One client from its connecting to its leaving."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from starlette.websockets import WebSocket, WebSocketDisconnect

from fastrtc_core import (
    AdmissionError,
    AudioFrame,
    CloseReason,
    ConnectionRequest,
    ProtocolError,
    Session,
    Stream,
    VideoFrame,
)
from fastrtc_core.asgi import Socket
from fastrtc_websocket.events import (
    Audio,
    ClientEvent,
    ClientMessage,
    Inputs,
    Ping,
    Played,
    Started,
    StartOptions,
    Stopped,
)
from fastrtc_websocket.protocol import ServerProtocol, close_code

logger = logging.getLogger("fastrtc_websocket")

TRANSPORT: Final = "websocket"

DOCUMENTED_LEAD: Final = 0.2
"""Seconds ahead of real time for clients that may not know ``clear``: what they play on after."""

NEGOTIATED_LEAD: Final = 0.3
"""Seconds ahead of real time for clients that drop what is cleared."""

FRAME: Final = 0.04
"""Seconds of sound in a message."""

LONGEST_PIECE: Final = 1.0
"""Seconds of sound given to a session at once, however much a message holds.

Between pieces a session that has enough waits, and other clients have their turn.
"""

NORMAL_CLOSURE: Final = 1000  # these: RFC 6455 section 7.4.1
GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011

_CLOSE_CODES: Final = {
    CloseReason.HANDLER_FAILED: INTERNAL_ERROR,
    CloseReason.SHUTDOWN: GOING_AWAY,
}


class ModalityError(AdmissionError):
    """The stream is not one of audio alone."""

    code = "modality_not_supported"


class SocketWire:
    """The way from a session to a WebSocket client, see `fastrtc_core.transport.Wire`."""

    def __init__(self, socket: Socket, protocol: ServerProtocol, options: StartOptions) -> None:
        self.rate: Final = options.rate
        self.channels: Final = options.channels
        self.lead: Final = DOCUMENTED_LEAD if options.rate is None else NEGOTIATED_LEAD
        self.frame: Final = FRAME
        self._socket = socket
        self._protocol = protocol

    async def ready(self) -> None:
        """Return: the client has opened its stream."""

    async def send_audio(self, frame: AudioFrame) -> None:
        """Send sound at `rate` with `channels`."""
        await self._socket.send(self._protocol.send_audio(frame))

    async def send_video(self, frame: VideoFrame) -> None:
        """Refuse: there are no pictures here."""
        raise TypeError(f"a WebSocket carries no pictures, such as {frame}")

    async def send_message(self, text: str) -> None:
        """Send a control message, JSON text."""
        await self._socket.send(text)

    async def clear(self) -> None:
        """Make the client drop the sound that it has not played yet."""
        await self._socket.send(self._protocol.send_clear())


class Connection:
    """One client, already accepted."""

    def __init__(self, stream: Stream, websocket: WebSocket) -> None:
        self._stream = stream
        self._websocket = websocket
        self._limits = stream.limits(TRANSPORT)
        self._socket = Socket(websocket, WebSocketDisconnect)
        self._protocol = ServerProtocol(self._limits)
        self._now = asyncio.get_running_loop().time

    async def serve(self) -> None:
        """Serve the client until it leaves or the session ends."""
        try:
            reason = await self._converse()
        except ProtocolError as error:
            await self._socket.close(close_code(error), self._protocol.send_error(error))
        except AdmissionError as error:
            logger.info("a client was refused: %s", error)
            await self._socket.close(close_code(error), self._protocol.send_refused(error))
        except ConnectionError:
            logger.debug("a client left before it had started")
        except Exception:
            await self._socket.close(INTERNAL_ERROR)
            raise
        else:
            if reason is CloseReason.CLIENT_STALLED:
                self._socket.abort()
            else:
                await self._socket.close(_CLOSE_CODES.get(reason, NORMAL_CLOSURE))

    async def _converse(self) -> CloseReason:
        if self._stream.modality != "audio":
            raise ModalityError(f"a WebSocket carries sound, not {self._stream.modality}")
        options = await self._handshake()
        if options is None:
            return CloseReason.CLIENT_LEFT
        wire = SocketWire(self._socket, self._protocol, options)
        request = self._request(options)
        async with self._stream.connect(request, wire, options.session_id) as session:
            if options.rate is not None:
                session.send(self._protocol.send_started(session.id))
            await self._feed(session, options.rate or session.handler.input_sample_rate)
        return await session.wait_closed()

    async def _handshake(self) -> StartOptions | None:
        """Wait for the start message; None if the client stops instead."""
        try:
            async with asyncio.timeout(self._limits.handshake):
                while True:
                    try:
                        event = await self._receive()
                    except ProtocolError as error:
                        if error.fatal:
                            raise
                        await self._socket.send(self._protocol.send_error(error))
                        continue
                    if isinstance(event, Started):
                        return event.options
                    if isinstance(event, Stopped):
                        return None
                    if isinstance(event, Ping):
                        await self._socket.send(event.reply)
        except TimeoutError:
            message = f"no start message within {self._limits.handshake:g} s"
            raise ProtocolError("no_start", message, fatal=True) from None

    async def _feed(self, session: Session, rate: int) -> None:
        """Take the client's messages until it stops."""
        while True:
            try:
                event = await self._receive()
                if isinstance(event, Stopped):
                    return
                await self._pass_on(event, session, rate)
            except ProtocolError as error:
                if error.fatal:
                    raise
                session.send(self._protocol.send_error(error))

    async def _pass_on(self, event: ClientEvent, session: Session, rate: int) -> None:
        match event:
            case Audio():
                if session.mode == "receive":
                    raise ProtocolError("not_listening", "this stream takes no sound, it sends it")
                for piece in _pieces(event.samples, rate):
                    await session.push_audio(piece, rate)
            case Played():
                session.acknowledge(event.position)
            case ClientMessage():
                session.receive_message(event.data)
            case Inputs():
                session.set_args(*event.args)
            case Ping():
                session.send(event.reply)

    async def _receive(self) -> ClientEvent:
        data = await self._socket.receive()
        if isinstance(data, str):
            return self._protocol.receive_text(data, self._now())
        return self._protocol.receive_bytes(data, self._now())

    def _request(self, options: StartOptions) -> ConnectionRequest:
        websocket = self._websocket
        return ConnectionRequest(
            transport=TRANSPORT,
            client=websocket.client.host if websocket.client else None,
            path=websocket.url.path,
            headers=dict(websocket.headers),  # names are in lower case by the ASGI specification
            query=dict(websocket.query_params),
            metadata=options.metadata,
            wants=options.wants,
        )


def _pieces(samples: NDArray[np.int16], rate: int) -> Iterator[NDArray[np.int16]]:
    step = int(rate * LONGEST_PIECE)
    for start in range(0, samples.shape[1], step):
        yield samples[:, start : start + step]
