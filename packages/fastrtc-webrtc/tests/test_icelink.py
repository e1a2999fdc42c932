"""The exchange of one agent for another, under way and with data passing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aioice
import pytest
from aiortc import RTCIceGatherer, RTCIceTransport

from fastrtc_webrtc.candidates import parse_candidate
from fastrtc_webrtc.ice import IceConnection, IceOptions
from fastrtc_webrtc.icelink import IceLink

LOCAL = "127.0.0.1"
ON_LOOPBACK = IceOptions(bind=(LOCAL,))


def tell(one: aioice.Connection, other: aioice.Connection) -> None:
    """Tell an agent the credentials of another."""
    one.remote_username, one.remote_password = other.local_username, other.local_password


async def introduce(one: aioice.Connection, other: aioice.Connection) -> None:
    """Tell two agents of each other; they have gathered."""
    tell(one, other)
    tell(other, one)
    for candidate in other.local_candidates:
        await one.add_remote_candidate(candidate)
    for candidate in one.local_candidates:
        await other.add_remote_candidate(candidate)


class Client(IceConnection):
    """The other end: controlling, as the side that offers is."""

    def __init__(self) -> None:
        super().__init__(ON_LOOPBACK)
        self.ice_controlling = True


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    await client.gather_candidates()
    yield client
    await client.close()


class Call:
    """A server's agent inside of aiortc's transport, and a client that can restart."""

    def __init__(self, client: Client) -> None:
        self.transport = RTCIceTransport(RTCIceGatherer([]))
        self.link = IceLink(self.transport, ON_LOOPBACK)
        self.client = client

    async def begin(self) -> None:
        await self.transport.iceGatherer.gather()
        await introduce(self.link.connection, self.client)
        remote = self.transport.iceGatherer.getLocalParameters()
        remote.usernameFragment = self.client.local_username
        remote.password = self.client.local_password
        await asyncio.gather(self.transport.start(remote), self.client.connect())
        assert self.transport.state == "completed"

    async def works(self, client: aioice.Connection | None = None) -> None:
        client = client or self.client
        await client.send(b"\x14there")
        assert await self.transport._recv() == b"\x14there"
        await self.transport._send(b"\x14back")
        assert await client.recv() == b"\x14back"


@pytest.fixture
async def call(client: Client) -> AsyncIterator[Call]:
    call = Call(client)
    await call.begin()
    yield call
    await call.transport.stop()
    await call.link.close()


async def test_aiortc_uses_the_agent(call: Call) -> None:
    assert call.transport.role == "controlled"
    await call.works()
    call.link.connection.media = lambda data: False
    [local] = call.transport.iceGatherer.getLocalCandidates()
    assert local.ip == LOCAL


async def test_candidates_of_the_client(client: Client) -> None:
    call = Call(client)
    await call.transport.iceGatherer.gather()
    [own] = client.local_candidates
    await call.link.add_candidate(parse_candidate(f"candidate:{own.to_sdp()}", "0"))
    [remote] = call.link.connection.remote_candidates
    assert (remote.host, remote.port, remote.type) == (own.host, own.port, "host")
    await call.link.close()


async def test_the_old_agent_carries_data_until_the_new_one_is_connected(call: Call) -> None:
    old = call.link.connection
    old.media = lambda data: False
    fresh = call.link.prepare_restart()
    assert fresh.local_username != old.local_username
    assert fresh.media == old.media
    assert fresh.ice_controlling == old.ice_controlling
    await fresh.gather_candidates()
    parameters = call.transport.iceGatherer.getLocalParameters()
    assert parameters.usernameFragment == fresh.local_username
    again = Client()
    await again.gather_candidates()
    await introduce(fresh, again)
    async with asyncio.TaskGroup() as tasks:
        restarting = tasks.create_task(call.link.finish_restart(fresh))
        waiting = tasks.create_task(call.transport._recv())
        await call.client.send(b"\x14on the old way")
        assert await waiting == b"\x14on the old way"
        await call.transport._send(b"\x14and back")
        assert await call.client.recv() == b"\x14and back"
        waiting = tasks.create_task(call.transport._recv())  # as DTLS waits for data
        await again.connect()
        await restarting
        await again.send(b"\x14on the new way")
        assert await waiting == b"\x14on the new way"
    assert call.link.connection is fresh
    assert old._closed
    assert call.transport.state == "completed"
    await call.works(again)
    await again.close()


async def test_the_transport_notices_the_end_of_the_new_agent(call: Call) -> None:
    fresh = call.link.prepare_restart()
    await fresh.gather_candidates()
    again = Client()
    await again.gather_candidates()
    await introduce(fresh, again)
    await asyncio.gather(call.link.finish_restart(fresh), again.connect())
    failed = asyncio.Event()
    call.transport.on("statechange", failed.set)
    await fresh.close()  # as when consent has expired
    await failed.wait()
    assert call.transport.state == "failed"
    await again.close()


async def test_a_restart_that_fails_keeps_the_old_agent(call: Call) -> None:
    old = call.link.connection
    fresh = call.link.prepare_restart()
    await fresh.gather_candidates()
    tell(fresh, Client())
    await fresh.add_remote_candidate(None)  # and none before it
    with pytest.raises(ConnectionError):
        await call.link.finish_restart(fresh)
    assert call.link.connection is old
    assert fresh._closed
    await call.works()
    # The next answer describes the agent that is there.
    parameters = call.transport.iceGatherer.getLocalParameters()
    assert parameters.usernameFragment == old.local_username


async def test_a_restart_that_fails_after_a_newer_one_began(call: Call) -> None:
    first = call.link.prepare_restart()
    await first.gather_candidates()
    tell(first, Client())
    second = call.link.prepare_restart()
    await second.gather_candidates()
    again = Client()
    await again.gather_candidates()
    await introduce(second, again)
    await first.add_remote_candidate(None)
    with pytest.raises(ConnectionError):
        await call.link.finish_restart(first)
    parameters = call.transport.iceGatherer.getLocalParameters()
    assert parameters.usernameFragment == second.local_username
    await asyncio.gather(call.link.finish_restart(second), again.connect())
    await call.works(again)
    await again.close()


async def test_a_restart_that_is_abandoned(call: Call) -> None:
    fresh = call.link.prepare_restart()
    await fresh.gather_candidates()
    tell(fresh, Client())
    async with asyncio.TaskGroup() as tasks:
        restarting = tasks.create_task(_raises(ConnectionError, call.link.finish_restart(fresh)))
        await asyncio.sleep(0)
        await call.link.abandon_restart()
        await restarting
    assert fresh._closed
    await call.works()


async def _raises(kind: type[BaseException], work: Any) -> None:
    with pytest.raises(kind):
        await work


async def test_a_restart_is_a_sign_of_life(call: Call) -> None:
    before = call.link.last_heard
    call.link.prepare_restart()
    assert call.link.last_heard > before
    await call.link.abandon_restart()
    assert call.link.last_heard == before


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_closing_in_the_middle_of_a_restart(leaving_nothing: Any, how: str) -> None:
    async with leaving_nothing():
        client = Client()
        await client.gather_candidates()
        call = Call(client)
        await call.begin()
        fresh = call.link.prepare_restart()
        await fresh.gather_candidates()
        tell(fresh, Client())
        async with asyncio.TaskGroup() as tasks:
            end = asyncio.CancelledError if how == "cancelled" else ConnectionError
            restarting = tasks.create_task(_raises(end, call.link.finish_restart(fresh)))
            await asyncio.sleep(0)
            if how == "cancelled":
                restarting.cancel()
                await restarting
                await call.works()
            else:
                await call.transport.stop()
                await call.link.close()
        await call.transport.stop()
        await client.close()
