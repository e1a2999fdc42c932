"""Media packets between an aiortc DTLS transport and the network, without a task in between.

aiortc receives every packet by a task that waits for a queue, and sends by coroutines that never
wait. Fifty packets a second each way and caller make both worth avoiding: packets are unprotected
where they arrive and protected where they are made.
"""

import logging
from typing import Final, Protocol, runtime_checkable

import pylibsrtp
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtp import AnyRtcpPacket, RtpPacket, is_rtcp

from fastrtc_webrtc.icelink import IceLink

logger = logging.getLogger("fastrtc_webrtc")

SHORTEST_RTP: Final = 12
"""Bytes of a fixed RTP header, RFC 3550 section 5.1."""


@runtime_checkable
class PacketReceiver(Protocol):
    """A receiver that takes its packets at once."""

    def take_rtp(self, packet: RtpPacket) -> None:
        """Take a packet that came just now."""
        ...


class MediaPath:
    """The way of media packets of one peer connection, both ways.

    Args:
        dtls: What the keys come from.
        link: What carries the packets.

    """

    def __init__(self, dtls: RTCDtlsTransport, link: IceLink) -> None:
        self.dtls: Final = dtls
        self.link: Final = link
        link.connection.media = self.take

    def send_rtp(self, packet: bytes) -> None:
        """Send an RTP packet now; one that can't be sent is lost, as on the network."""
        session = self.dtls._tx_srtp
        if session is not None and self.dtls.state == "connected":
            self._send(session.protect(packet))

    def send_rtcp(self, *packets: AnyRtcpPacket) -> None:
        """Send RTCP packets as one compound packet, as `send_rtp`."""
        session = self.dtls._tx_srtp
        if session is not None and self.dtls.state == "connected":
            self._send(session.protect_rtcp(b"".join(map(bytes, packets))))

    def _send(self, data: bytes) -> None:
        try:
            self.link.connection.send_now(data)
        except (ConnectionError, OSError) as error:
            logger.debug("a packet could not be sent: %s", error)

    def take(self, data: bytes) -> bool:
        """Take a packet from the network; returns False if it is aiortc's to take."""
        session = self.dtls._rx_srtp
        if session is None or len(data) < SHORTEST_RTP or is_rtcp(data):
            return False
        router = self.dtls._rtp_router
        receiver: object = router.ssrc_table.get(int.from_bytes(data[8:12], "big"))
        if not isinstance(receiver, PacketReceiver):  # aiortc's own, or the first of its stream
            return False
        try:
            plain = session.unprotect(data)
            packet = RtpPacket.parse(plain, self.dtls._rtp_header_extensions_map)
        except (pylibsrtp.Error, ValueError) as error:
            logger.debug("a packet of %d bytes was dropped: %s", len(data), error)
            return True
        if receiver in router.payload_type_table.get(packet.payload_type, ()):
            receiver.take_rtp(packet)
        return True
