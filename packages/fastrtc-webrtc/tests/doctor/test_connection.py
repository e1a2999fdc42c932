"""Connections to a real server, and the ways in which there is none."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fastrtc_core import CloseReason, ConnectionRequest, Stream, UnauthorizedError
from fastrtc_webrtc.doctor import Finding, check_connection

LOCAL = "127.0.0.1"
SECRET = "north-by-northwest"

Serving = Callable[..., Any]
Coturn = Callable[..., int]


@pytest.fixture
def stream(echo: Any, ends: Any) -> Stream:
    return Stream(
        echo(),
        modality="audio",
        mode="send-receive",
        concurrency_limit=1,
        on_event=ends.observe,
    )


def relay_through(port: int, credential: str = SECRET) -> dict[str, Any]:
    server = {"urls": f"turn:{LOCAL}:{port}", "username": "anna", "credential": credential}
    return {"iceServers": [server]}


async def test_a_connection_works_and_its_session_is_over(
    serving_stream: Serving, stream: Stream, ends: Any
) -> None:
    async with serving_stream(stream) as server:
        for _ in range(2):  # the only place is free again
            finding = await check_connection(server.url, None)
            assert finding.level == "ok", finding
            assert re.fullmatch(
                r"A connection works: host \S+ to host \S+, \d+ ms there and back\.",
                finding.text,
            )
            _, end = await ends.next()
            assert end.reason is CloseReason.CLIENT_LEFT


async def test_nothing_stays_behind(
    serving_stream: Serving, stream: Stream, leaving_nothing: Callable[..., Any]
) -> None:
    async with serving_stream(stream) as server:
        await check_connection(server.url, None)
        async with leaving_nothing():
            await check_connection(server.url, None)


def mirror(picture: Any) -> Any:
    return picture


def pictures() -> Iterator[Any]:
    yield np.zeros((48, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("source", "mode"), [(mirror, "send-receive"), (mirror, "send"), (pictures, "receive")]
)
async def test_pictures_whichever_way(
    serving_stream: Serving, source: Callable[..., Any], mode: Any
) -> None:
    async with serving_stream(Stream(source, modality="video", mode=mode)) as server:
        finding = await check_connection(server.url, None, kinds=["video"], mode=mode)
    assert finding.level == "ok", finding


async def test_a_stream_that_ends_at_once(serving_stream: Serving) -> None:
    def nothing() -> Iterator[Any]:
        yield from ()

    async with serving_stream(Stream(nothing, modality="audio", mode="receive")) as server:
        finding = await check_connection(server.url, None, mode="receive")
    # Its end and the answer to the message are on the way at the same time.
    assert finding.level in ("ok", "note")
    assert re.search(r"works: .*(; the stream ended it at once|there and back)\.$", finding.text)


async def test_what_else_the_server_says_is_not_taken_for_the_answer(
    serving_stream: Serving, echo: Any
) -> None:
    class Talkative(echo):  # type: ignore[misc] # a class that is given
        async def start_up(self) -> None:
            await self.send_message('{"type": "log", "data": "hello"}')
            await self.send_message("hello")

    stream = Stream(Talkative(), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server:
        assert (await check_connection(server.url, None)).level == "ok"


async def test_a_connection_through_a_relay(
    serving_stream: Serving, stream: Stream, coturn: Coturn
) -> None:
    configuration = relay_through(coturn())
    async with serving_stream(stream, "/voice") as server:
        finding = await check_connection(f"{server.url}/voice", configuration, relay=True)
        again = await check_connection(
            f"{server.url}/voice", {**configuration, "iceTransportPolicy": "relay"}
        )
    for one in (finding, again):
        assert one.level == "ok", one
        assert one.text.startswith(f"A connection through the relay works: relay {LOCAL} to host ")


async def test_a_relay_that_is_refused(
    serving_stream: Serving, stream: Stream, coturn: Coturn
) -> None:
    configuration = relay_through(coturn(), credential="wrong")
    async with serving_stream(stream) as server:
        finding = await check_connection(server.url, configuration, relay=True, patience=3)
    assert finding.level == "fault"
    assert "no connection comes about through the relay" in finding.text
    assert "the TURN server gave no relay to this machine" in finding.text
    assert "coturn" in finding.advice


async def test_no_path(serving: Serving) -> None:
    """A server whose candidate leads to a port where nothing is."""

    async def answer(request: Request) -> JSONResponse:
        body = await request.json()
        if body["type"] == "bye":
            return JSONResponse({"status": "success"})
        return JSONResponse({"type": "answer", "sdp": DEAD_END})

    app = Starlette(routes=[Route("/webrtc/offer", answer, methods=["POST"])])
    async with serving(app) as server:
        finding = await check_connection(server.url, None, patience=1)
    assert finding.level == "fault"
    assert finding.text == (
        "The server answers, but no connection comes about: it tells 127.0.0.1 (host), "
        "192.0.2.9 (srflx)."
    )
    assert "announced_addresses" in finding.advice


FINGERPRINT = ":".join(["AB"] * 32)
TRANSPORT = (
    "c=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
    f"a=fingerprint:sha-256 {FINGERPRINT}\r\na=setup:active\r\n"
)
CANDIDATES = (
    "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"
    "a=candidate:2 1 udp 1694498815 192.0.2.9 9 typ srflx raddr 127.0.0.1 rport 9\r\n"
    "a=end-of-candidates\r\n"
)
DEAD_END = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=inactive\r\na=rtcp-mux\r\na=rtpmap:96 opus/48000/2\r\n"
    + TRANSPORT.format(mid=0)
    + CANDIDATES
    + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n"
    + TRANSPORT.format(mid=1)
)


async def test_the_server_is_full(
    serving_stream: Serving, stream: Stream, connected: Callable[..., Any]
) -> None:
    async with serving_stream(stream) as server, connected(server):
        finding = await check_connection(server.url, None)
    assert finding == Finding(
        "fault",
        "The server refuses to connect: concurrency_limit_reached, limit 1.",
        "Try again when somebody has left, or raise concurrency_limit.",
    )


async def test_the_server_wants_to_know_who_asks(serving_stream: Serving, echo: Any) -> None:
    def nobody(_: ConnectionRequest) -> None:
        raise UnauthorizedError("no pass")

    stream = Stream(echo(), modality="audio", mode="send-receive", authorize=nobody)
    async with serving_stream(stream) as server:
        finding = await check_connection(server.url, None)
    assert finding.level == "fault"
    assert finding.text.startswith("The server refuses to connect: unauthorized")
    assert "authorize" in finding.advice


async def test_answers_that_are_none(serving: Serving) -> None:
    async def fail(_: Request) -> JSONResponse:
        return JSONResponse(["what?"], status_code=502)

    app = Starlette(routes=[Route("/webrtc/offer", fail, methods=["POST"])])
    async with serving(app) as server:
        finding = await check_connection(server.url, None)
    assert finding.level == "fault"
    assert finding.text == "The server refuses to connect: status 502."


async def test_a_server_that_does_not_answer(silent_server: int) -> None:
    finding = await check_connection(f"http://{LOCAL}:{silent_server}", None, patience=0.5)
    assert finding.level == "fault"
    assert "answer" in finding.text


async def test_it_can_be_cancelled(silent_server: int, leaving_nothing: Callable[..., Any]) -> None:
    async with leaving_nothing():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await check_connection(f"http://{LOCAL}:{silent_server}", None, patience=30)
