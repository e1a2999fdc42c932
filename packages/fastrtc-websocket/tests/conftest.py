"""A real server on a loopback port, clients, and handlers that they meet there."""

import asyncio
import json
import socket
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from fastrtc_core import AsyncStreamHandler, EmitType, Event, Session, SessionClosed, Stream
from fastrtc_core.audio import ulaw_decode, ulaw_encode
from fastrtc_websocket import WebSocketTransport

RATE = 24_000


class Server:
    """A uvicorn that runs in the test's own event loop."""

    def __init__(self, app: Any, port: int) -> None:
        self.url = f"ws://127.0.0.1:{port}"
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        self.uvicorn = uvicorn.Server(config)

    @property
    def connections(self) -> int:
        return len(self.uvicorn.server_state.connections)

    async def emptied(self) -> None:
        """Wait until no connection and no task of the server is left."""
        state = self.uvicorn.server_state
        while state.connections or state.tasks:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _serving(app: Any) -> AsyncIterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(app, listener.getsockname()[1])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.uvicorn.serve([listener]))
            try:
                yield server
            finally:
                server.uvicorn.should_exit = True


@asynccontextmanager
async def _serving_stream(
    stream: Stream, path: str = "", app: Starlette | None = None
) -> AsyncIterator[Server]:
    app = app or Starlette()
    WebSocketTransport(stream).mount(app, path, None)
    async with _serving(app) as server:
        yield server


class Client:
    """A client that speaks JSON."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws

    async def send(self, event: str, **fields: Any) -> None:
        await self.ws.send(json.dumps({"event": event, **fields}))

    async def receive(self) -> Any:
        """Return the next message: the object that it holds, or its bytes."""
        data = await self.ws.recv()
        return json.loads(data) if isinstance(data, str) else data

    async def receive_until(self, **fields: Any) -> Any:
        """Return the next message that has these fields."""
        while True:
            message = await self.receive()
            if isinstance(message, dict) and fields.items() <= message.items():
                return message

    async def closed(self) -> tuple[int | None, list[Any]]:
        """Wait for the end; return its code and the messages before."""
        messages: list[Any] = []
        try:
            while True:
                messages.append(await self.receive())
        except ConnectionClosed as end:
            return (end.rcvd.code if end.rcvd else None), messages

    async def sound(self, size: int) -> bytes:
        """Receive media until there are `size` bytes."""
        data = b""
        while len(data) < size:
            message = await self.receive()
            if isinstance(message, bytes):
                data += message
            elif message.get("event") == "media":
                assert message.keys() == {"event", "media"}
                data += b64decode(message["media"]["payload"], validate=True)
        return data

    async def echoes(self) -> None:
        """Check that what is sent in the documented form still comes back."""
        data = bytes(range(256))
        await self.send("media", media={"payload": b64encode(data).decode()})
        assert await self.sound(len(data)) == ulaw_encode(ulaw_decode(data))

    async def works(self) -> None:
        """Check that the connection is alive, by a ping at the protocol's own level."""
        await self.send("ping")
        await self.receive_until(event="pong")


@asynccontextmanager
async def _connected(url: str, query: str = "", **options: Any) -> AsyncIterator[Client]:
    async with connect(f"{url}/websocket/offer{query}", compression=None, **options) as ws:
        yield Client(ws)


class Echo(AsyncStreamHandler):
    """Sends back what it hears."""

    def __init__(self, **options: Any) -> None:
        rates = {"input_sample_rate": RATE, "output_sample_rate": RATE}
        super().__init__(**{**rates, **options})
        self.options = options
        self.heard: asyncio.Queue[Any] = asyncio.Queue()

    def copy(self) -> "Echo":
        return type(self)(**self.options)

    async def receive(self, frame: Any) -> None:
        self.heard.put_nowait(frame)

    async def emit(self) -> EmitType:
        rate, samples = await self.heard.get()
        return rate, samples, self.expected_layout


class Ends:
    """An observer: which sessions have ended, and how."""

    def __init__(self) -> None:
        self._ended: asyncio.Queue[tuple[Session, SessionClosed]] = asyncio.Queue()

    async def observe(self, session: Session, event: Event) -> None:
        if isinstance(event, SessionClosed):
            self._ended.put_nowait((session, event))

    async def next(self) -> tuple[Session, SessionClosed]:
        return await self._ended.get()


@pytest.fixture
def serving() -> Callable[..., AbstractAsyncContextManager[Server]]:
    """Serve an application."""
    return _serving


@pytest.fixture
def serving_stream() -> Callable[..., AbstractAsyncContextManager[Server]]:
    """Serve a stream."""
    return _serving_stream


@pytest.fixture
def connected() -> Callable[..., AbstractAsyncContextManager[Client]]:
    """Connect to a stream below an address."""
    return _connected


@pytest.fixture
def echo() -> type[Echo]:
    return Echo


@pytest.fixture
def ends() -> Ends:
    return Ends()
