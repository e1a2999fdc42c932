"""The life of one client: what ends its session, and what does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioice.ice
import httpx
import pytest
from starlette.applications import Starlette

from fastrtc_core import CloseReason, Stream
from fastrtc_webrtc import WebRTCSettings, WebRTCTransport
from fastrtc_webrtc import connection as connection_module
from fastrtc_webrtc.connection import Connection
from fastrtc_webrtc.testing import RTCClient
from fastrtc_webrtc.testing.media import level, tone
from fastrtc_webrtc.testing.signalling import without_candidates


class Site:
    """A server with one stream."""

    def __init__(self, stream: Stream, transport: WebRTCTransport, server: Any) -> None:
        self.stream = stream
        self.transport = transport
        self.server = server

    def connection(self, client: RTCClient) -> Connection:
        assert client.id is not None
        return self.transport.signalling._connections[client.id]

    async def emptied(self) -> None:
        while len(self.stream.sessions) or self.transport.signalling.live:
            await asyncio.sleep(0.01)


@pytest.fixture
def site(serving: Any, echo: Any, ends: Any) -> Any:
    @asynccontextmanager
    async def make(
        handler: Any = None, *, mode: Any = "send-receive", **settings: Any
    ) -> AsyncIterator[Site]:
        stream = Stream(
            handler or echo(),
            modality="audio",
            mode=mode,
            on_event=ends.observe,
            transport_settings={"webrtc": WebRTCSettings(**settings)},
        )
        transport = WebRTCTransport(stream)
        app = Starlette()
        transport.mount(app, "", None)
        async with serving(app) as server:
            yield Site(stream, transport, server)

    return make


async def hear(client: RTCClient) -> None:
    """Say something, and wait until it comes back."""
    client.audio.sounds.skip()
    client.send_audio(tone(440, 0.3))
    await client.audio.sounds.match(lambda sound: level(sound.samples) > 2000)


# Clients that never come


async def test_a_client_that_never_connects(site: Any, ends: Any, leaving_nothing: Any) -> None:
    async with leaving_nothing(), site(connect_timeout=0.3) as where:
        offer = await _offer()
        async with httpx.AsyncClient() as http:
            body = {"type": "offer", "sdp": without_candidates(offer), "webrtc_id": "abc"}
            answer = await http.post(f"{where.server.url}/webrtc/offer", json=body)
        assert answer.status_code == 200
        assert len(where.stream.sessions) == 1
        assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
        await where.emptied()


async def _offer() -> str:
    offers: asyncio.Queue[str] = asyncio.Queue()

    async def post(path: str, body: Any) -> tuple[int, dict[str, Any]]:
        offers.put_nowait(body["sdp"])
        return 500, {}

    client = RTCClient(post)
    with pytest.raises(ConnectionError):
        await client.connect()
    return offers.get_nowait()


async def test_a_client_whose_packets_are_lost(site: Any, connected: Any, ends: Any) -> None:
    from fastrtc_webrtc.testing import Impairment

    lost = Impairment(loss=1.0)
    async with site(connect_timeout=0.3) as where, asyncio.TaskGroup() as tasks:
        client = connected(where.server, outgoing=lost)
        connecting = tasks.create_task(client.__aenter__())
        assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
        connecting.cancel()


# Clients that go, and come back


async def test_a_client_that_has_vanished_longer_than_consent_holds(
    site: Any, connected: Any, ends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.05)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 1)
    async with site(reconnect_grace=60.0) as where, connected(where.server) as client:
        [session] = where.stream.sessions
        await hear(client)
        peer = where.connection(client)._peer
        assert peer is not None
        closed = asyncio.Event()
        peer.on("connectionstatechange", lambda: closed.set() if _is_closed(peer) else None)
        await client.vanish()
        await closed.wait()
        assert not session.closed
        await client.come_back()
        assert list(where.stream.sessions) == [session]
        await hear(client)


def _is_closed(peer: Any) -> bool:
    return bool(peer.connectionState == "closed")


async def test_a_client_that_does_not_come_back(
    site: Any, connected: Any, ends: Any, leaving_nothing: Any
) -> None:
    loop = asyncio.get_running_loop()
    async with leaving_nothing(), site(reconnect_grace=0.6) as where:
        async with connected(where.server) as client:
            await client.vanish()
            began = loop.time()
            assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
            assert loop.time() - began > 0.3
        await where.emptied()


async def test_a_client_that_is_only_quiet(site: Any, connected: Any, ends: Any) -> None:
    """Its checks of consent are enough."""
    async with (
        site(reconnect_grace=8.0) as where,
        connected(where.server, audio="recvonly") as client,
    ):
        connection = where.connection(client)
        peer = connection._peer
        assert peer is not None
        before = peer.last_heard
        while peer.last_heard == before:
            await asyncio.sleep(0.05)
        connection._check_signs()
        assert not connection._left.is_set()


async def test_coming_back_again_and_again(site: Any, connected: Any, leaving_nothing: Any) -> None:
    async with leaving_nothing(), site() as where, connected(where.server) as client:
        [session] = where.stream.sessions
        for _ in range(3):
            await client.come_back()
            await hear(client)
        assert list(where.stream.sessions) == [session]


async def test_the_end_while_an_earlier_connection_is_being_closed(
    site: Any, connected: Any, leaving_nothing: Any
) -> None:
    async with leaving_nothing():
        async with site() as where, connected(where.server) as client:
            [session] = where.stream.sessions
            await client.come_back()
            session.close(CloseReason.HANDLER)
        await where.emptied()


async def test_a_restart_that_comes_to_nothing(
    site: Any, connected: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="fastrtc_webrtc")
    async with site(connect_timeout=0.5) as where, connected(where.server) as client:
        connection = where.connection(client)
        agent = await connection.restart_ice("abcd", "x" * 22)
        link = connection._peer.links[0] if connection._peer else None
        assert link is not None
        assert link.connection is not agent
        await asyncio.gather(*connection._running)
        assert "an ICE restart came to nothing" in caplog.text
        assert agent._closed
        await hear(client)


# What ends a session ends its connection


@pytest.mark.parametrize("reason", [CloseReason.HANDLER, CloseReason.TIME_LIMIT])
async def test_the_session_is_closed(
    site: Any, connected: Any, leaving_nothing: Any, reason: CloseReason
) -> None:
    async with leaving_nothing(), site() as where:
        async with connected(where.server) as client:
            [session] = where.stream.sessions
            session.close(reason, "the end")
            assert await client.message("end_stream") == "the end"
            await client.wait_closed()
        await where.emptied()


async def test_the_server_shuts_down(connected: Any, site: Any, leaving_nothing: Any) -> None:
    async with leaving_nothing():
        async with site() as where:
            clients = [await _enter(connected(where.server)) for _ in range(2)]
            where.server.uvicorn.should_exit = True
            for client, _ in clients:
                assert await client.message("end_stream")
                await client.wait_closed()
        for _, context in clients:
            await context.__aexit__(None, None, None)
        assert len(where.stream.sessions) == 0


async def _enter(context: Any) -> Any:
    return await context.__aenter__(), context


# Negotiating again


async def test_a_microphone_that_comes_later(site: Any, connected: Any) -> None:
    async with (
        site() as where,
        connected(where.server, audio="recvonly") as client,
    ):
        [session] = where.stream.sessions
        [transceiver] = client.pc.getTransceivers()
        transceiver.sender.replaceTrack(client.microphone)
        transceiver.direction = "sendrecv"
        await client.reoffer()
        await hear(client)
        assert session.counters.audio_in > 0


async def test_nothing_is_sent_to_a_client_that_has_put_us_on_hold(
    site: Any, connected: Any
) -> None:
    async with site() as where, connected(where.server) as client:
        await hear(client)
        [transceiver] = client.pc.getTransceivers()
        transceiver.direction = "inactive"
        await client.reoffer()
        connection = where.connection(client)
        assert connection.outlets.audio._sinks == {}
        transceiver.direction = "sendrecv"
        await client.reoffer()
        await hear(client)


async def test_no_offer_is_taken_after_the_end(site: Any, connected: Any) -> None:
    from fastrtc_core import UnknownSessionError

    async with site() as where, connected(where.server) as client:
        connection = where.connection(client)
        offer = connection.offer
        connection.leave()
        with pytest.raises(UnknownSessionError):
            await connection.reoffer(offer)
        with pytest.raises(UnknownSessionError):
            await connection.restart_ice("abcd", "x" * 22)
        connection.add_candidates(offer.candidates)  # which nobody minds
        connection.end(CloseReason.SHUTDOWN)


async def test_failures_beside_a_session_are_logged(
    site: Any, connected: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with site() as where, connected(where.server) as client:
        connection = where.connection(client)
        connection._start(fail())
        await asyncio.gather(*connection._running)
        assert "a part of its connection failed" in caplog.text
        await hear(client)


# Many at once


async def test_many_come_and_go(site: Any, connected: Any, leaving_nothing: Any) -> None:
    async with leaving_nothing(), site() as where:

        async def visit() -> None:
            async with connected(where.server) as client:
                await hear(client)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(5):
                tasks.create_task(visit())
        await where.emptied()


async def test_what_a_generator_has_to_say(site: Any, connected: Any, ends: Any) -> None:
    async def speak() -> AsyncIterator[Any]:
        yield 24_000, tone(440, 0.5, 24_000)

    async with (
        site(speak, mode="receive") as where,
        connected(where.server, audio="recvonly", data_channel=False) as client,
    ):
        await client.audio.sounds.match(lambda sound: level(sound.samples) > 2000)


def test_its_name() -> None:
    assert connection_module.TRANSPORT == "webrtc"
