"""aiortc's receiver of pictures, with another buffer and other threads.

aiortc takes a picture for complete when a packet of the next one has come, a thirtieth of a second
later. But the last packet of a picture is marked (RFC 7741 section 4.1 for VP8, RFC 6184 section
5.1 for H.264). And it gives out one picture for each packet that comes, so that after a hole was
filled what had waited behind it stays late; here all that is complete is decoded at once.

aiortc decodes in a thread for each receiver, and its queues have no bound. Pictures are large: what
the allocator keeps for so many threads adds up to hundreds of megabytes. Here the threads are the
transport's, and a decoder that falls behind starts over from a key frame.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from aiortc import RTCRtpReceiver
from aiortc.codecs import get_decoder, is_rtx
from aiortc.codecs.base import Decoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from av import VideoFrame
from av.error import FFmpegError
from av.frame import Frame

logger = logging.getLogger("fastrtc_webrtc")

Take = Callable[[VideoFrame], None]

CAPACITY: Final = 512
"""Packets, as in aiortc."""

MOST_WAITING: Final = 30
"""Pictures that may wait for the decoder: a second of them."""

GAP: Final = 1.0
"""Seconds without a packet after which a key frame is asked for: what was lost can't be told."""


class PictureBuffer(JitterBuffer):
    """Puts packets in order and pictures together; `next_picture` gives them out."""

    def __init__(self) -> None:
        super().__init__(capacity=CAPACITY, is_video=True)

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        return None  # nothing for aiortc's own thread

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

    def forget(self) -> None:
        """Drop every packet."""
        self._packets = [None] * self.capacity

    def _take(self, packets: list[RtpPacket]) -> JitterFrame:
        self.remove(len(packets))
        data = b"".join(packet._data for packet in packets)  # type: ignore[attr-defined] # aiortc's
        return JitterFrame(data, packets[0].timestamp)


class VideoReceiver(RTCRtpReceiver):
    """The incoming pictures of one peer.

    Args:
        transport: Where they come from.
        executor: Where they are decoded, one at a time.

    """

    def __init__(self, transport: RTCDtlsTransport, executor: Executor) -> None:
        super().__init__("video", transport)
        self._pictures = PictureBuffer()
        self._RTCRtpReceiver__jitter_buffer = self._pictures
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._take: Take | None = None
        self._waiting: deque[tuple[RTCRtpCodecParameters, JitterFrame]] = deque()
        self._decoding = False
        self._decoder: Decoder | None = None
        self._codec_name = ""
        self._heard = self._loop.time()
        self._source: int | None = None
        self.dropped = 0
        """Pictures that were not decoded, because the decoder had fallen behind."""

    @property
    def listening(self) -> bool:
        """Whether pictures are given to somebody."""
        return self._take is not None

    def listen(self, take: Take) -> None:
        """Have every picture given to a function, on the event loop."""
        self._take = take

    async def request_key_frame(self) -> None:
        """Ask the peer for a picture that can be decoded without those before it."""
        if self._source is not None:
            await self._send_rtcp_pli(self._source)

    def _handle_disconnect(self) -> None:
        self._release()
        super()._handle_disconnect()

    async def stop(self) -> None:
        """Receive nothing more."""
        self._release()
        await super().stop()

    def _release(self) -> None:
        """Let go of what is large: aiortc's objects refer to each other and stay for a while."""
        self._take = None
        self._decoder = None
        self._codec_name = ""
        self._waiting.clear()
        self._pictures.forget()

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        await super()._handle_rtp_packet(packet, arrival_time_ms)
        codecs: dict[int, RTCRtpCodecParameters] = self._RTCRtpReceiver__codecs  # type: ignore[attr-defined]
        codec = codecs.get(packet.payload_type)
        if codec is None or self._take is None:
            return
        if is_rtx(codec):
            base = codec.parameters.get("apt")
            codec = codecs.get(base) if isinstance(base, int) else None
        else:
            await self._note_source(packet)
        while codec is not None and (picture := self._pictures.next_picture()) is not None:
            self._enqueue(codec, picture)

    async def _note_source(self, packet: RtpPacket) -> None:
        now = self._loop.time()
        gap, self._heard = now - self._heard, now
        self._source = packet.ssrc
        if gap > GAP:
            await self.request_key_frame()

    def _enqueue(self, codec: RTCRtpCodecParameters, picture: JitterFrame) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._lose_track()
        self._waiting.append((codec, picture))
        self._decode_next()

    def _lose_track(self) -> None:
        """Have aiortc ask for a key frame with the next packet."""
        self._RTCRtpReceiver__decoder_error.set()  # type: ignore[attr-defined]

    def _decode_next(self) -> None:
        if self._decoding or not self._waiting:
            return
        codec, picture = self._waiting.popleft()
        if codec.name != self._codec_name:
            self._decoder, self._codec_name = get_decoder(codec), codec.name
        assert self._decoder is not None
        self._decoding = True
        work = self._loop.run_in_executor(self._executor, self._decoder.decode, picture)
        work.add_done_callback(self._decoded)

    def _decoded(self, work: "asyncio.Future[list[Frame]]") -> None:
        self._decoding = False
        try:
            frames = work.result()
        except (FFmpegError, ValueError) as error:
            logger.debug("a picture could not be decoded: %s", error)
            self._lose_track()
            frames = []
        for frame in frames:
            if isinstance(frame, VideoFrame) and self._take is not None:
                self._take(frame)
        self._decode_next()
