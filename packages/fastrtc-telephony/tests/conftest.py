"""A real server on a loopback port, carriers that ring it, and handlers that they meet there."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc_core import AsyncStreamHandler, EmitType, Event, Session, SessionClosed, Stream
from fastrtc_telephony import (
    Asterisk,
    Carrier,
    Exotel,
    Genesys,
    Plivo,
    TelephoneSettings,
    TelephoneTransport,
    Telnyx,
    Twilio,
    Vonage,
)

RATE = 16_000
SEED = bytes(range(32))

SECRETS: dict[str, dict[str, Any]] = {
    "twilio": {"auth_token": "secret"},
    "telnyx": {"private_key": base64.b64encode(SEED).decode()},
    "plivo": {"auth_token": "secret"},
    "vonage": {"signature_secret": "a secret that is long enough for HMAC-SHA256"},
    "exotel": {"secret": "secret"},
    "genesys": {"api_key": "key", "client_secret": base64.b64encode(b"secret").decode()},
    "asterisk": {"secret": "secret"},
}


def _telnyx() -> Carrier:
    keys = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    public = keys.Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    return Telnyx(base64.b64encode(public.public_bytes_raw()).decode())


def _vonage() -> Carrier:
    pytest.importorskip("jwt")
    return Vonage(**SECRETS["vonage"])


MAKERS: dict[str, Callable[[], Carrier]] = {
    "twilio": lambda: Twilio(**SECRETS["twilio"]),
    "telnyx": _telnyx,
    "plivo": lambda: Plivo(**SECRETS["plivo"]),
    "vonage": _vonage,
    "exotel": lambda: Exotel(**SECRETS["exotel"]),
    "genesys": lambda: Genesys(**SECRETS["genesys"]),
    "asterisk": lambda: Asterisk(**SECRETS["asterisk"]),
}


def make_carrier(name: str) -> Carrier:
    return MAKERS[name]()


class Server:
    """A uvicorn that runs in the test's own event loop."""

    def __init__(self, app: Any, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        self.uvicorn = uvicorn.Server(config)

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
    TelephoneTransport(stream).mount(app, path, None)
    async with _serving(app) as server:
        yield server


class Echo(AsyncStreamHandler):
    """Sends back what it hears."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self.heard: asyncio.Queue[Any] = asyncio.Queue()

    def copy(self) -> "Echo":
        return type(self)()

    async def receive(self, frame: Any) -> None:
        self.heard.put_nowait(frame)

    async def emit(self) -> EmitType:
        frame: EmitType = await self.heard.get()
        return frame


class Quiet(AsyncStreamHandler):
    """Says what the test says through its session."""

    async def receive(self, frame: Any) -> None:
        pass

    async def emit(self) -> EmitType:
        await asyncio.Event().wait()
        return None

    def copy(self) -> "Quiet":
        return type(self)()


class Ends:
    """An observer: what has happened in sessions."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._ended: asyncio.Queue[tuple[Session, SessionClosed]] = asyncio.Queue()

    async def observe(self, session: Session, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, SessionClosed):
            self._ended.put_nowait((session, event))

    async def next(self) -> tuple[Session, SessionClosed]:
        async with asyncio.timeout(10):
            return await self._ended.get()


def _tone(seconds: float, rate: int = 8000, hertz: float = 440.0) -> NDArray[np.int16]:
    times = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)


@pytest.fixture
def tone() -> Callable[..., NDArray[np.int16]]:
    """Make a tone of so many seconds, at a rate, of a frequency."""
    return _tone


@pytest.fixture
def serving() -> Callable[..., AbstractAsyncContextManager[Server]]:
    """Serve an application."""
    return _serving


@pytest.fixture
def serving_stream() -> Callable[..., AbstractAsyncContextManager[Server]]:
    """Serve a stream to its carriers."""
    return _serving_stream


@pytest.fixture
def secrets() -> dict[str, dict[str, Any]]:
    """What each carrier and the server share."""
    return SECRETS


@pytest.fixture
def carrier() -> Callable[[str], Carrier]:
    """Make a carrier that knows the server's secrets."""
    return make_carrier


@pytest.fixture
def phone_stream() -> Callable[..., Stream]:
    """Make a stream for some carriers, Twilio if none is named, with settings and options."""

    def make(handler: Any, *names: str, settings: Mapping[str, Any] = {}, **options: Any) -> Stream:
        carriers = [make_carrier(name) for name in names or ("twilio",)]
        telephone = TelephoneSettings(carriers=carriers, **settings)
        return Stream(
            handler,
            modality="audio",
            transport_settings={"telephone": telephone},
            **options,
        )

    return make


@pytest.fixture
def echo() -> type[Echo]:
    return Echo


@pytest.fixture
def quiet() -> type[Quiet]:
    return Quiet


@pytest.fixture
def ends() -> Ends:
    return Ends()
