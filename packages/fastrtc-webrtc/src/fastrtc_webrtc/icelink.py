"""The place of the ICE agent in a peer connection, in which a restart puts another one."""

from aioice import Candidate
from aiortc import RTCIceTransport

from fastrtc_webrtc.candidates import Candidate as RemoteCandidate
from fastrtc_webrtc.ice import IceConnection, IceOptions


class IceLink:
    """The ICE agent of a peer connection, which a restart may exchange for another.

    Takes the place of the connection inside aiortc's `RTCIceTransport`.
    """

    def __init__(self, transport: RTCIceTransport, options: IceOptions) -> None:
        self._transport = transport
        connection = IceConnection.in_place_of(transport._connection, options)
        transport.iceGatherer._connection = connection
        transport._connection = connection
        transport._recv = self._receive
        transport._send = self._send
        self.connection = connection
        """The agent that carries data now."""
        self.newest = connection
        """The agent that answers describe and candidates are for: in a restart, another one."""
        self._agents = {connection}
        """All that are not closed: in a restart there are two."""

    @property
    def last_heard(self) -> float:
        """When the last packet of the peer came, or a restart began, on the loop's clock."""
        return max((agent.last_heard for agent in self._agents), default=0.0)

    async def _receive(self) -> bytes:
        while True:
            connection = self.connection
            try:
                return await connection.recv()
            except ConnectionError:
                if connection is self.connection:
                    raise

    async def _send(self, data: bytes) -> None:
        self.connection.send_now(data)

    async def add_candidate(self, remote: RemoteCandidate) -> None:
        """Try to reach the peer at an address; a mDNS name is looked up first."""
        await self.newest.add_remote_candidate(
            Candidate(
                foundation=remote.foundation,
                component=remote.component,
                transport=remote.transport,
                priority=remote.priority,
                host=remote.address,
                port=remote.port,
                type=remote.type,
            )
        )

    async def close(self) -> None:
        """Close the agents."""
        for agent in tuple(self._agents):
            await self._close(agent)

    def prepare_restart(self) -> IceConnection:
        """Have the next answer describe a new agent, and return it; `finish_restart` uses it."""
        fresh = self.connection.fresh()
        self._agents.add(fresh)
        self._transport.iceGatherer._connection = self.newest = fresh
        return fresh

    async def finish_restart(self, fresh: IceConnection) -> None:
        """Connect the new agent and let it carry the data; the old one does until then.

        Raises:
            ConnectionError: It does not connect; the old one stays.

        """
        try:
            await fresh.connect()
        except BaseException:
            self._give_up(fresh)
            await self._close(fresh)
            raise
        old, self.connection = self.connection, fresh
        self._transport._connection = fresh
        # aiortc's monitor waits for the end of the agent: of this one from now on.
        fresh._event_waiter, old._event_waiter = old._event_waiter, None
        await self._close(old)

    async def abandon_restart(self) -> None:
        """End a restart that is under way, if there is one: the old agent stays."""
        for agent in self._agents - {self.connection}:
            self._give_up(agent)
            await self._close(agent)

    async def _close(self, agent: IceConnection) -> None:
        await agent.close()
        self._agents.discard(agent)

    def _give_up(self, fresh: IceConnection) -> None:
        if self.newest is fresh:  # nor has a newer one taken its place
            self._transport.iceGatherer._connection = self.newest = self.connection
