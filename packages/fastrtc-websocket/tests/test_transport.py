from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Router
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus

from fastrtc_core import Stream, TransportPlugin, UnknownSessionError
from fastrtc_core.plugins import load
from fastrtc_websocket import WebSocketTransport


@pytest.fixture
def stream(echo: Any) -> Stream:
    return Stream(echo(), modality="audio", mode="send-receive", allowed_origins=["https://a.b"])


async def answers(connected: Any, server: Any, path: str = "", **options: Any) -> None:
    async with connected(server.url + path, **options) as client:
        await client.send("start", encoding="pcm16", rate=24000)
        await client.receive_until(event="started")


def test_it_is_a_transport_found_by_name(stream: Stream) -> None:
    assert isinstance(WebSocketTransport(stream), TransportPlugin)
    assert load("fastrtc.transports", "websocket") is WebSocketTransport


@pytest.mark.parametrize("make", [Starlette, Router, FastAPI])
async def test_mounting(serving: Any, connected: Any, stream: Stream, make: Any) -> None:
    app = make()
    WebSocketTransport(stream).mount(app, "/voice", ["sound"])
    async with serving(app) as server:
        await answers(connected, server, "/voice")
        async with httpx.AsyncClient() as client:
            address = server.url.replace("ws:", "http:")
            answer = await client.get(f"{address}/voice/websocket/offer")
            assert answer.status_code == 426
            assert answer.headers["upgrade"] == "websocket"
            assert "/voice/websocket/offer takes WebSocket connections" in answer.text


async def test_a_fastapi_router(serving: Any, connected: Any, stream: Stream) -> None:
    router = APIRouter()
    WebSocketTransport(stream).mount(router, "", None)
    app = FastAPI()
    app.include_router(router, prefix="/api")
    async with serving(app) as server:
        await answers(connected, server, "/api")


def test_tags_are_in_the_documentation(stream: Stream) -> None:
    app = FastAPI()
    WebSocketTransport(stream).mount(app, "/voice", ["sound"])
    operation = app.openapi()["paths"]["/voice/websocket/offer"]["get"]
    assert operation["tags"] == ["sound"]
    assert operation["summary"]


def test_no_application(stream: Stream) -> None:
    with pytest.raises(TypeError, match="Starlette or FastAPI application, not 'app'"):
        WebSocketTransport(stream).mount("app", "", None)


async def test_a_route_of_the_applications_own(
    serving: Any, connected: Any, stream: Stream
) -> None:
    app = FastAPI()
    transport = WebSocketTransport(stream)

    @app.websocket("/mine/websocket/offer")
    async def mine(websocket: WebSocket) -> None:
        await transport.websocket_offer(websocket)

    async with serving(app) as server:
        await answers(connected, server, "/mine")


@pytest.mark.parametrize("make", [Starlette, FastAPI])
async def test_an_unknown_session_is_answered_by_404(
    serving: Any, stream: Stream, make: Any
) -> None:
    app = make()

    async def inputs(request: Request) -> None:
        stream.set_input("nobody", 1)

    app.router.add_route("/inputs", inputs)
    WebSocketTransport(stream).mount(app, "", None)
    async with serving(app) as server, httpx.AsyncClient() as client:
        answer = await client.get(server.url.replace("ws:", "http:") + "/inputs")
        assert answer.status_code == 404
        assert answer.json() == {"detail": "no live session has the id 'nobody'"}


def test_the_applications_own_handler_of_unknown_sessions_stays(stream: Stream) -> None:
    async def own(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("gone", 410)

    app = Starlette(exception_handlers={UnknownSessionError: own})
    WebSocketTransport(stream).mount(app, "", None)
    assert app.exception_handlers[UnknownSessionError] is own


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://a.b.evil.example"])
async def test_a_page_of_another_origin_is_refused(
    serving_stream: Any, connected: Any, stream: Stream, origin: str
) -> None:
    async with serving_stream(stream) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with connected(server.url, origin=origin):
                pass
        assert refused.value.response.status_code == 403
        await answers(connected, server)


@pytest.mark.parametrize("origin", ["https://a.b", "http://localhost:5173", None])
async def test_a_page_of_an_allowed_origin(
    serving_stream: Any, connected: Any, stream: Stream, origin: str | None
) -> None:
    async with serving_stream(stream) as server:
        await answers(connected, server, origin=origin)
