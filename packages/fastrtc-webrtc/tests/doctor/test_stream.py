"""What is said of a running stream, from its address to a connection."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from fastrtc_core import Stream
from fastrtc_webrtc.doctor import Finding, examine, examine_stream

LOCAL = "127.0.0.1"
SECRET = "north-by-northwest"

Serving = Callable[..., Any]
Coturn = Callable[..., int]


async def found(url: str, patience: float = 5) -> list[Finding]:
    return [finding async for finding in examine_stream(url, patience=patience)]


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level for finding in findings]


@pytest.fixture
def voice(echo: Any) -> Callable[..., Stream]:
    def make(**options: Any) -> Stream:
        return Stream(echo(), modality="audio", mode="send-receive", **options)

    return make


async def test_all_is_well(serving_stream: Serving, voice: Any) -> None:
    async with serving_stream(voice(concurrency_limit=1), "/voice") as server:
        url = f"{server.url}/voice"
        findings = [finding async for finding in examine(f"{url}/")]
    assert set(levels(findings)) <= {"ok", "note"}
    texts = [finding.text for finding in findings]
    assert texts[0].startswith("UDP works")
    assert "A server on this machine tells" in texts[1] or "no address but" in texts[1]
    assert texts[2] == f"{url} has a stream over WebRTC: audio, send-receive."
    assert texts[3] == f"Browsers give pages of {server.url} the microphone and the camera."
    assert texts[4].startswith("A connection works: host ")
    assert len(texts) == 5


async def test_the_servers_of_a_stream_are_asked(
    serving_stream: Serving, voice: Any, coturn: Coturn
) -> None:
    port = coturn()
    urls = [f"stun:{LOCAL}:{port}", f"turn:{LOCAL}:{port}"]
    server = {"urls": urls, "username": "anna", "credential": SECRET}
    # The server goes directly: through the relay only browsers, and the doctor.
    stream = voice(
        rtc_configuration={"iceServers": [server]}, server_rtc_configuration={"iceServers": []}
    )
    async with serving_stream(stream) as running:
        findings = await found(running.url)
    assert levels(findings) == ["ok"] * 6, findings
    beginnings = [
        "The STUN server",
        "The TURN server",
        "A connection works",
        "A connection through",
    ]
    for finding, beginning in zip(findings[2:], beginnings, strict=True):
        assert finding.text.startswith(beginning)


async def test_a_relay_that_gives_none_is_not_tried(
    serving_stream: Serving, voice: Any, coturn: Coturn
) -> None:
    server = {"urls": f"turn:{LOCAL}:{coturn()}", "username": "anna", "credential": "wrong"}
    stream = voice(
        rtc_configuration={"iceServers": [server]}, server_rtc_configuration={"iceServers": []}
    )
    async with serving_stream(stream) as running:
        findings = await found(running.url)
    assert levels(findings) == ["ok", "ok", "fault", "ok"], findings
    assert "refuses the user name anna" in findings[2].text


async def test_a_stream_that_only_sends(serving_stream: Serving, echo: Any) -> None:
    def count() -> Any:
        yield from ()

    stream = Stream(count, modality="audio", mode="receive")
    async with serving_stream(stream) as server:
        findings = await found(server.url)
    assert findings[1].text == (
        "The stream sends only: its page needs neither microphone nor camera."
    )


async def test_a_configuration_that_fails(serving_stream: Serving, voice: Any) -> None:
    def fail() -> dict[str, Any]:
        raise LookupError

    async with serving_stream(voice(rtc_configuration=fail)) as server:
        (finding,) = await found(server.url)
    assert finding.level == "fault"
    assert finding.text == (
        f"The server at {server.url} can't tell how to connect: the server has no ICE "
        "configuration to give."
    )
    assert "rtc_configuration" in finding.advice


async def test_nothing_is_there() -> None:
    with socket.create_server((LOCAL, 0)) as probe:
        url = f"http://{LOCAL}:{probe.getsockname()[1]}"
    (finding,) = await found(url)
    assert finding.level == "fault"
    assert finding.text.startswith(f"{url} can't be reached: ")
    assert not finding.text.endswith("..")


async def test_a_server_that_is_silent(silent_server: int) -> None:
    url = f"http://{LOCAL}:{silent_server}"
    (finding,) = await found(url, patience=0.2)
    assert finding.text == f"{url} can't be reached: there is no answer within 0.2 s."


async def test_an_address_that_is_none() -> None:
    findings = [finding async for finding in examine("localhost:8000")]
    assert levels(findings) == ["ok", "fault"]
    assert findings[1].text == "'localhost:8000' is no address of a stream."


async def test_servers_alone(silent_port: int) -> None:
    servers = {"urls": f"stun:{LOCAL}:{silent_port}"}
    findings = [finding async for finding in examine(None, servers, patience=0.2)]
    assert findings[2].text.startswith(f"The STUN server stun:{LOCAL}:{silent_port} does not")
    assert len(findings) == 3


def answering(response: Response) -> Starlette:
    async def answer(_: Request) -> Response:
        return response

    return Starlette(routes=[Route("/webrtc/config", answer)])


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (Response("<html>", media_type="text/html"), "has no stream over WebRTC (status 200)"),
        (Response(status_code=404), "has no stream over WebRTC (status 404)"),
        (JSONResponse({"mode": "x"}), "has no stream over WebRTC (status 200)"),
        (Response(status_code=401), "answers with status 401 instead of"),
        (RedirectResponse("/elsewhere"), "/elsewhere."),
    ],
)
async def test_no_stream_there(response: Response, words: str, serving: Serving) -> None:
    async with serving(answering(response)) as server:
        (finding,) = await found(server.url)
    assert finding.level == "fault"
    assert finding.text.startswith(server.url)
    assert words in finding.text
    assert finding.advice.endswith(".")


async def test_a_configuration_that_is_none(serving: Serving) -> None:
    content = {"mode": "receive", "modality": "audio", "rtcConfiguration": {"iceServers": [{}]}}
    async with serving(answering(JSONResponse(content))) as server:
        findings = await found(server.url)
    assert levels(findings) == ["ok", "ok", "fault"]
    assert "an ICE server is a dict with urls" in findings[2].text
