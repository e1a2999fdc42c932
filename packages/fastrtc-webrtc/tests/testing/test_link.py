import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
from aioice import Connection
from aioice.ice import StunProtocol
from aiortc import RTCConfiguration, RTCPeerConnection

from fastrtc_webrtc.testing import Impairment, ice_transports, impair
from fastrtc_webrtc.testing.loopback import use_loopback

DTLS = bytes([22, 254, 253, 0])


def rtp(sequence: int = 0) -> bytes:
    return struct.pack("!BBHLL", 0x80, 96, sequence, 960, 7) + b"sound"


class Peers:
    """Two sockets of peer connections; what one sends comes to the other."""

    def __init__(self, sender: RTCPeerConnection, receiver: RTCPeerConnection) -> None:
        self.pcs = (sender, receiver)
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    async def open(self) -> None:
        for pc in self.pcs:
            pc.createDataChannel("text")
            use_loopback(pc)
            await pc.setLocalDescription(await pc.createOffer())
        vars(self.agent(1))["data_received"] = lambda data, component: self.came.put_nowait(data)
        self.address = self.socket(1).transport.get_extra_info("sockname")

    def socket(self, index: int) -> StunProtocol:
        [protocol] = self.agent(index)._protocols
        return protocol

    def agent(self, index: int) -> Connection:
        [transport] = ice_transports(self.pcs[index])
        return transport._connection

    async def send(self, *packets: bytes) -> None:
        for packet in packets:
            await self.socket(0).send_data(packet, self.address)


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    pcs = [RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2)]
    peers = Peers(*pcs)
    await peers.open()
    yield peers
    for pc in pcs:
        await pc.close()


async def test_outgoing_packets(peers: Peers) -> None:
    with impair(peers.pcs[0], outgoing=Impairment(drop={1}, only="rtp")):
        await peers.send(rtp(1), rtp(2), DTLS, rtp(3))
        assert [await peers.came.get() for _ in range(3)] == [rtp(1), DTLS, rtp(3)]
    await peers.send(rtp(4))
    assert await peers.came.get() == rtp(4)


async def test_incoming_packets(peers: Peers) -> None:
    impairment = Impairment(duplicate=1.0)
    with impair(peers.pcs[1], incoming=impairment):
        await peers.send(rtp(1))
        assert [await peers.came.get() for _ in range(2)] == [rtp(1), rtp(1)]
        impairment.drop_next()
        await peers.send(rtp(2), rtp(3))
        assert await peers.came.get() == rtp(3)


@pytest.mark.parametrize("direction", ["outgoing", "incoming"])
async def test_late_packets(peers: Peers, direction: str) -> None:
    loop = asyncio.get_running_loop()
    late = Impairment(delay=0.05, only="rtp")
    with impair(peers.pcs[direction == "incoming"], **{direction: late}):
        began = loop.time()
        await peers.send(rtp(), DTLS)
        assert [await peers.came.get() for _ in range(2)] == [DTLS, rtp()]
        assert loop.time() - began >= 0.05


async def test_one_on_another(peers: Peers) -> None:
    with impair(peers.pcs[0], outgoing=Impairment(duplicate=1.0)):
        with impair(peers.pcs[0], outgoing=Impairment(drop={0})):
            await peers.send(rtp(1), rtp(2))
            assert [await peers.came.get() for _ in range(2)] == [rtp(2), rtp(2)]
        await peers.send(rtp(3))
        assert [await peers.came.get() for _ in range(2)] == [rtp(3), rtp(3)]


async def test_packets_that_are_due_after_the_end(peers: Peers) -> None:
    impaired = impair(peers.pcs[0], outgoing=Impairment(delay=0.01))
    await peers.send(rtp(1))
    await peers.pcs[0].close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await peers.came.get()
    impaired.remove()


async def test_a_connection_without_sockets() -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    with pytest.raises(RuntimeError, match="no sockets yet"):
        impair(pc, incoming=Impairment())
    await pc.close()
