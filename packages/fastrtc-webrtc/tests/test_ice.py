"""Agents of both ends in one process, on the loopback address."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any

import aioice
import pytest
from aioice import stun
from aioice.ice import get_host_addresses

from fastrtc_webrtc import ice
from fastrtc_webrtc.ice import IceConnection, IceOptions

LOCAL = "127.0.0.1"
ON_LOOPBACK = IceOptions(bind=(LOCAL,))


@asynccontextmanager
async def gathered(options: IceOptions = ON_LOOPBACK, **arguments: Any) -> AsyncIterator[Any]:
    connection = IceConnection(options, **arguments)
    try:
        await connection.gather_candidates()
        yield connection
    finally:
        await connection.close()


def hosts(connection: IceConnection) -> list[str]:
    return [candidate.host for candidate in connection.local_candidates]


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


# Addresses and ports


async def test_all_addresses_of_the_machine() -> None:
    async with gathered(IceOptions()) as connection:
        expected = get_host_addresses(use_ipv4=True, use_ipv6=True) or [LOCAL, "::1"]
        assert set(hosts(connection)) <= set(expected)
        if get_host_addresses(use_ipv4=True, use_ipv6=True):
            assert not any(host in ("127.0.0.1", "::1") for host in hosts(connection))


async def test_loopback_for_clients_on_this_machine() -> None:
    async with gathered(IceOptions(loopback=True)) as connection:
        assert LOCAL in hosts(connection)


async def test_loopback_beside_chosen_addresses() -> None:
    async with gathered(IceOptions(bind=(LOCAL,), loopback=True)) as connection:
        assert hosts(connection).count(LOCAL) == 1


async def test_no_interface_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "get_host_addresses", lambda *_: [])
    async with gathered(IceOptions()) as connection:
        assert LOCAL in hosts(connection)


async def test_an_address_of_another_machine(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="fastrtc_webrtc")
    async with gathered(IceOptions(bind=("192.0.2.1", LOCAL))) as connection:
        assert hosts(connection) == [LOCAL]
    assert "no ICE candidate on 192.0.2.1" in caplog.text


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    """Two neighbouring ports that are free."""
    for first in range(40_000, 60_000, 2):
        try:
            for port in (first, first + 1):
                with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
                    probe.bind((LOCAL, port))
        except OSError:
            continue
        yield first, first + 1
        return


async def test_a_port_range(ports: tuple[int, int], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="fastrtc_webrtc")
    options = IceOptions(bind=(LOCAL,), ports=ports)
    async with gathered(options) as one, gathered(options) as other:
        used = [c.port for agent in (one, other) for c in agent.local_candidates]
        assert sorted(used) == list(ports)
        async with gathered(options) as third:
            assert hosts(third) == []
            assert "no ICE candidate on 127.0.0.1" in caplog.text
    async with gathered(options) as later:
        assert later.local_candidates[0].port in ports


ANNOUNCED = ("203.0.113.7", "198.51.100.1", "2001:db8::7")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.0.0.2", ["203.0.113.7", "198.51.100.1"]),
        ("fd00::2", ["2001:db8::7"]),
        ("127.0.0.1", ["127.0.0.1"]),
        ("::1", ["::1"]),
    ],
)
async def test_announced_addresses(host: str, expected: list[str]) -> None:
    connection = IceConnection(IceOptions(announced=ANNOUNCED))
    assert list(connection._announced_for(host)) == expected


async def test_no_announced_address_of_a_kind() -> None:
    connection = IceConnection(IceOptions(announced=("203.0.113.7",)))
    assert list(connection._announced_for("fd00::2")) == ["fd00::2"]


async def test_announced_addresses_lead_to_the_machine_s_own_port() -> None:
    own = get_host_addresses(use_ipv4=True, use_ipv6=False)
    if not own:
        pytest.skip("this machine has no address but the loopback one")
    options = IceOptions(bind=(own[0],), announced=("203.0.113.7",))
    async with gathered(options) as connection:
        assert hosts(connection) == ["203.0.113.7"]
        [protocol] = connection._protocols
        bound = protocol.transport.get_extra_info("sockname")
        assert bound == (own[0], connection.local_candidates[0].port)


async def test_gathering_that_is_cut_short_leaves_no_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = IceConnection(IceOptions(bind=(LOCAL, "::1")))
    bind = connection._bind

    async def hang_at_the_second(address: str) -> Any:
        if address != LOCAL:
            await asyncio.Event().wait()
        return await bind(address)

    monkeypatch.setattr(connection, "_bind", hang_at_the_second)
    async with asyncio.TaskGroup() as tasks:
        gathering = tasks.create_task(connection.gather_candidates())
        while not connection._protocols:
            await asyncio.sleep(0)
        gathering.cancel()
    [protocol] = connection._protocols
    await connection.close()
    assert protocol.transport.is_closing()


# STUN servers


@pytest.fixture
def silent_server() -> Iterator[tuple[str, int]]:
    """A UDP port at which nobody answers."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind((LOCAL, 0))
        yield server.getsockname()


