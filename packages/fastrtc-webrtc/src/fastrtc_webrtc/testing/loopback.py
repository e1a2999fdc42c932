"""ICE over the loopback address, which aioice leaves out, and ends of it that are not polite.

What is reached into here is private to aiortc and aioice; nothing is changed but the one peer
connection.
"""

import asyncio
from typing import Final

from aioice import Connection
from aiortc import RTCIceTransport, RTCPeerConnection
from aiortc.sdp import SessionDescription

from fastrtc_webrtc.testing.link import Outgoing, ice_transports

LOOPBACK: Final = "127.0.0.1"

SERVERS: Final = (
    "stun_server",
    "turn_server",
    "turn_username",
    "turn_password",
    "turn_ssl",
    "turn_transport",
)
"""Attributes of an agent of aioice that its constructor takes."""


class LoopbackConnection(Connection):
    """An ICE agent that uses the loopback address and no other."""

    def __init__(
        self, controlling: bool, username: str | None = None, password: str | None = None
    ) -> None:
        super().__init__(controlling, local_username=username, local_password=password)

    async def gather_candidates(self) -> None:
        """Open a socket."""
        if not self._local_candidates_start:
            self._local_candidates_start = True
            self._local_candidates += await self.get_component_candidates(1, [LOOPBACK])
            self._local_candidates_end = True


def use_loopback(pc: RTCPeerConnection) -> None:
    """Let a new peer connection, which has its transceivers and channels, use loopback."""
    for transport in ice_transports(pc):
        agent = transport._connection
        _use(
            transport,
            LoopbackConnection(agent.ice_controlling, agent.local_username, agent.local_password),
        )
        transport.iceGatherer._connection = transport._connection


def vanish(pc: RTCPeerConnection) -> None:
    """Break a peer connection off: its sockets are closed without a word, and it is silent."""
    for transport in ice_transports(pc):
        agent = transport._connection
        if agent._query_consent_task is not None:
            agent._query_consent_task.cancel()
        for protocol in agent._protocols:
            protocol.transport.abort()
            protocol.transport = Outgoing(protocol.transport, lambda act, data, addr: None)


class IceRestart:
    """A restart of ICE, RFC 8445 section 9, which aiortc itself has not.

    Make it, offer with what the peer connection then says, give the answer to
    `setRemoteDescription` and to `finish`. Until then the old connection works.
    """

    def __init__(self, pc: RTCPeerConnection) -> None:
        [self._transport] = ice_transports(pc)
        self._old = self._transport._connection
        self._new = _fresh(self._old)

    async def begin(self) -> None:
        """Make new credentials and a new socket."""
        await self._new.gather_candidates()
        gatherer = self._transport.iceGatherer
        gatherer._connection = self._new
        gatherer._remote_candidates_end = False
        self._transport._connection = self._new

    async def finish(self, answer: str) -> None:
        """Connect to where the answer says, and leave the old connection.

        Raises:
            ConnectionError: The peer is not reached there.

        """
        remote = SessionDescription.parse(answer).media[0].ice
        assert remote is not None
        self._new.remote_username = remote.usernameFragment
        self._new.remote_password = remote.password
        old, new = self._old, self._new
        # DTLS waits for the next packet of either, and the transport for the end of the agent: both
        # go on with the new one.
        new._queue = old._queue
        await new.connect()
        new._event_waiter, old._event_waiter = old._event_waiter, None
        _use(self._transport, new)
        old._queue = asyncio.Queue()  # its end is nobody's
        await old.close()


def _fresh(agent: Connection) -> Connection:
    """Return an agent with credentials of its own that uses the same addresses and servers."""
    if isinstance(agent, LoopbackConnection):
        return LoopbackConnection(controlling=True)
    servers = {name: getattr(agent, name) for name in SERVERS}
    return Connection(True, transport_policy=agent._transport_policy, **servers)


def _use(transport: RTCIceTransport, agent: Connection) -> None:
    transport._connection = agent
    transport._recv = agent.recv
    transport._send = agent.send
