"""A server for one stream: the stream's own routes, the page, and uvicorn."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from fastrtc.page import page_routes
from fastrtc_core import CloseReason, FastRTCError, Stream

HOST: Final = "127.0.0.1"
PORT: Final = 8000
HIGHEST_PORT: Final = 65535

GOODBYE: Final = 2
"""Seconds that live sessions have to end when the server stops."""

Ready = Callable[[], object]


class ServeError(FastRTCError):
    """The server can't be started."""


def make_app(stream: Stream, path: str = "", *, page: bool = True) -> Starlette:
    """Return a web application that serves a stream, and a page to talk to it.

    Args:
        stream: What is served, over every installed transport.
        path: Prefix of all routes, for example ``"/voice"``; the page is at ``{path}/``, and
            ``/`` leads there.
        page: Whether to serve the page.

    Raises:
        MissingPackageError: No transport is installed.

    """
    path = _prefix(path)
    app = Starlette(routes=page_routes(path) if page else [])
    if page and path:
        app.routes.append(Route("/", _to(f"{path}/")))
    stream.mount(app, path)
    return app


class Server:
    """A stream on a port, which is taken at once.

    Args:
        stream: What is served.
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.
        path: See `make_app`.
        page: See `make_app`.

    Raises:
        MissingPackageError: No transport is installed.
        ServeError: The address can't be listened on.

    """

    def __init__(
        self,
        stream: Stream,
        *,
        host: str = HOST,
        port: int = PORT,
        path: str = "",
        page: bool = True,
    ) -> None:
        self._stream = stream
        self._app = make_app(stream, path, page=page)
        self._listener = _listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._listener.getsockname()[1]}{_prefix(path)}/"
        """Where the page is; below it are the stream's routes."""

    def run(self, on_ready: Ready) -> None:
        """Serve until Ctrl-C or SIGTERM; then let the live sessions end.

        Args:
            on_ready: Called when clients can connect.

        """
        with self._listener, suppress(KeyboardInterrupt):  # raised again when all is done
            _Uvicorn(self._app, self._stream, on_ready).run(sockets=[self._listener])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the block runs, on the event loop that runs it."""
        ready = asyncio.Event()
        server = _Uvicorn(self._app, self._stream, ready.set)
        failure: Exception | None = None
        with self._listener:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server.serve(sockets=[self._listener]))
                await ready.wait()
                try:
                    yield
                except Exception as error:  # noqa: BLE001 - raised below, not wrapped in a group
                    failure = error
                server.should_exit = True
        if failure is not None:
            raise failure


class _Uvicorn(uvicorn.Server):
    """Says when it is ready, and lets sessions end by themselves before it cuts connections."""

    def __init__(self, app: Starlette, stream: Stream, on_ready: Ready) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                timeout_graceful_shutdown=GOODBYE,
                ws_per_message_deflate=False,  # sound does not become smaller by it
            )
        )
        self._stream = stream
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for session in self._stream.sessions:
            session.close(CloseReason.SHUTDOWN, "The server is shutting down.")
        if self.server_state.tasks:
            await asyncio.wait(tuple(self.server_state.tasks), timeout=GOODBYE)
        await super().shutdown(sockets)


def _prefix(path: str) -> str:
    return f"/{path.strip('/')}".rstrip("/")


def _to(url: str) -> Callable[[Request], RedirectResponse]:
    def redirect(_: Request) -> RedirectResponse:
        return RedirectResponse(url)

    return redirect


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= HIGHEST_PORT:
        raise ServeError(f"there is no port {port}: ports go from 0 to {HIGHEST_PORT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ServeError(f"port {port} of {host} is in use: choose another port") from None
        raise ServeError(f"port {port} of {host} can't be served: {error.strerror}") from None
