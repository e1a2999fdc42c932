import asyncio
import json
import socket

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from fastrtc.serve import ServeError, Server, make_app
from fastrtc_core import Session, SessionClosed, Stream
from fastrtc_core.events import CloseReason, Event

START = json.dumps({"event": "start", "encoding": "pcm16", "rate": 24000, "binary": True})


@pytest.mark.parametrize("path", ["", "voice", "/voice/"])
async def test_the_page_and_the_stream_are_below_the_path(path: str, echo: Stream) -> None:
    server = Server(echo, port=0, path=path)
    assert server.url.endswith("/voice/" if path else "/")
    async with server.running(), httpx.AsyncClient(follow_redirects=True) as client:
        root = await client.get(httpx.URL(server.url).join("/"))
        assert str(root.url) == server.url
        assert "<title>" in root.text
        url = server.url.replace("http", "ws") + "websocket/offer"
        async with connect(url) as websocket:
            await websocket.send(START)
            assert json.loads(await websocket.recv())["event"] == "started"


async def test_without_the_page(echo: Stream) -> None:
    app = make_app(echo, page=False)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://server"
    ) as client:
        assert (await client.get("/")).status_code == 404


async def everything(websocket: ClientConnection) -> tuple[list[str], ConnectionClosed]:
    """Return the messages up to the end, and the end."""
    messages = []
    try:
        while True:
            messages.append(str(await websocket.recv()))
    except ConnectionClosed as closed:
        return messages, closed


async def test_live_sessions_end_before_the_server() -> None:
    told: list[Event] = []

    def note(_: Session, event: Event) -> None:
        told.append(event)

    stream = Stream(lambda audio: audio, modality="audio", mode="send-receive", on_event=note)
    server = Server(stream, port=0)
    async with asyncio.TaskGroup() as tasks, server.running():
        websocket = await connect(f"{server.url.replace('http', 'ws')}websocket/offer")
        await websocket.send(START)
        await websocket.recv()
        reading = tasks.create_task(everything(websocket))
    messages, closed = reading.result()
    goodbye = "The server is shutting down."
    assert json.loads(messages[-1]) == {"type": "end_stream", "data": goodbye}
    assert closed.rcvd is not None
    assert closed.rcvd.code == 1001  # going away, RFC 6455 section 7.4.1
    assert told == [SessionClosed(CloseReason.SHUTDOWN, goodbye)]
    assert not len(stream.sessions)


async def test_an_error_in_the_block_comes_out_as_it_is(echo: Stream) -> None:
    server = Server(echo, port=0)
    with pytest.raises(KeyError, match="oh"):
        async with server.running():
            raise KeyError("oh")
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(server.url)


def test_a_port_in_use_is_told(echo: Stream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"port {port} of 127.0.0.1 is in use"):
            Server(echo, port=port)


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [("127.0.0.1", 70000, "no port 70000"), ("192.0.2.1", 0, "port 0 of 192.0.2.1 can't be")],
)
def test_an_address_that_does_not_exist_is_told(
    host: str, port: int, words: str, echo: Stream
) -> None:
    with pytest.raises(ServeError, match=words):
        Server(echo, host=host, port=port)


async def test_ipv6_addresses_are_bracketed(echo: Stream) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    server = Server(echo, host="::1", port=0)
    assert server.url.startswith("http://[::1]:")
    async with server.running(), httpx.AsyncClient() as client:
        assert (await client.get(server.url)).status_code == 200
