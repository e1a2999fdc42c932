"""WHIP and WHEP as RFC 9725 has them; `test_whip_whep` has the media."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from fastrtc_core import CloseReason, Stream
from fastrtc_webrtc import WebRTCSettings, WebRTCTransport

OFFERS = Path(__file__).parent / "data" / "offers"
OFFER = (OFFERS / "chrome_audio_trickle.sdp").read_bytes().decode()
WATCH = OFFER.replace("a=sendrecv", "a=recvonly")
UFRAG, PWD = "0IvZ", "qFkXIYzmqY3S/3bq3tIgdrp7"
SDP = {"content-type": "application/sdp"}
FRAGMENT = {"content-type": "application/trickle-ice-sdpfrag"}
NEW = ("1JwA", "rGlYJZanrZ4T/3bq3tIgdrp7")


async def listen(audio: object) -> None: ...


async def echo(audio: Any) -> Any:
    return audio


async def speak() -> AsyncIterator[Any]:
    if False:
        yield


class Site:
    def __init__(self, stream: Stream, transport: WebRTCTransport, http: httpx.AsyncClient) -> None:
        self.stream = stream
        self.transport = transport
        self.http = http

    async def post(self, path: str = "/whip", sdp: str = OFFER, **headers: str) -> httpx.Response:
        return await self.http.post(path, content=sdp, headers=SDP | headers)

    async def published(self) -> httpx.Response:
        response = await self.post()
        assert response.status_code == 201, response.text
        return response

    async def patch(self, location: str, content: str, **headers: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.patch(location, content=content, headers=FRAGMENT | fields)

    def remote(self, id: str) -> list[Any]:
        peer = self.transport.signalling._connections[id]._peer
        assert peer is not None
        return [c.port for c in peer.links[0].newest.remote_candidates]


@asynccontextmanager
async def site(
    handler: Any = listen, *, mode: Any = "send", path: str = "", under: str = "", **options: Any
) -> AsyncIterator[Site]:
    settings = WebRTCSettings(bind_addresses=("127.0.0.1",))
    stream = Stream(
        handler,
        modality="audio",
        mode=mode,
        transport_settings={"webrtc": settings},
        **options,
    )
    transport = WebRTCTransport(stream)
    app = inner = Starlette()
    transport.mount(inner, path, None)
    if under:
        app = Starlette(routes=[Mount(under, inner)])
    inside = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
    try:
        async with httpx.AsyncClient(transport=inside, base_url="http://here") as http:
            yield Site(stream, transport, http)
    finally:
        await transport.signalling.close()


def fragment(ufrag: str = UFRAG, pwd: str = PWD, *, ports: Any = ()) -> str:
    lines = [f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{pwd}"]
    lines += ["m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0"]
    lines += [f"a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host" for port in ports]
    return "".join(f"{line}\r\n" for line in lines)


# Publishing


async def test_publishing() -> None:
    async with site() as where:
        response = await where.published()
        assert response.headers["content-type"].partition(";")[0] == "application/sdp"
        assert response.text.startswith("v=0")
        assert response.headers["etag"] == f'"{UFRAG}"'
        assert response.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
        [session] = where.stream.sessions
        assert session.id in response.headers["location"]


@pytest.mark.parametrize(
    "name",
    [
        path.stem
        for path in OFFERS.iterdir()
        if path.stem.startswith(("obs", "ffmpeg", "gstreamer"))
    ],
)
async def test_publishers(name: str) -> None:
    async with site(allow_extra_tracks=True) as where:
        sdp = (OFFERS / f"{name}.sdp").read_bytes().decode()
        response = await where.post(sdp=sdp)
        if "m=audio" in sdp:
            assert response.status_code == 201, response.text
        else:
            assert response.status_code == 400


@pytest.mark.parametrize(
    ("path", "under", "expected"),
    [
        ("", "", "/webrtc/resource/"),
        ("/voice", "", "/voice/webrtc/resource/"),
        ("", "/api", "/api/webrtc/resource/"),
        ("/voice", "/api", "/api/voice/webrtc/resource/"),
    ],
)
async def test_where_the_resource_is(path: str, under: str, expected: str) -> None:
    async with site(path=path, under=under) as where:
        response = await where.post(f"{under}{path}/whip")
        location = response.headers["location"]
        assert location.startswith(expected)
        assert (await where.patch(location, fragment())).status_code == 204
        assert (await where.http.delete(location)).status_code == 200


async def test_where_the_resource_of_a_viewer_is() -> None:
    async with site(echo, mode="send-receive", path="/voice") as where:
        await where.post("/voice/whip")
        [publisher] = where.stream.sessions
        response = await where.post(f"/voice/whep/{publisher.id}", WATCH)
        assert response.headers["location"].startswith("/voice/webrtc/resource/")
        assert (await where.http.delete(response.headers["location"])).status_code == 200


async def test_where_the_resource_is_in_an_application_of_routers() -> None:
    transport = WebRTCTransport(Stream(listen, modality="audio", mode="send"))
    router = APIRouter(prefix="/inner")
    transport.mount(router, "/voice", None)
    app = FastAPI()
    app.include_router(router, prefix="/outer")
    inside = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
    async with httpx.AsyncClient(transport=inside, base_url="http://here") as http:
        created = await http.post("/outer/inner/voice/whip", content=OFFER, headers=SDP)
        assert created.headers["location"].startswith("/outer/inner/voice/webrtc/resource/")
        assert (await http.delete(created.headers["location"])).status_code == 200
    await transport.signalling.close()


async def test_links_to_ice_servers() -> None:
    servers = [
        {"urls": ["stun:stun.example:3478"]},
        {"urls": "turn:turn.example:3478", "username": "user", "credential": 'a"b'},
    ]
    async with site(rtc_configuration={"iceServers": servers}) as where:
        response = await where.published()
        assert response.headers.get_list("link") == [
            '<stun:stun.example:3478>; rel="ice-server"',
            '<turn:turn.example:3478>; rel="ice-server"; username="user"; '
            'credential="a\\"b"; credential-type="password"',
        ]


async def test_ice_servers_that_can_not_be_had(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> dict[str, Any]:
        raise ZeroDivisionError

    async with site(rtc_configuration=fail) as where:
        response = await where.published()
        assert "link" not in response.headers
    assert "a client was given no ICE servers" in caplog.text


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "application/sdpx"])
async def test_another_type_of_body(content_type: str) -> None:
    async with site() as where:
        response = await where.http.post(
            "/whip", content=OFFER, headers={"content-type": content_type}
        )
        assert response.status_code == 415
        assert "application/sdp" in response.json()["detail"]
        assert len(where.stream.sessions) == 0


async def test_the_type_may_have_parameters() -> None:
    async with site() as where:
        headers = {"content-type": "Application/SDP; charset=utf-8"}
        response = await where.http.post("/whip", content=OFFER, headers=headers)
        assert response.status_code == 201


@pytest.mark.parametrize("content", ["", "v=0", "hello", OFFER[:200], "\ufffd"])
async def test_a_description_that_is_none(content: str) -> None:
    async with site() as where:
        response = await where.post(sdp=content)
        assert response.status_code == 400
        assert where.transport.signalling.live == 0


async def test_a_description_that_is_too_long() -> None:
    async with site() as where:
        assert (await where.post(sdp=OFFER + "a=x\r\n" * 20_000)).status_code == 413


async def test_a_server_that_is_full() -> None:
    async with site(concurrency_limit=1) as where:
        await where.published()
        response = await where.post()
        assert response.status_code == 503
        assert response.json()["meta"]["error"] == "concurrency_limit_reached"


async def test_who_is_not_let_in() -> None:
    async def authorize(request: Any) -> bool:
        return bool(request.headers.get("authorization") == "Bearer secret")

    async with site(authorize=authorize) as where:
        assert (await where.post()).status_code == 401
        assert (await where.post(authorization="Bearer secret")).status_code == 201


# Candidates and restarts


async def test_candidates() -> None:
    async with site() as where:
        location = (await where.published()).headers["location"]
        [session] = where.stream.sessions
        response = await where.patch(location, fragment(ports=(40_000, 40_001)))
        assert response.status_code == 204
        while len(where.remote(session.id)) < 2:
            await asyncio.sleep(0.01)
        assert sorted(where.remote(session.id)) == [40_000, 40_001]


async def test_candidates_without_credentials() -> None:
    async with site() as where:
        location = (await where.published()).headers["location"]
        bare = "\r\n".join(fragment(ports=(40_000,)).splitlines()[2:]) + "\r\n"
        assert (await where.patch(location, bare)).status_code == 204


@pytest.mark.parametrize("if_match", ["*", '"*"'])
async def test_restarting_ice(if_match: str) -> None:
    async with site() as where:
        created = await where.published()
        location = created.headers["location"]
        [session] = where.stream.sessions
        response = await where.patch(location, fragment(*NEW, ports=(40_002,)), if_match=if_match)
        assert response.status_code == 200, response.text
        kind = response.headers["content-type"].partition(";")[0]
        assert kind == "application/trickle-ice-sdpfrag"
        assert response.headers["etag"] == f'"{NEW[0]}"'
        lines = response.text.splitlines()
        [ufrag] = [line for line in lines if line.startswith("a=ice-ufrag:")]
        assert ufrag not in created.text
        assert any(line.startswith("a=candidate:") for line in lines)
        assert "a=end-of-candidates" in lines
        while where.remote(session.id) != [40_002]:
            await asyncio.sleep(0.01)
        # From now on the new fragment is the one that is known.
        assert (await where.patch(location, fragment(*NEW))).status_code == 204


@pytest.mark.parametrize("if_match", [None, f'"{UFRAG}"'])
async def test_a_restart_must_be_meant(if_match: str | None) -> None:
    async with site() as where:
        location = (await where.published()).headers["location"]
        headers = {} if if_match is None else {"if_match": if_match}
        assert (await where.patch(location, fragment(*NEW), **headers)).status_code == 412


async def test_a_restart_without_a_password() -> None:
    async with site() as where:
        location = (await where.published()).headers["location"]
        content = fragment(*NEW).replace(f"a=ice-pwd:{NEW[1]}\r\n", "")
        assert (await where.patch(location, content, if_match="*")).status_code == 400


@pytest.mark.parametrize("content", ["hello", "a=ice-ufrag:x\r\na=ice-pwd:y\r\n"])
async def test_a_fragment_that_is_wrong(content: str) -> None:
    async with site() as where:
        location = (await where.published()).headers["location"]
        assert (await where.patch(location, content)).status_code == 400


async def test_a_fragment_of_another_type() -> None:
    async with site() as where:
        location = (await where.published()).headers["location"]
        response = await where.http.patch(location, content=fragment(), headers=SDP)
        assert response.status_code == 415


# Ends, and those who may not


async def test_the_end(ends: Any) -> None:
    async with site(on_event=ends.observe) as where:
        location = (await where.published()).headers["location"]
        assert (await where.http.delete(location)).status_code == 200
        assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
        while where.transport.signalling.live:
            await asyncio.sleep(0.01)
        assert (await where.http.delete(location)).status_code == 404
        assert (await where.patch(location, fragment())).status_code == 404


@pytest.mark.parametrize("token", ["x", "ä", "%00", "{token}x"])
async def test_somebody_else_s_resource(token: str) -> None:
    async with site() as where:
        location = (await where.published()).headers["location"]
        path, _, own = location.rpartition("/")
        other = f"{path}/{token.format(token=own)}"
        assert (await where.http.delete(other)).status_code == 404
        assert (await where.patch(other, fragment())).status_code == 404
        assert len(where.stream.sessions) == 1


# Watching


async def test_what_is_not_published_to() -> None:
    async with site(speak, mode="receive") as where:
        assert (await where.post("/whip")).status_code == 403
        assert (await where.post("/whep", WATCH)).status_code == 201


async def test_what_is_not_watched() -> None:
    async with site() as where:
        assert (await where.post("/whep", WATCH)).status_code == 403


async def test_watching_a_publisher() -> None:
    async with site(echo, mode="send-receive") as where:
        assert (await where.post("/whep", WATCH)).status_code == 404
        await where.published()
        [publisher] = where.stream.sessions
        assert (await where.post("/whep", WATCH)).status_code == 201
        assert (await where.post(f"/whep/{publisher.id}", WATCH)).status_code == 201
        assert (await where.post("/whep/nobody", WATCH)).status_code == 404
        assert len(where.stream.sessions) == 3
        publisher.close(CloseReason.HANDLER)
        while publisher in list(where.stream.sessions) or where.transport.signalling.newest:
            await asyncio.sleep(0.01)
        assert (await where.post("/whep", WATCH)).status_code == 404
