"""Routes over HTTP: who may ask, how often, how much, and for what; `http` is a part of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fastrtc_core import Stream
from fastrtc_webrtc import WebRTCSettings, WebRTCTransport
from fastrtc_webrtc.http import read_body

OFFER = (
    (Path(__file__).parent / "data" / "offers" / "chrome_audio_trickle.sdp").read_bytes().decode()
)
BODY = {"type": "offer", "sdp": OFFER, "webrtc_id": "abc"}
PAGE = "https://page.example"


async def listen(audio: object) -> None: ...


@asynccontextmanager
async def site(
    *, client: str = "127.0.0.1", settings: Any = None, **options: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a stream; the address of those who ask can be changed by `using`."""
    own = WebRTCSettings(bind_addresses=("127.0.0.1",), **(settings or {}))
    stream = Stream(
        listen, modality="audio", mode="send", transport_settings={"webrtc": own}, **options
    )
    transport = WebRTCTransport(stream)
    app = Starlette()
    transport.mount(app, "", None)
    inside = httpx.ASGITransport(app, client=(client, 1234))
    try:
        async with httpx.AsyncClient(transport=inside, base_url="http://here") as http:
            yield http
    finally:
        await transport.signalling.close()


# What there is


async def test_what_a_page_needs_to_know() -> None:
    configuration = {"iceServers": [{"urls": "stun:stun.example:3478"}]}
    constraints = {"width": 640}
    async with site(
        rtc_configuration=configuration,
        track_constraints=constraints,
        rtp_params={"degradationPreference": "maintain-framerate"},
    ) as http:
        response = await http.get("/webrtc/config")
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "rtcConfiguration": configuration,
        "trackConstraints": constraints,
        "rtpParams": {"degradationPreference": "maintain-framerate"},
        "mode": "send",
        "modality": "audio",
    }


async def test_nothing_that_a_page_needs_to_know() -> None:
    async with site() as http:
        assert (await http.get("/webrtc/config")).json()["rtcConfiguration"] is None


