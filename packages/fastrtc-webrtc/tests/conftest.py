"""A real server on a loopback port, clients made of another WebRTC stack, and what they meet."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import uvicorn
from starlette.applications import Starlette

from fastrtc_core import AsyncStreamHandler, EmitType, Event, Session, SessionClosed, Stream
from fastrtc_webrtc import WebRTCSettings
from fastrtc_webrtc.connection import Connection
from fastrtc_webrtc.testing import RTCClient, http_post
from fastrtc_webrtc.transport import WebRTCTransport

RATE = 48_000

SETTLING = 5.0
"""Seconds for connections, threads and sockets to go."""

LASTING = ("asyncio_", "fastrtc-worker")
"""Threads that end when they have had nothing to do for a while: those of the loop's own executor,
in which the client's aiortc encodes, and those in which a stream's sync code runs."""

OFFER = (
    (Path(__file__).parent / "data" / "offers" / "chrome_audio_trickle.sdp").read_bytes().decode()
)
CANDIDATE = "candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host"


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


async def _listen(audio: object) -> None: ...


class Target:
    """A stream, and the way to its routes."""

    def __init__(self, handler: Any = _listen, *, ends: Any = None, **options: Any) -> None:
        settings = {
            "bind_addresses": ("127.0.0.1",),
            "requests_per_minute": 1e6,
            **options.pop("settings", {}),
        }
        self.stream = Stream(
            handler,
            modality=options.pop("modality", "audio"),
            transport_settings={"webrtc": WebRTCSettings(**settings)},
            on_event=None if ends is None else ends.observe,
            **options,
        )
        self.transport = WebRTCTransport(self.stream)
        self.signalling = self.transport.signalling
        app = Starlette()
        self.transport.mount(app, "", None)
        inside = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
        self.http = httpx.AsyncClient(transport=inside, base_url="http://here")

    async def post(self, **body: Any) -> tuple[int, Any]:
        response = await self.http.post("/webrtc/offer", json=body)
        return response.status_code, response.json()

    async def offer(self, id: str | None = "abc", sdp: str = OFFER, **fields: Any) -> Any:
        """Post an offer and return the answer's body."""
        status, body = await self.post(type="offer", sdp=sdp, webrtc_id=id, **fields)
        assert status == 200, body
        return body

    async def fails(self, status: int, code: str, **body: Any) -> dict[str, Any]:
        """Post something that fails, and return what is said of it."""
        body = {"type": "offer", "sdp": OFFER, "webrtc_id": "abc"} | body
        got, answer = await self.post(**body)
        assert answer["status"] == "failed"
        assert (got, answer["meta"]["error"]) == (status, code)
        meta: dict[str, Any] = answer["meta"]
        assert meta["message"]
        return meta

    def trickle(self, id: str, candidate: object = CANDIDATE) -> Any:
        return self.post(type="ice-candidate", webrtc_id=id, candidate=candidate)

    def connection(self, id: str = "abc") -> Connection:
        return self.signalling._connections[id]

    async def remote(self, id: str = "abc") -> list[tuple[str, int]]:
        """Return where packets may be sent to, to reach a client."""
        await asyncio.gather(*self.connection(id)._running)
        peer = self.connection(id)._peer
        assert peer is not None
        found = peer.links[0].connection.remote_candidates
        return [(candidate.host, candidate.port) for candidate in found]

    async def emptied(self) -> None:
        """Wait until nothing is left of what was let in."""
        while len(self.stream.sessions) or self.signalling.live or len(self.signalling._supervisor):
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _target_of(handler: Any = _listen, **options: Any) -> AsyncIterator[Target]:
    target = Target(handler, **options)
    try:
        yield target
    finally:
        await target.signalling.close()
        await target.http.aclose()


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


@pytest.fixture
def target_of() -> Callable[..., AbstractAsyncContextManager[Target]]:
    """Make a stream whose routes are asked without a server."""
    return _target_of
