"""ICE with what servers need: chosen ports and addresses, loopback, and a sign of life.

aioice gathers on every address but the loopback ones, from ports the system chooses. This subclass
of its connection takes addresses and ports from the transport's settings, tells clients the
announced addresses in place of its own, passes media on without a queue and a task in between, and
notes when the peer was heard last.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from aioice import Candidate, Connection, TransportPolicy
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, get_host_addresses, server_reflexive_candidate

logger = logging.getLogger("fastrtc_webrtc")

LOOPBACK: Final = ("127.0.0.1", "::1")

STUN_TIMEOUT: Final = 2.0
"""Seconds for a STUN server to answer; RFC 8489 has 39.5, in which nobody waits for a page."""

LOWEST_MEDIA, HIGHEST_MEDIA = 128, 191
"""First byte of RTP and RTCP, RFC 7983 section 7."""

COMPONENT: Final = 1
"""RTP, and with it everything else, as RTCP is multiplexed: RFC 8445 section 13."""

LAST_STUN: Final = 3
"""Highest first byte of STUN, RFC 7983 section 7."""

RECEIVE_BUFFER: Final = 1 << 20
"""Bytes the system keeps for a socket that is not read for a moment: a key frame fits."""

MOST_UNREAD: Final = 512
"""Packets that wait to be read; anybody may send some before the connection stands."""


@dataclass(frozen=True, slots=True)
class IceOptions:
    """From where a server is reached."""

    bind: tuple[str, ...] = ()
    """Addresses to use; all of the machine's if there are none."""

    announced: tuple[str, ...] = ()
    ports: tuple[int, int] | None = None
    loopback: bool = False
    """Whether the loopback addresses are used too: the client is on this machine."""


class _Protocol(StunProtocol):
    """Tells media from STUN by their first byte, rather than by failing to parse them."""

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        if not isinstance(data, bytes) or not data:
            return
        if data[0] > LAST_STUN:
            self.receiver.data_received(data, COMPONENT)
            return
        try:
            super().datagram_received(data, addr)
        except Exception as error:  # noqa: BLE001 - aioice reads attributes without looking
            logger.debug("a packet of %d bytes is no STUN: %r", len(data), error)


