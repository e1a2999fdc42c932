"""The built-in page: its files, and what browsers are told about them."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import PurePath
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fastrtc_core import plugins
from fastrtc_core.stream import TRANSPORTS

INDEX: Final = "index.html"

_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
"""Media type by suffix, RFC 9239 for JavaScript; all of it is UTF-8."""

_HEADERS: Final = {
    # Files have no version in their names, and the page only works with modules of its own release.
    "Cache-Control": "no-store",
    # CSP level 3: audio worklets are scripts, and 'self' covers WebSockets of the same origin.
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "Permissions-Policy": (
        "camera=(self), display-capture=(self), geolocation=(), microphone=(self)"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Endpoint = Callable[[Request], Awaitable[Response]]


def page_routes(path: str) -> list[Route]:
    """Return the routes of the page at ``{path}/`` and of every file it is made of.

    ``{path}/transports.json`` tells the page over what it can connect: the names of the installed
    transports, so that it needs not try in vain.

    Args:
        path: Prefix of the stream that the page talks to: empty, or with a leading slash and
            without a trailing one.

    """
    served = {
        file.name: _file(file.read_bytes(), _TYPES[PurePath(file.name).suffix])
        for file in files("fastrtc").joinpath("page_files").iterdir()
        if PurePath(file.name).suffix in _TYPES
    }
    routes = [Route(f"{path}/{name}", endpoint) for name, endpoint in sorted(served.items())]
    return [
        Route(f"{path}/", served[INDEX]),
        Route(f"{path}/transports.json", _transports),
        *routes,
    ]


async def _transports(_: Request) -> Response:
    return JSONResponse(plugins.names(TRANSPORTS), headers=_HEADERS)


def _file(content: bytes, media_type: str) -> Endpoint:
    async def send(_: Request) -> Response:
        return Response(content, headers=_HEADERS, media_type=f"{media_type}; charset=utf-8")

    return send
