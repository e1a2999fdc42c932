"""The transport as a plugin: mounted on applications of all kinds, or called by their routes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router

from fastrtc_core import CloseReason, Stream
from fastrtc_core.transport import TransportPlugin
from fastrtc_webrtc import WebRTCSettings, WebRTCTransport

OFFER = (
    (Path(__file__).parent / "data" / "offers" / "chrome_audio_trickle.sdp").read_bytes().decode()
)
BODY = {"type": "offer", "sdp": OFFER, "webrtc_id": "abc"}


async def listen(audio: object) -> None: ...


def stream_of(**options: Any) -> Stream:
    settings = WebRTCSettings(bind_addresses=("127.0.0.1",), **options.pop("settings", {}))
    return Stream(listen, modality="audio", transport_settings={"webrtc": settings}, **options)


@asynccontextmanager
async def http_to(app: Any, client: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    inside = httpx.ASGITransport(app, client=(client, 1234))
    async with httpx.AsyncClient(transport=inside, base_url="http://here") as http:
        yield http


@pytest.fixture
async def transport() -> AsyncIterator[WebRTCTransport]:
    transport = WebRTCTransport(stream_of())
    yield transport
    await transport.signalling.close()


def test_settings_of_another_kind() -> None:
    stream = Stream(listen, modality="audio", transport_settings={"webrtc": {"shared": True}})
    with pytest.raises(TypeError, match="the settings of webrtc are WebRTCSettings"):
        WebRTCTransport(stream)


async def test_settings() -> None:
    transport = WebRTCTransport(stream_of(settings={"max_candidates": 7}))
    assert transport.settings.max_candidates == 7
    assert isinstance(transport, TransportPlugin)


@pytest.mark.parametrize("app", [object(), "app", None])
async def test_what_is_no_application(transport: WebRTCTransport, app: object) -> None:
    with pytest.raises(TypeError, match="Starlette or FastAPI"):
        transport.mount(app, "", None)


# Where it is mounted


@pytest.mark.parametrize("kind", [Starlette, FastAPI, Router, APIRouter])
@pytest.mark.parametrize("path", ["", "/voice"])
async def test_mounting(transport: WebRTCTransport, kind: Any, path: str) -> None:
    app = kind()
    transport.mount(app, path, ["voice"])
    if isinstance(app, APIRouter):
        router, app = app, FastAPI()
        app.include_router(router)
    async with http_to(app) as http:
        response = await http.post(f"{path}/webrtc/offer", json=BODY)
        assert response.status_code == 200
        assert response.json()["type"] == "answer"
        configuration = await http.get(f"{path}/webrtc/config")
        assert configuration.json()["modality"] == "audio"


async def test_mounting_on_a_router_with_a_prefix(transport: WebRTCTransport) -> None:
    router = APIRouter(prefix="/api")
    transport.mount(router, "/voice", None)
    app = FastAPI()
    app.include_router(router)
    async with http_to(app) as http:
        assert (await http.post("/api/voice/webrtc/offer", json=BODY)).status_code == 200
        assert (await http.get("/api/voice/webrtc/config")).status_code == 200


async def test_the_documentation_of_the_application(transport: WebRTCTransport) -> None:
    app = FastAPI()
    transport.mount(app, "", ["voice"])
    async with http_to(app) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
    assert list(paths) == ["/webrtc/offer"]
    assert paths["/webrtc/offer"]["post"]["tags"] == ["voice"]


async def test_it_is_found_by_its_name() -> None:
    app = Starlette()
    stream = stream_of()
    stream.mount(app)
    async with http_to(app) as http:
        response = await http.post("/webrtc/offer", json=BODY)
        assert response.json()["webrtc_id"] == "abc"
    for session in stream.sessions:
        session.close(CloseReason.SHUTDOWN)
        await session.wait_closed()
    while len(stream.sessions):
        await asyncio.sleep(0.01)


# Shutdown


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
async def test_sessions_end_with_the_application(kind: Any, leaving_nothing: Any) -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        events.append("up")
        yield {"mine": "state"}
        events.append("down")

    async with leaving_nothing():
        stream = stream_of()
        app = kind(lifespan=lifespan)
        transport = WebRTCTransport(stream)
        transport.mount(app, "", None)
        async with app.router.lifespan_context(app) as state, http_to(app) as http:
            assert state == {"mine": "state"}
            await http.post("/webrtc/offer", json=BODY)
            assert len(stream.sessions) == 1
        assert len(stream.sessions) == 0
        assert transport.signalling.live == 0
    assert events == ["up", "down"]


async def test_sessions_end_with_an_application_that_fails() -> None:
    stream = stream_of()
    app = Starlette()
    WebRTCTransport(stream).mount(app, "", None)
    async with http_to(app) as http:

        async def run() -> None:
            async with app.router.lifespan_context(app):
                await http.post("/webrtc/offer", json=BODY)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await run()
    assert len(stream.sessions) == 0


# Routes of the application's own


class Body(BaseModel):
    sdp: str | None = None
    type: str
    webrtc_id: str
    candidate: dict[str, Any] | None = None


@pytest.mark.parametrize(
    "body", [BODY, json.dumps(BODY), json.dumps(BODY).encode(), Body.model_validate(BODY)], ids=type
)
async def test_a_body_as_frameworks_make_it(transport: WebRTCTransport, body: object) -> None:
    answer = await transport.offer(body)
    assert answer["type"] == "answer"
    [session] = transport.stream.sessions
    assert session.request.client is None


async def test_a_candidate_as_frameworks_make_it(transport: WebRTCTransport) -> None:
    await transport.offer(BODY)
    end = Body(type="ice-candidate", webrtc_id="abc")
    assert await transport.offer(end) == {"status": "success"}


async def test_a_body_that_is_wrong(transport: WebRTCTransport) -> None:
    answer: Any = await transport.offer({"type": "dance"})
    assert answer["status"] == "failed"
    assert answer["meta"]["error"] == "bad_request"
    answer = await transport.offer([1, 2])
    assert answer["meta"]["error"] == "bad_request"


async def test_nobody_known_is_not_offered_the_loopback_address() -> None:
    transport = WebRTCTransport(stream_of())
    answer: Any = await transport.offer(BODY)
    assert "::1" not in answer["sdp"]
    await transport.signalling.close()


async def test_a_route_of_the_application_s_own(transport: WebRTCTransport) -> None:
    async def offer(request: Request) -> JSONResponse:
        return JSONResponse(dict(await transport.offer(await request.json(), request)))

    async with http_to(Starlette(routes=[Route("/offer", offer, methods=["POST"])])) as http:
        response = await http.post("/offer", json=BODY)
        assert response.json()["type"] == "answer"
        [session] = transport.stream.sessions
        assert session.request.client == "127.0.0.1"
        assert session.request.path == "/offer"


# Who asks


@pytest.mark.parametrize(
    ("peer", "trusted", "expected"),
    [
        ("198.51.100.9", (), "198.51.100.9"),
        ("198.51.100.9", ("10.0.0.0/8",), "198.51.100.9"),
        ("10.0.0.1", ("10.0.0.0/8",), "203.0.113.5"),
        ("10.0.0.1", ("10.0.0.1", "203.0.113.5"), "192.0.2.1"),
    ],
)
async def test_forwarded_addresses(peer: str, trusted: Any, expected: str) -> None:
    stream = stream_of(settings={"trusted_proxies": trusted})
    transport = WebRTCTransport(stream)
    app = Starlette()
    transport.mount(app, "", None)
    headers = {"X-Forwarded-For": "192.0.2.1, 203.0.113.5"}
    async with http_to(app, peer) as http:
        assert (await http.post("/webrtc/offer", json=BODY, headers=headers)).status_code == 200
    [session] = stream.sessions
    assert session.request.client == expected
    await transport.signalling.close()


async def test_several_forwarding_fields() -> None:
    transport = WebRTCTransport(stream_of(settings={"trusted_proxies": ("10.0.0.0/8",)}))
    scope = {
        "type": "http",
        "path": "/x",
        "query_string": b"",
        "client": ("10.0.0.1", 1),
        "headers": [(b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-for", b"10.0.0.2")],
    }
    assert transport.who(Request(scope)).client == "192.0.2.1"
    assert transport.who(Request({**scope, "client": None})).client is None


async def test_an_error_of_ours_is_logged_and_not_told(
    transport: WebRTCTransport, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(transport.signalling, "offer", fail)
    status, answer = await transport.reply(json.dumps(BODY), None, transport.who(_request()))
    assert status == 500
    assert "secret" not in str(answer)
    assert "secret" in caplog.text


def _request() -> Request:
    return Request({"type": "http", "path": "/", "query_string": b"", "headers": []})
