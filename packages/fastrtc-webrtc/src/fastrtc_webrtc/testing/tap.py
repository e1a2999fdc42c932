"""What comes over the wire to a client: packets, sender reports, and what they hold.

aiortc's own receiver goes on working; the tap sees its packets first. Its sound is decoded packet
by packet as it arrives, without any buffer; what aiortc makes of the packets, behind its jitter
buffer, comes to `Tap.played` and `Tap.pictures`.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from aiortc import RTCRtpReceiver, RTCRtpTransceiver
from aiortc.codecs import get_decoder
from aiortc.codecs.base import Decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from av import AudioFrame, VideoFrame
from av.frame import Frame
from numpy.typing import NDArray

from fastrtc_webrtc.testing.feed import Feed

CYCLE: Final = 1 << 32
"""RTP timestamps begin again there."""

MAX_DECODING: Final = 256
"""Pictures whose arrival is remembered until they are decoded."""


@dataclass(frozen=True, slots=True)
class Packet:
    """An RTP packet as it came."""

    time: float
    """When it came, on the event loop's clock."""

    sequence: int
    timestamp: int
    payload: bytes
    marker: bool
    ssrc: int
    payload_type: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What a sender said about its clock, RFC 3550 section 6.4.1."""

    time: float
    """When it came, on the event loop's clock."""

    ssrc: int
    wall: float
    """Seconds since 1900, of the sender's clock."""

    timestamp: int
    """The RTP timestamp at that moment."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A stretch of sound that came."""

    time: float
    """When, on the event loop's clock."""

    timestamp: int
    """RTP timestamp of its first sample."""

    samples: NDArray[np.int16]
    """``(1, samples)``; of stereo, the mean."""

    rate: int


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture that came."""

    time: float
    """When it was decoded, on the event loop's clock; aiortc waits for the next one's first packet
    before it does that."""

    arrived: float
    """When the last of its packets came."""

    timestamp: int
    """Its RTP timestamp, in ticks of 90 kHz."""

    pixels: NDArray[np.uint8]
    """RGB, ``(height, width, 3)``."""


class Tap:
    """Listens to one receiver of a client."""

    def __init__(self, transceiver: RTCRtpTransceiver, arrivals: Feed[object]) -> None:
        self.packets: Final[Feed[Packet]] = Feed()
        self.reports: Final[Feed[SenderReport]] = Feed()
        self.sounds: Final[Feed[Sound]] = Feed()
        """Sound, decoded as it came over the wire."""
        self.played: Final[Feed[Sound]] = Feed()
        """Sound from aiortc's own track, some 80 ms later."""
        self.pictures: Final[Feed[Picture]] = Feed(256)
        self._transceiver = transceiver
        self._arrivals = arrivals
        self._decoders: dict[int, Decoder] = {}
        self._arrived: dict[int, float] = {}
        self._loop = asyncio.get_running_loop()
        receiver = transceiver.receiver
        self._handle_rtp = receiver._handle_rtp_packet
        self._handle_rtcp = receiver._handle_rtcp_packet
        vars(receiver)["_handle_rtp_packet"] = self._take_packet
        vars(receiver)["_handle_rtcp_packet"] = self._take_report

    def listen(self, track: MediaStreamTrack) -> None:
        """Take what aiortc decodes for a track of the receiver's; call it when the track begins."""
        vars(track)["_queue"] = _Decoded(self)

    def end(self) -> None:
        """Say that no more will come."""
        for feed in (self.packets, self.reports, self.sounds, self.played, self.pictures):
            feed.end()

    def wall_time(self, timestamp: int) -> float:
        """Return the sender's time, seconds since 1900, of an RTP timestamp.

        Times of sound and pictures from one sender can be compared.

        Raises:
            LookupError: No sender report has come yet.

        """
        report = self.reports.latest
        if report is None:
            raise LookupError("no sender report has come yet")
        ticks = _difference(timestamp, report.timestamp)
        return report.wall + ticks / self._transceiver._codecs[0].clockRate

    def recording(self) -> NDArray[np.int16]:
        """Return the sound that came, by a decoder of its own, ``(1, samples)``.

        In the order of the timestamps, each packet once, with silence where one is missing.
        """
        packets = {packet.timestamp: packet for packet in self.packets}
        ordered = sorted(packets.values(), key=lambda packet: packet.timestamp)
        pieces: list[NDArray[np.int16]] = []
        end: int | None = None
        for sound in self._decode(ordered):
            gap = 0 if end is None else sound.timestamp - end
            pieces += [np.zeros((1, max(gap, 0)), np.int16), sound.samples]
            end = sound.timestamp + sound.samples.shape[1]
        return np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.int16)

    async def ask_again(self, *sequences: int) -> None:
        """Tell the sender, by a NACK, that packets have not come."""
        assert self.packets.latest is not None
        receiver = self._transceiver.receiver
        await receiver._send_rtcp_nack(self.packets.latest.ssrc, list(sequences))

    def _decode(self, packets: Iterable[Packet]) -> Iterable[Sound]:
        decoders: dict[int, Decoder] = {}
        for packet in packets:
            yield from self._sound(packet, decoders)

    def _sound(self, packet: Packet, decoders: dict[int, Decoder]) -> Iterable[Sound]:
        codecs = {codec.payloadType: codec for codec in self._transceiver._codecs}
        codec = codecs.get(packet.payload_type)
        if codec is None or not packet.payload:
            return
        if packet.payload_type not in decoders:
            decoders[packet.payload_type] = get_decoder(codec)
        encoded = JitterFrame(packet.payload, packet.timestamp)
        for frame in decoders[packet.payload_type].decode(encoded):
            assert isinstance(frame, AudioFrame)
            yield _sound(packet.time, packet.timestamp, frame)

    async def _take_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        arrival = Packet(
            time=self._loop.time(),
            sequence=packet.sequence_number,
            timestamp=packet.timestamp,
            payload=packet.payload,
            marker=bool(packet.marker),
            ssrc=packet.ssrc,
            payload_type=packet.payload_type,
        )
        self.packets.put(arrival)
        if self._transceiver.kind == "audio":
            for sound in self._sound(arrival, self._decoders):
                self.sounds.put(sound)
                self._arrivals.put(sound)
        else:
            self._note_arrival(arrival)
        await self._handle_rtp(packet, arrival_time_ms)

    def _note_arrival(self, packet: Packet) -> None:
        self._arrived[packet.timestamp] = packet.time
        if len(self._arrived) > MAX_DECODING:
            del self._arrived[next(iter(self._arrived))]

    async def _take_report(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            wall = info.ntp_timestamp / CYCLE
            now = self._loop.time()
            self.reports.put(SenderReport(now, packet.ssrc, wall, info.rtp_timestamp))
        await self._handle_rtcp(packet)

    def take_decoded(self, frame: Frame) -> None:
        """Take what aiortc has decoded."""
        assert frame.pts is not None
        timestamp = (frame.pts + _first_timestamp(self._transceiver.receiver)) % CYCLE
        now = self._loop.time()
        if isinstance(frame, VideoFrame):
            pixels = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
            arrived = self._arrived.get(timestamp, now)
            picture = Picture(now, arrived, timestamp, pixels)
            self.pictures.put(picture)
            self._arrivals.put(picture)
        elif isinstance(frame, AudioFrame):
            self.played.put(_sound(now, timestamp, frame))


class _Decoded(asyncio.Queue[Frame | None]):
    """Stands where a receiver leaves its frames for whoever waits; here nobody has to."""

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self._tap = tap

    async def put(self, item: Frame | None) -> None:
        if item is not None:
            self._tap.take_decoded(item)


def _first_timestamp(receiver: RTCRtpReceiver) -> int:
    """Return the RTP timestamp that aiortc counts from."""
    mapper = vars(receiver)["_RTCRtpReceiver__timestamp_mapper"]
    origin: int = mapper._origin
    return origin


def _sound(time: float, timestamp: int, frame: AudioFrame) -> Sound:
    channels = frame.layout.nb_channels
    samples = frame.to_ndarray().reshape(-1, channels).mean(axis=1).astype(np.int16)
    return Sound(time, timestamp, samples[np.newaxis], frame.sample_rate)


def _difference(one: int, other: int) -> int:
    """Return how far one RTP timestamp is behind another, across the wrap-around."""
    return (one - other + CYCLE // 2) % CYCLE - CYCLE // 2
