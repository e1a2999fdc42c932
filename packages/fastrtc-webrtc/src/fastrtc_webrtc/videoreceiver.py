"""aiortc's receiver of pictures, without the picture's length of delay that its buffer adds.

aiortc takes a picture for complete when a packet of the next one has come, a thirtieth of a second
later. But the last packet of a picture is marked (RFC 7741 section 4.1 for VP8, RFC 6184 section
5.1 for H.264). And it gives out one picture for each packet that comes, so that after a hole was
filled what had waited behind it stays late; here all that is complete is decoded at once.
"""

from typing import Final

from aiortc import RTCRtpReceiver
from aiortc.codecs import is_rtx
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtp import RtpPacket

CAPACITY: Final = 512
"""Packets, as in aiortc."""


class PictureBuffer(JitterBuffer):
    """Puts packets in order and pictures together."""

    def __init__(self) -> None:
        super().__init__(capacity=CAPACITY, is_video=True)

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        return self.next_picture()

    def next_picture(self) -> JitterFrame | None:
        """Return the next picture, and forget it; None if it is not complete yet."""
        packets: list[RtpPacket] = []
        for count in range(self.capacity):
            packet = self._packets[((self._origin or 0) + count) % self.capacity]
            if packet is None:
                return None
            if packets and packet.timestamp != packets[0].timestamp:  # the mark was not set
                return self._take(packets)
            packets.append(packet)
            if packet.marker:
                return self._take(packets)
        return None

    def _take(self, packets: list[RtpPacket]) -> JitterFrame:
        self.remove(len(packets))
        data = b"".join(packet._data for packet in packets)  # type: ignore[attr-defined]
        return JitterFrame(data, packets[0].timestamp)


class VideoReceiver(RTCRtpReceiver):
    """aiortc's receiver with another buffer. Its private names are `peerconnection`'s to check."""

    def __init__(self, transport: RTCDtlsTransport) -> None:
        super().__init__("video", transport)
        self._pictures = PictureBuffer()
        self._RTCRtpReceiver__jitter_buffer = self._pictures

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        await super()._handle_rtp_packet(packet, arrival_time_ms)
        codecs = self._RTCRtpReceiver__codecs  # type: ignore[attr-defined] # see the class
        codec = codecs.get(packet.payload_type)
        if codec is not None and is_rtx(codec):
            codec = codecs.get(codec.parameters.get("apt"))
        if codec is None or self._RTCRtpReceiver__decoder_thread is None:  # type: ignore[attr-defined]
            return
        while (picture := self._pictures.next_picture()) is not None:
            mapper = self._RTCRtpReceiver__timestamp_mapper  # type: ignore[attr-defined]
            picture.timestamp = mapper.map(picture.timestamp)
            self._RTCRtpReceiver__decoder_queue.put((codec, picture))  # type: ignore[attr-defined]
