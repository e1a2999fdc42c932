"""The HTTP routes of a stream.

================================  =================================================================
``POST {path}/webrtc/offer``      signalling, see `fastrtc_webrtc.protocol`
``GET {path}/webrtc/config``      what a page needs to know: configuration, constraints, mode
``GET {path}/webrtc/{file}``      the browser client, see ``client_files``
``POST {path}/whip``              publishing without a page, see `fastrtc_webrtc.whip`
``POST {path}/whep``              watching without a page
================================  =================================================================

Pages of other origins are let in as `fastrtc_core.origins` says, and told so (CORS).
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from fastrtc_core.origins import origin_allowed
from fastrtc_webrtc.http import failed, read_body
from fastrtc_webrtc.whip import WhipRoutes

if TYPE_CHECKING:
    from fastrtc_webrtc.transport import WebRTCTransport

Endpoint = Callable[[Request], Awaitable[Response]]

CLIENT_FILES: Final = "client_files"

EXPOSED: Final = "ETag, Link, Location, Retry-After"
"""Fields of answers that pages of other origins may read: WHIP needs them (RFC 9725 4.2)."""

ASKED: Final = "Authorization, Content-Type, If-Match"
"""Fields that they may send."""

PREFLIGHT_SECONDS: Final = "600"

NO_CONTENT: Final = 204


def add_routes(
    transport: "WebRTCTransport", app: Starlette | Router, path: str, tags: list[str] | None
) -> None:
    """Add the routes of a transport to an application."""
    guard = Guard(transport)
    signalling = SignallingRoutes(transport)
    whip = WhipRoutes(transport)
    router = app.router if isinstance(app, Starlette) else app
    _add_offer(app, path + "/webrtc/offer", guard.checked(signalling.offer), tags)
    own: list[tuple[str, Endpoint, list[str]]] = [
        ("/webrtc/offer", guard.preflight, ["OPTIONS"]),
        ("/webrtc/config", guard.checked(signalling.configuration), ["GET"]),
        ("/webrtc/config", guard.preflight, ["OPTIONS"]),
        ("/whip", guard.checked(whip.publish), ["POST"]),
        ("/whep", guard.checked(whip.watch), ["POST"]),
        ("/whep/{watched}", guard.checked(whip.watch), ["POST"]),
        ("/webrtc/resource/{id}/{token}", guard.checked(whip.change), ["PATCH"]),
        ("/webrtc/resource/{id}/{token}", guard.checked(whip.end), ["DELETE"]),
        ("/whip", guard.preflight, ["OPTIONS"]),
        ("/whep", guard.preflight, ["OPTIONS"]),
        ("/whep/{watched}", guard.preflight, ["OPTIONS"]),
        ("/webrtc/resource/{id}/{token}", guard.preflight, ["OPTIONS"]),
        *((at, guard.checked(do), methods) for at, do, methods in _client_files()),
    ]
    prefix = getattr(router, "prefix", "") + path  # of FastAPI's, which minds it in its own routes
    router.routes.extend(Route(prefix + at, do, methods=methods) for at, do, methods in own)


class Guard:
    """What holds for every route: who may ask, how often, and how much.

    Args:
        transport: Whose routes.

    """

    def __init__(self, transport: "WebRTCTransport") -> None:
        self._transport = transport

    def checked(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint that serves only requests which may be served."""

        async def serve(request: Request) -> Response:
            response = self._refusal(request) or await endpoint(request)
            self._allow_reading(request, response)
            return response

        serve.__doc__ = endpoint.__doc__
        return serve

    async def preflight(self, request: Request) -> Response:
        """Tell a browser whether a page of another origin may ask (CORS)."""
        response = Response(status_code=NO_CONTENT, headers={"Accept-Post": "application/sdp"})
        if self._allow_reading(request, response):
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, DELETE"
            response.headers["Access-Control-Allow-Headers"] = ASKED
            response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
        return response

    def _refusal(self, request: Request) -> Response | None:
        if not self._may_ask(request):
            message = "pages of this origin may not connect: see Stream(allowed_origins=...)"
            return failed("origin_not_allowed", message)
        client = self._transport.who(request).client
        if (refusal := self._transport.throttled(client)) is None:
            return None
        status, body = refusal
        response = JSONResponse(body, status)
        now = asyncio.get_running_loop().time()
        wait = self._transport.signalling.limiter.retry_after(client, now)
        response.headers["Retry-After"] = str(math.ceil(wait))
        return response

    def _may_ask(self, request: Request) -> bool:
        headers = request.headers
        allowed = self._transport.stream.allowed_origins
        return origin_allowed(headers.get("origin"), headers.get("host", ""), allowed)

    def _allow_reading(self, request: Request, response: Response) -> bool:
        origin = request.headers.get("origin")
        if origin is None or not self._may_ask(request):
            return False
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
        response.headers["Vary"] = "Origin"
        return True


class SignallingRoutes:
    """The routes that pages use.

    Args:
        transport: Whose routes.

    """

    def __init__(self, transport: "WebRTCTransport") -> None:
        self._transport = transport

    async def offer(self, request: Request) -> Response:
        """Take an offer, a candidate or a goodbye, and answer it."""
        transport = self._transport
        body = await read_body(request, transport.settings.max_sdp_bytes)
        if isinstance(body, Response):
            return body
        content_type = request.headers.get("content-type")
        status, reply = await transport.reply(body, content_type, transport.who(request))
        return JSONResponse(reply, status)

    async def configuration(self, _: Request) -> Response:
        """Tell a page what it needs to know to connect."""
        status, content = await self._transport.configuration()
        return JSONResponse(content, status, headers={"Cache-Control": "no-store"})


def _add_offer(
    app: Starlette | Router, path: str, endpoint: Endpoint, tags: list[str] | None
) -> None:
    """Add the documented route, with its documentation where the application has any."""
    add_documented: Callable[..., None] | None = getattr(app, "add_api_route", None)
    if add_documented is None:
        router = app.router if isinstance(app, Starlette) else app
        router.routes.append(Route(path, endpoint, methods=["POST"]))
        return
    add_documented(
        path,
        endpoint,
        methods=["POST"],
        tags=tags,
        response_class=JSONResponse,
        summary="Connect to the stream by WebRTC",
    )


def _client_files() -> list[tuple[str, Endpoint, list[str]]]:
    return [
        (f"/webrtc/{file.name}", _script(file.read_bytes()), ["GET"])
        for file in files("fastrtc_webrtc").joinpath(CLIENT_FILES).iterdir()
        if PurePath(file.name).suffix == ".js"
    ]


def _script(content: bytes) -> Endpoint:
    async def send(_: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(content, headers=headers, media_type="text/javascript; charset=utf-8")

    return send
