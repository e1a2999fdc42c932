"""Impairments on a connection of aiortc: between its ICE transport and its sockets."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Final

from aioice.ice import StunProtocol
from aiortc import RTCIceTransport, RTCPeerConnection

from fastrtc_webrtc.testing.impairment import Impairment

MAX_IN_FLIGHT: Final = 4096
"""Delayed packets that one connection holds; what comes beyond them is lost."""

Address = tuple[str, int]
Act = Callable[[bytes, Address], None]


class Impaired:
    """Impairments at work on a peer connection, from `impair`; the end of a block removes them."""

    def __init__(
        self,
        protocols: Iterable[StunProtocol],
        outgoing: Impairment | None,
        incoming: Impairment | None,
    ) -> None:
        self._undo: list[Callable[[], None]] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._loop = asyncio.get_running_loop()
        for protocol in protocols:
            if outgoing is not None:
                self._impair_outgoing(protocol, outgoing)
            if incoming is not None:
                self._impair_incoming(protocol, incoming)

    def __enter__(self) -> "Impaired":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """Let everything pass again; packets under way are lost. The newest goes first."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        while self._undo:
            self._undo.pop()()

    def _impair_outgoing(self, protocol: StunProtocol, impairment: Impairment) -> None:
        transport = protocol.transport
        protocol.transport = Outgoing(transport, partial(self._pass, impairment))
        self._undo.append(partial(setattr, protocol, "transport", transport))

    def _impair_incoming(self, protocol: StunProtocol, impairment: Impairment) -> None:
        # asyncio looks the method up for every packet, so one of the instance's own is found.
        receive = protocol.datagram_received
        vars(protocol)["datagram_received"] = partial(self._pass, impairment, receive)
        self._undo.append(partial(vars(protocol).__setitem__, "datagram_received", receive))

    def _pass(self, impairment: Impairment, act: Act, data: bytes, addr: Address) -> None:
        for delay in impairment.decide(data, self._loop.time()):
            if delay <= 0:
                act(data, addr)
            elif len(self._timers) < MAX_IN_FLIGHT:
                self._act_later(delay, partial(act, data, addr))

    def _act_later(self, delay: float, act: Callable[[], None]) -> None:
        def do() -> None:
            self._timers.discard(timer)
            act()

        timer = self._loop.call_later(delay, do)
        self._timers.add(timer)


class Outgoing(asyncio.DatagramTransport):
    """A datagram transport whose packets pass through somebody else's hands.

    Args:
        transport: The real one.
        through: Called with what really sends, the packet and its address.

    """

    def __init__(
        self,
        transport: asyncio.DatagramTransport,
        through: Callable[[Act, bytes, Address], None],
    ) -> None:
        super().__init__()
        self.transport = transport
        self._through = through
        self._closed = False

    def sendto(self, data: bytes, addr: Address) -> None:  # type: ignore[override]  # all there is
        """Send a packet, or do whatever else is done to it."""
        self._through(self._send, data, addr)

    def _send(self, data: bytes, addr: Address) -> None:
        if not self.is_closing():
            self.transport.sendto(data, addr)

    def is_closing(self) -> bool:
        """Return whether nothing can be sent any more."""
        # The transport of a TURN allocation is not one of asyncio's and can't be asked.
        inner = self.transport
        return self._closed or (isinstance(inner, asyncio.DatagramTransport) and inner.is_closing())

    def close(self) -> None:
        """Close the real transport."""
        self._closed = True
        self.transport.close()

    def abort(self) -> None:
        """Close the real transport at once."""
        self._closed = True
        self.transport.abort()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return what the real transport knows of itself."""
        return self.transport.get_extra_info(name, default)


def ice_transports(pc: RTCPeerConnection) -> list[RTCIceTransport]:
    """Return the ICE transports of a peer connection: one if it is bundled."""
    dtls = [transceiver.receiver.transport for transceiver in pc.getTransceivers()]
    if pc.sctp is not None:
        dtls.append(pc.sctp.transport)
    return list({id(one.transport): one.transport for one in dtls}.values())


def impair(
    pc: RTCPeerConnection,
    *,
    outgoing: Impairment | None = None,
    incoming: Impairment | None = None,
) -> Impaired:
    """Put impairments between a peer connection and the sockets that it has now.

    ::

        with impair(client.pc, outgoing=Impairment(loss=0.05, only="rtp")):
            ...

    Args:
        pc: Any of aiortc's, after its `setLocalDescription`.
        outgoing: For what it sends, STUN included; None lets that pass.
        incoming: For what comes to it.

    Raises:
        RuntimeError: It has no sockets yet.

    """
    protocols = [
        protocol
        for transport in ice_transports(pc)
        for protocol in transport.iceGatherer._connection._protocols
    ]
    if not protocols:
        raise RuntimeError(
            "the peer connection has no sockets yet: set its local description first"
        )
    return Impaired(protocols, outgoing, incoming)
