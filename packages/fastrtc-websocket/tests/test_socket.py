"""Clients that do not read, and clients that vanish."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from fastrtc_core import CloseReason, Limits, Stream
from fastrtc_core.asgi import Socket

MESSAGE = "x" * (1 << 16)
RESET = struct.pack("ii", 1, 0)  # linger for 0 s: closing sends a reset, see socket(7)


@asynccontextmanager
async def deaf_client(server: Any) -> AsyncIterator[socket.socket]:
    """Open a stream and read nothing of what comes."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        uri = parse_uri(server.url + "/websocket/offer")
        await loop.sock_connect(sock, (uri.host, uri.port))
        protocol = ClientProtocol(uri)
        protocol.send_request(protocol.connect())
        await loop.sock_sendall(sock, b"".join(protocol.data_to_send()))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await loop.sock_recv(sock, 1)
        protocol.receive_data(answer)
        protocol.send_text(b'{"event":"start"}')
        await loop.sock_sendall(sock, b"".join(protocol.data_to_send()))
        yield sock


def talkative(echo: Any, messages: int) -> Any:
    """Make a handler that sends a lot at once."""

    class Talkative(echo):
        async def start_up(self) -> None:
            for number in range(messages):
                await self.send_message(json.dumps({"type": "log", "data": [number, MESSAGE]}))

    return Talkative()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry = partial(Socket, close_timeout=0.1)
    monkeypatch.setattr("fastrtc_websocket.connection.Socket", hurry)


async def works(connected: Any, server: Any) -> None:
    async with connected(server.url) as client:
        await client.send("ping")
        assert await client.receive() == {"event": "pong"}


async def test_a_client_that_reads_nothing_is_given_up(
    serving_stream: Any, connected: Any, echo: Any, ends: Any
) -> None:
    handler = talkative(echo, messages=1000)  # more than a session keeps for a client
    stream = Stream(handler, modality="audio", mode="send-receive", on_event=ends.observe)
    async with serving_stream(stream) as server:
        async with deaf_client(server):
            assert (await ends.next())[1].reason is CloseReason.CLIENT_STALLED
            await server.emptied()  # though the client keeps its side open
        assert not len(stream.sessions)
        await works(connected, server)


@pytest.mark.usefixtures("hurried")
async def test_a_client_that_reads_nothing_can_not_put_off_the_end(
    serving_stream: Any, connected: Any, echo: Any, ends: Any
) -> None:
    handler = talkative(echo, messages=200)
    limits = {"websocket": Limits(time=0.1)}
    stream = Stream(
        handler, modality="audio", mode="send-receive", limits=limits, on_event=ends.observe
    )
    async with serving_stream(stream) as server:
        async with deaf_client(server):
            assert (await ends.next())[1].reason is CloseReason.TIME_LIMIT
            await server.emptied()
        await works(connected, server)


@pytest.mark.usefixtures("hurried")
async def test_what_is_left_unread_is_cut_off(
    serving_stream: Any, connected: Any, echo: Any, ends: Any
) -> None:
    """uvicorn takes a little without waiting, and would then wait for ever for its being read."""

    class Fills(echo):
        async def start_up(self) -> None:
            (connection,) = server.uvicorn.server_state.connections
            while not connection.transport.get_write_buffer_size():
                await self.send_message(json.dumps({"type": "log", "data": MESSAGE[:1000]}))
                await asyncio.sleep(0)
            self.session.close(CloseReason.HANDLER)

    stream = Stream(Fills(), modality="audio", mode="send-receive", on_event=ends.observe)
    async with serving_stream(stream) as server:
        async with deaf_client(server), asyncio.timeout(5):
            assert (await ends.next())[1].reason is CloseReason.HANDLER
            await server.emptied()
        await works(connected, server)


async def test_a_client_that_vanishes(
    serving_stream: Any, connected: Any, echo: Any, ends: Any
) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive", on_event=ends.observe)
    async with serving_stream(stream) as server:
        async with deaf_client(server) as sock:
            while not len(stream.sessions):
                await asyncio.sleep(0.01)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()
            assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
        await server.emptied()
        await works(connected, server)