async def test_a_stun_server_that_does_not_answer(
    silent_server: tuple[str, int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(ice, "STUN_TIMEOUT", 0.2)
    monkeypatch.setattr(ice, "_is_public_route", lambda _: True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with gathered(stun_server=silent_server) as connection:
        assert 0.2 <= loop.time() - began < 1.5
        assert [candidate.type for candidate in connection.local_candidates] == ["host"]
        assert not connection._protocols[0].transactions
    assert "the STUN server gave no answer: TimeoutError" in caplog.text


async def test_no_stun_server_is_asked_from_the_loopback_address(
    silent_server: tuple[str, int],
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with gathered(stun_server=silent_server):
        assert loop.time() - began < ice.STUN_TIMEOUT / 2


async def test_what_a_stun_server_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "_is_public_route", lambda _: True)
    async with gathered() as server:
        # An agent answers checks as a server does, but for the password.
        monkeypatch.setattr(server, "request_received", _answer)
        address = (LOCAL, server.local_candidates[0].port)
        async with gathered(stun_server=address) as connection:
            host, reflexive = connection.local_candidates
            assert (reflexive.type, reflexive.port) == ("srflx", host.port)


def _answer(message: Any, addr: tuple[str, int], protocol: Any) -> None:
    response = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.RESPONSE,
        transaction_id=message.transaction_id,
    )
    response.attributes["XOR-MAPPED-ADDRESS"] = addr
    protocol.send_stun(response, addr)


async def test_only_relays(silent_server: tuple[str, int]) -> None:
    relay = aioice.TransportPolicy.RELAY
    async with gathered(transport_policy=relay, stun_server=silent_server) as connection:
        assert connection.local_candidates == []


# Data


async def test_data(client: Client) -> None:
    async with gathered() as server:
        with pytest.raises(ConnectionError):
            server.send_now(b"\x90early")
        await introduce(server, client)
        await asyncio.gather(server.connect(), client.connect())
        server.send_now(b"\x90to the client")
        assert await client.recv() == b"\x90to the client"
        heard = server.last_heard
        await client.send(b"\x14dtls")
        assert await server.recv() == b"\x14dtls"
        assert server.last_heard > heard
    with pytest.raises(ConnectionError):
        server.send_now(b"\x90late")


async def test_media_come_at_once(client: Client) -> None:
    async with gathered() as server:
        await introduce(server, client)
        await asyncio.gather(server.connect(), client.connect())
        taken: list[bytes] = []

        def take(packet: bytes) -> bool:
            taken.append(packet)
            return packet != b"\x80for aiortc"

        server.media = take
        for packet in (b"\x80a", b"\x80for aiortc", b"\xbfb", b"\x14dtls", b"\xc0other"):
            await client.send(packet)
        assert await server.recv() == b"\x80for aiortc"
        assert await server.recv() == b"\x14dtls"
        assert await server.recv() == b"\xc0other"
        assert taken == [b"\x80a", b"\x80for aiortc", b"\xbfb"]


GARBAGE = [
    b"",
    b"\x00",
    b"\x03" * 40,
    bytes.fromhex("0001 0008 2112a442 000000000000000000000000 0024 0001 00 000000"),
    bytes.fromhex("0001 0004 2112a442 000000000000000000000000 0020 0000"),
    bytes.fromhex("0001 0008 2112a442 000000000000000000000000 0009 0001 00 000000"),
    bytes.fromhex("0101 0008 2112a442 000000000000000000000000 0020 0002 0003 0000"),
]


async def test_packets_that_mean_nothing(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with gathered() as server:
        await introduce(server, client)
        await asyncio.gather(server.connect(), client.connect())
        address = (LOCAL, server.local_candidates[0].port)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as stranger:
            for packet in GARBAGE:
                stranger.sendto(packet, address)
        await client.send(b"\x14last")
        while (data := await server.recv()) != b"\x14last":
            assert data  # aiortc looks at the first byte without asking
    assert failures == []


async def test_packets_that_nobody_reads() -> None:
    async with gathered() as server:
        for _ in range(2000):
            server.data_received(b"\x14", 1)
        assert server._queue.qsize() == ice.MOST_UNREAD


async def test_a_check_is_a_sign_of_life(client: Client) -> None:
    async with gathered() as server:
        before = server.last_heard
        await introduce(server, client)
        await asyncio.gather(server.connect(), client.connect())
        assert server.last_heard > before


# Another agent in its place


async def test_credentials_and_servers_stay(silent_server: tuple[str, int]) -> None:
    one = aioice.Connection(
        ice_controlling=False,
        stun_server=silent_server,
        turn_server=silent_server,
        turn_username="user",
        turn_password="pass",
        turn_transport="tcp",
    )
    other = IceConnection.in_place_of(one, ON_LOOPBACK)
    assert (other.local_username, other.local_password) == (one.local_username, one.local_password)
    for again in (other, other.fresh()):
        assert again.stun_server == again.turn_server == silent_server
        assert (again.turn_username, again.turn_password) == ("user", "pass")
        assert again.turn_transport == "tcp"
    assert other.fresh().local_username != other.local_username


# Ends


@pytest.mark.parametrize("how", ["silent", "closed"])
async def test_the_end_for_want_of_a_sign_of_life(
    client: Client, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.05)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 1)
    async with gathered() as server:
        await introduce(server, client)
        await asyncio.gather(server.connect(), client.connect())
        if how == "silent":
            await client.close()
            with pytest.raises(ConnectionError):
                await server.recv()
            assert server.expired
        else:
            await server.close()
            assert not server.expired