class IceConnection(Connection):
    """One ICE agent with one component.

    Args:
        options: From where the server is reached.
        **arguments: aioice's own.

    """

    def __init__(self, options: IceOptions, **arguments: Any) -> None:
        super().__init__(ice_controlling=False, **arguments)
        self._options = options
        self._loop = asyncio.get_running_loop()
        self.last_heard: float = self._loop.time()
        """When the last packet of the peer came, on the event loop's clock."""
        self.expired = False
        """Whether it is closed because the peer was silent for too long, RFC 7675."""
        self.media: Callable[[bytes], bool] | None = None
        """Takes RTP and RTCP packets as they come; returns whether it did."""

    @classmethod
    def in_place_of(cls, other: Connection, options: IceOptions) -> "IceConnection":
        """Return a connection with another's servers and credentials, to be used instead."""
        return cls(
            options,
            local_username=other.local_username,
            local_password=other.local_password,
            **_servers(other),
        )

    def fresh(self) -> "IceConnection":
        """Return a connection with credentials of its own, for an ICE restart (RFC 8445 2.4)."""
        fresh = IceConnection(self._options, **_servers(self))
        fresh.ice_controlling = self.ice_controlling
        fresh.media = self.media
        return fresh

    def data_received(self, data: bytes, component: int) -> None:
        """Take a packet that is not STUN."""
        self.last_heard = self._loop.time()
        media = self.media
        if (
            media is not None
            and data
            and LOWEST_MEDIA <= data[0] <= HIGHEST_MEDIA
            and not self._closing
            and media(data)
        ):
            return
        if self._queue.qsize() < MOST_UNREAD:
            super().data_received(data, component)

    def request_received(self, message: Any, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Take a check of the peer's."""
        self.last_heard = self._loop.time()
        super().request_received(message, addr, protocol)

    async def close(self) -> None:
        """Close the connection, also if who waits for it is cancelled: aioice could not go on."""
        # For want of consent aioice closes it itself, and has forgotten who checks that before.
        if self._nominated and self._query_consent_task is None:
            self.expired = True
        await asyncio.shield(super().close())

    def send_now(self, data: bytes) -> None:
        """Send a packet without waiting.

        Raises:
            ConnectionError: There is no connection.

        """
        pair = self._nominated.get(COMPONENT)
        if pair is None:
            raise ConnectionError("Cannot send data, not connected")
        pair.protocol.transport.sendto(data, pair.remote_addr)

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[Candidate]:
        """Gather candidates: hosts at once, servers' side by side."""
        candidates: list[Candidate] = []
        protocols: list[StunProtocol] = []
        if self._transport_policy == TransportPolicy.ALL:
            protocols = [protocol async for protocol in self._bound()]
            candidates += self._host_candidates(component, protocols)
        reflexive = [
            server_reflexive_candidate(protocol, self.stun_server)
            for protocol in protocols
            if self.stun_server and _is_public_route(protocol)
        ]
        relayed = super().get_component_candidates(component, [], timeout)
        found, relays = await asyncio.gather(asyncio.gather(*map(_or_none, reflexive)), relayed)
        candidates += [candidate for candidate in found if candidate is not None]
        return candidates + relays

    async def _bound(self) -> AsyncIterator[StunProtocol]:
        for address in self._addresses():
            try:
                protocol = await self._bind(address)
            except OSError as error:
                logger.info("no ICE candidate on %s: %s", address, error)
            else:
                self._protocols.append(protocol)
                yield protocol

    def _addresses(self) -> Sequence[str]:
        chosen = list(self._options.bind) or get_host_addresses(self._use_ipv4, self._use_ipv6)
        if self._options.loopback or not chosen:
            chosen += [address for address in LOOPBACK if address not in chosen]
        return chosen

    async def _bind(self, address: str) -> StunProtocol:
        first_error: OSError | None = None
        for port in self._ports():
            try:
                transport, protocol = await self._loop.create_datagram_endpoint(
                    lambda: _Protocol(self), local_addr=(address, port)
                )
            except OSError as error:
                first_error = first_error or error
                continue
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER
            )
            return protocol
        raise first_error or OSError("no port to try")

    def _ports(self) -> Iterable[int]:
        if self._options.ports is None:
            return (0,)
        first, last = self._options.ports
        count = last - first + 1
        start = self._tie_breaker % count  # sessions begin at different ports
        return (first + (start + k) % count for k in range(count))

    def _host_candidates(
        self, component: int, protocols: Sequence[StunProtocol]
    ) -> Iterable[Candidate]:
        for protocol in protocols:
            host, port = protocol.transport.get_extra_info("sockname")[:2]
            for name in self._announced_for(host):
                candidate = Candidate(
                    foundation=candidate_foundation("host", "udp", name),
                    component=component,
                    transport="udp",
                    priority=candidate_priority(component, "host"),
                    host=name,
                    port=port,
                    type="host",
                )
                protocol.local_candidate = candidate
                yield candidate

    def _announced_for(self, host: str) -> Sequence[str]:
        if ip_address(host).is_loopback:
            return (host,)
        version = ip_address(host).version
        return [
            name for name in self._options.announced if ip_address(name).version == version
        ] or (host,)


def _servers(connection: Connection) -> dict[str, Any]:
    return {
        "stun_server": connection.stun_server,
        "turn_server": connection.turn_server,
        "turn_username": connection.turn_username,
        "turn_password": connection.turn_password,
        "turn_ssl": connection.turn_ssl,
        "turn_transport": connection.turn_transport,
        "transport_policy": connection._transport_policy,
    }


def _is_public_route(protocol: StunProtocol) -> bool:
    address = ip_address(protocol.local_candidate._network_host)
    return address.version == 4 and not address.is_loopback


async def _or_none(
    asking: Awaitable[tuple[Candidate, None]],
) -> Candidate | None:
    try:
        async with asyncio.timeout(STUN_TIMEOUT):
            candidate, _ = await asking
    except Exception as error:  # noqa: BLE001 - aioice has errors of its own
        logger.warning("the STUN server gave no answer: %s", str(error) or type(error).__name__)
        return None
    return candidate
