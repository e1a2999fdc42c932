"""A stream's WebSocket route in a web application."""

import logging
from collections.abc import Callable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.websockets import WebSocket

from fastrtc_core import Stream, UnknownSessionError
from fastrtc_core.origins import origin_allowed
from fastrtc_websocket.connection import Connection

logger = logging.getLogger("fastrtc_websocket")

ROUTE: Final = "/websocket/offer"

NOT_FOUND: Final = 404
UPGRADE_REQUIRED: Final = 426


class WebSocketTransport:
    """Serves a stream over WebSocket.

    Found by `Stream.mount` and `Stream.websocket_offer` under the name ``websocket``.

    Args:
        stream: What is served.

    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def mount(self, app: object, path: str, tags: list[str] | None) -> None:
        """Add the route ``{path}/websocket/offer``.

        A session id that is unknown to `Stream.set_input` and its like is then answered by status
        404, unless the application handles `UnknownSessionError` itself.

        Args:
            app: A Starlette or FastAPI application, or a router of either.
            path: Prefix of the route.
            tags: FastAPI: tags of the route in its documentation.

        Raises:
            TypeError: The application is neither.

        """
        if not isinstance(app, Starlette | Router):
            raise TypeError(
                f"a stream is mounted on a Starlette or FastAPI application, not {app!r}"
            )
        router = app.router if isinstance(app, Starlette) else app
        router.routes.append(WebSocketRoute(path + ROUTE, self.websocket_offer))
        _add_explanation(app, path + ROUTE, tags)
        if isinstance(app, Starlette) and UnknownSessionError not in app.exception_handlers:
            app.add_exception_handler(UnknownSessionError, _unknown_session)

    async def websocket_offer(self, websocket: WebSocket) -> None:
        """Serve a client, from an application's own WebSocket route.

        Args:
            websocket: Not accepted yet.

        """
        headers = websocket.headers
        origin = headers.get("origin")
        if not origin_allowed(origin, headers.get("host", ""), self._stream.allowed_origins):
            logger.warning("a page of %r was refused: see Stream(allowed_origins=...)", origin)
            await websocket.close()  # before it is accepted: status 403
            return
        await websocket.accept()
        await Connection(self._stream, websocket).serve()


def _add_explanation(app: Starlette | Router, path: str, tags: list[str] | None) -> None:
    """Answer whoever comes by HTTP; FastAPI documents HTTP routes only."""
    add_documented: Callable[..., None] | None = getattr(app, "add_api_route", None)
    if add_documented is None:
        router = app.router if isinstance(app, Starlette) else app
        router.routes.append(Route(path, _explain))
    else:
        add_documented(
            path,
            _explain,
            methods=["GET"],
            tags=tags,
            status_code=UPGRADE_REQUIRED,
            response_class=PlainTextResponse,
            summary="Stream sound over a WebSocket",
        )


async def _explain(request: Request) -> Response:
    """Open a WebSocket here; by HTTP there is nothing but this text."""
    text = f"{request.url.path} takes WebSocket connections (ws: or wss:), not HTTP requests.\n"
    # RFC 9110 section 15.5.22: the protocol to upgrade to must be named.
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    return PlainTextResponse(text, UPGRADE_REQUIRED, upgrade)


async def _unknown_session(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, NOT_FOUND)