async def test_a_configuration_that_can_not_be_had(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> dict[str, Any]:
        raise ZeroDivisionError

    async with site(rtc_configuration=fail) as http:
        response = await http.get("/webrtc/config")
    assert response.json()["meta"]["error"] == "configuration_failed"
    assert response.status_code >= 500


async def test_the_browser_client() -> None:
    folder = files("fastrtc_webrtc").joinpath("client_files")
    names = [file.name for file in folder.iterdir() if file.name.endswith(".js")]
    assert "fastrtc-webrtc.js" in names
    async with site() as http:
        for name in names:
            response = await http.get(f"/webrtc/{name}")
            assert response.status_code == 200
            assert response.headers["content-type"] == "text/javascript; charset=utf-8"
            assert response.content == folder.joinpath(name).read_bytes()


@pytest.mark.parametrize(
    "path", ["/webrtc/", "/webrtc/other.js", "/webrtc/..%2f__init__.py", "/webrtc/__init__.py"]
)
async def test_what_there_is_not(path: str) -> None:
    async with site() as http:
        assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_another_method(method: str) -> None:
    async with site() as http:
        assert (await http.request(method, "/webrtc/offer")).status_code == 405


# How much


async def test_a_body_that_is_too_long() -> None:
    async with site(settings={"max_sdp_bytes": 10_000}) as http:
        response = await http.post("/webrtc/offer", content=b"x" * 10_001)
        assert response.status_code == 413
        assert response.json()["meta"]["error"] == "too_large"
        response = await http.post("/webrtc/offer", content=b"x" * 10_000)
        assert response.status_code == 400


async def test_a_body_without_a_length_is_read_no_further() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 1000

    request = Request({"type": "http", "headers": []})
    request.stream = endless  # type: ignore[method-assign] # a client that never stops
    answer = await read_body(request, 5000)
    assert isinstance(answer, Response)
    assert answer.status_code == 413
    assert read == 6


async def test_a_body_that_is_cut_off() -> None:
    async def cut_off() -> AsyncIterator[bytes]:
        yield b"half"
        raise ClientDisconnect

    request = Request({"type": "http", "headers": []})
    request.stream = cut_off  # type: ignore[method-assign] # a client that has left
    answer = await read_body(request, 5000)
    assert isinstance(answer, Response)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(b"\xff", "application/json"), (b"{}", "application/xml"), (b"[" * 60_000, None), (b"", None)],
)
async def test_a_body_that_is_wrong(content: bytes, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    async with site() as http:
        response = await http.post("/webrtc/offer", content=content, headers=headers)
        assert response.status_code == 400
        assert response.json()["meta"]["error"] == "bad_request"


# How often


async def test_too_many_requests() -> None:
    async with site(settings={"requests_per_minute": 6}) as http:
        statuses = [(await http.post("/webrtc/offer", content=b"{}")).status_code for _ in range(9)]
        allowed = statuses.count(400)
        assert statuses == [400] * allowed + [429] * (9 - allowed)
        assert allowed <= 6
        response = await http.get("/webrtc/config", headers={"origin": "http://here"})
        assert response.status_code == 429
        assert 1 <= int(response.headers["retry-after"]) <= 60
        assert response.json()["meta"]["error"] == "too_many_requests"
        assert response.headers["access-control-allow-origin"] == "http://here"
        assert "Retry-After" in response.headers["access-control-expose-headers"]


async def test_everybody_has_their_own_share() -> None:
    settings = {"requests_per_minute": 6, "trusted_proxies": ("127.0.0.1",)}
    async with site(settings=settings) as http:

        async def ask(client: str) -> int:
            headers = {"x-forwarded-for": client}
            return (await http.get("/webrtc/config", headers=headers)).status_code

        while await ask("203.0.113.5") == 200:
            pass
        assert await ask("203.0.113.6") == 200


# Pages of other origins


@pytest.mark.parametrize(
    ("origin", "allowed", "passes"),
    [
        (None, (), True),
        ("http://here", (), True),
        (PAGE, (), False),
        (PAGE, (PAGE,), True),
        (PAGE, ("*",), True),
        ("null", (), False),
        ("null", ("*",), True),
    ],
)
async def test_origins(origin: str | None, allowed: Any, passes: bool) -> None:
    headers = {} if origin is None else {"origin": origin}
    async with site(allowed_origins=allowed) as http:
        for ask in (
            http.post("/webrtc/offer", json=BODY, headers=headers),
            http.get("/webrtc/config", headers=headers),
            http.post(
                "/whip", content=OFFER, headers={"content-type": "application/sdp"} | headers
            ),
        ):
            response = await ask
            assert (response.status_code < 300) is passes
            if not passes:
                assert response.status_code == 403
                assert response.json()["meta"]["error"] == "origin_not_allowed"
            told = response.headers.get("access-control-allow-origin")
            assert told == (origin if passes else None)
            if told is not None:
                assert response.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "path",
    ["/webrtc/offer", "/webrtc/config", "/whip", "/whep", "/whep/x", "/webrtc/resource/a/b"],
)
async def test_preflight(path: str) -> None:
    asking = {"access-control-request-method": "POST"}
    async with site(allowed_origins=(PAGE,)) as http:
        allowed = await http.options(path, headers={"origin": PAGE} | asking)
        assert allowed.status_code == 204
        assert allowed.headers["access-control-allow-origin"] == PAGE
        assert "DELETE" in allowed.headers["access-control-allow-methods"]
        assert "If-Match" in allowed.headers["access-control-allow-headers"]
        refused = await http.options(path, headers={"origin": "https://other.example"} | asking)
        assert "access-control-allow-origin" not in refused.headers
        assert "access-control-allow-methods" not in refused.headers


# Over a real connection


async def test_a_client_that_hangs_up_before_the_answer(
    serving_stream: Any, leaving_nothing: Any
) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def authorize(request: object) -> object:
        asked.set()
        await go.wait()
        return True

    settings = WebRTCSettings(connect_timeout=0.2)
    stream = Stream(
        listen,
        modality="audio",
        authorize=authorize,
        transport_settings={"webrtc": settings},
    )
    async with leaving_nothing(), serving_stream(stream) as server:
        async with httpx.AsyncClient() as http, asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(http.post(f"{server.url}/webrtc/offer", json=BODY))
            await asked.wait()
            asking.cancel()
        go.set()
        # uvicorn lets the request go on; the client never connects.
        while not len(stream.sessions):
            await asyncio.sleep(0.01)
        while len(stream.sessions):
            await asyncio.sleep(0.01)
