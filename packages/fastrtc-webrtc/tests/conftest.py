"""A real server on a loopback port, clients made of another WebRTC stack, and what they meet."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psutil
import pytest
import uvicorn
from starlette.applications import Starlette

from fastrtc_core import AsyncStreamHandler, EmitType, Event, Session, SessionClosed, Stream
from fastrtc_webrtc.testing import RTCClient, http_post
from fastrtc_webrtc.transport import WebRTCTransport

RATE = 48_000

SETTLING = 5.0
"""Seconds for connections, threads and sockets to go."""

LASTING = ("asyncio_", "fastrtc-worker")
"""Threads that end when they have had nothing to do for a while: those of the loop's own executor,
in which the client's aiortc encodes, and those in which a stream's sync code runs."""


class Server:
    """A uvicorn that runs in the test's own event loop."""

    def __init__(self, app: Any, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        config = uvicorn.Config(app, log_config=None)
        self.uvicorn = uvicorn.Server(config)


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
    WebRTCTransport(stream).mount(app, path, None)
    async with _serving(app) as server:
        yield server


@asynccontextmanager
async def _connected(server: Server, path: str = "", **options: Any) -> AsyncIterator[RTCClient]:
    async with http_post(server.url + path) as post, RTCClient(post, **options) as client:
        yield client


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


def _held() -> dict[str, int]:
    threads = [one for one in threading.enumerate() if not one.name.startswith(LASTING)]
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": len(threads),
        "files": psutil.Process().num_fds(),
    }


@asynccontextmanager
async def _leaving_nothing() -> AsyncIterator[None]:
    before = _held()
    yield
    deadline = asyncio.get_running_loop().time() + SETTLING
    while left := {name: n - before[name] for name, n in _held().items() if n > before[name]}:
        assert asyncio.get_running_loop().time() < deadline, f"left behind: {left}"
        await asyncio.sleep(0.05)


@pytest.fixture
def serving() -> Callable[..., AbstractAsyncContextManager[Server]]:
    """Serve an application."""
    return _serving


@pytest.fixture
def serving_stream() -> Callable[..., AbstractAsyncContextManager[Server]]:
    """Serve a stream."""
    return _serving_stream


@pytest.fixture
def connected() -> Callable[..., AbstractAsyncContextManager[RTCClient]]:
    """Connect to a stream of a server, by the options of `fastrtc_webrtc.testing.Options`."""
    return _connected


@pytest.fixture
def leaving_nothing() -> Callable[[], AbstractAsyncContextManager[None]]:
    """Check that no task, thread or file that was opened in a block stays behind."""
    return _leaving_nothing


@pytest.fixture
def echo() -> type[Echo]:
    return Echo


@pytest.fixture
def ends() -> Ends:
    return Ends()
