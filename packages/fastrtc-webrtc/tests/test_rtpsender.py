"""Packets and reports: their contents in virtual time, their way to a client of aiortc's."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    HeaderExtensionsMap,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unwrap_rtx,
)

from fastrtc_core.testing import in_virtual_time
from fastrtc_webrtc.encoded import EncodedFrame, MediaClock
from fastrtc_webrtc.rtpsender import HISTORY, Kind, RtpSender

WALL = 1_700_000_000.0
EXTENSIONS = [
    RTCRtpHeaderExtensionParameters(1, "urn:ietf:params:rtp-hdrext:sdes:mid"),
    RTCRtpHeaderExtensionParameters(2, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
    RTCRtpHeaderExtensionParameters(
        3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    ),
]


def parameters(kind: Kind, *, rtx: bool = False) -> RTCRtpSendParameters:
    codec = RTCRtpCodecParameters("audio/opus", 48_000, 2, 96)
    if kind == "video":
        codec = RTCRtpCodecParameters("video/VP8", 90_000, None, 97)
    codecs = [codec]
    if rtx:
        codecs.append(RTCRtpCodecParameters("video/rtx", 90_000, None, 98, parameters={"apt": 97}))
    return RTCRtpSendParameters(
        codecs=codecs,
        headerExtensions=EXTENSIONS,
        muxId="m1",
        rtcp=RTCRtcpParameters(cname="name"),
    )


class Path:
    """Keeps what is sent; it has no clock but the loop's, so that time may be virtual."""

    def __init__(self) -> None:
        self.dtls: Any = self
        self.senders: list[object] = []
        self.rtp: list[RtpPacket] = []
        self.rtcp: list[tuple[float, tuple[AnyRtcpPacket, ...]]] = []
        self.extensions = HeaderExtensionsMap()
        self.extensions.configure(parameters("audio"))

    def _register_rtp_sender(self, sender: object, parameters: object) -> None:
        self.senders.append(sender)

    def _unregister_rtp_sender(self, sender: object) -> None:
        self.senders.remove(sender)

    def send_rtp(self, packet: bytes) -> None:
        self.rtp.append(RtpPacket.parse(packet, self.extensions))

    def send_rtcp(self, *packets: AnyRtcpPacket) -> None:
        self.rtcp.append((asyncio.get_running_loop().time(), packets))


class Sending:
    """A sender and what it sends."""

    def __init__(self, kind: Kind = "audio", clock: MediaClock | None = None) -> None:
        path: Any = Path()
        self.path: Path = path
        self.now = asyncio.get_running_loop().time
        self.clock = clock or MediaClock(self.now(), WALL)
        self.sender = RtpSender(kind, path, self.clock)
        self.sent: list[Any] = []
        feedback = self.sender.feedback
        feedback.key_frame = lambda: self.sent.append("key")
        feedback.loss = lambda share: self.sent.append(("loss", share))
        feedback.bitrate = lambda bitrate: self.sent.append(("bitrate", bitrate))
        feedback.started = lambda: self.sent.append("started")

    async def begin(self, **options: Any) -> None:
        await self.sender.send(parameters(self.sender.kind, **options))

    def send(self, *payloads: bytes, at: int = 0, **options: Any) -> None:
        self.sender.send_frame(EncodedFrame(payloads, at, **options))

    async def feed_back(self, packet: AnyRtcpPacket) -> list[Any]:
        """Give the sender a packet of the peer's, and return who heard of it."""
        self.sent.clear()
        await self.sender._handle_rtcp_packet(packet)
        return self.sent

    async def ask_again(self, *sequences: int) -> list[RtpPacket]:
        count = len(self.path.rtp)
        await self.feed_back(
            RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, self.sender._ssrc, list(sequences))
        )
        return self.path.rtp[count:]

    @property
    def reports(self) -> list[tuple[float, RtcpSenderInfo]]:
        return [
            (time, packets[0].sender_info)
            for time, packets in self.path.rtcp
            if isinstance(packets[0], RtcpSrPacket)
        ]


# Packets


@in_virtual_time
async def test_nothing_is_sent_before_the_connection_stands() -> None:
    sending = Sending()
    sending.send(b"early")
    await asyncio.sleep(5)
    assert not sending.sender.live
    assert sending.path.rtp == sending.path.rtcp == []
    await sending.begin()
    assert sending.sent == ["started"]
    assert sending.sender.live
    assert sending.sender.mime_type == "audio/opus"
    await sending.begin()  # aiortc begins again with every negotiation
    assert sending.sent == ["started"]
    await sending.sender.stop()


@in_virtual_time
async def test_packets_of_sound() -> None:
    sending = Sending()
    await sending.begin()
    sending.send(b"a", at=0, starts_talk=True, level=20)
    sending.send(b"b", at=960)
    sending.send(b"c", at=2**32 + 1920)
    first, second, third = sending.path.rtp
    assert [packet.payload for packet in sending.path.rtp] == [b"a", b"b", b"c"]
    assert [packet.marker for packet in sending.path.rtp] == [1, 0, 0]
    assert (second.sequence_number - first.sequence_number) % 65_536 == 1
    assert (second.timestamp - first.timestamp) % 2**32 == 960
    assert (third.timestamp - second.timestamp) % 2**32 == 960
    assert {packet.payload_type for packet in sending.path.rtp} == {96}
    assert {packet.ssrc for packet in sending.path.rtp} == {sending.sender._ssrc}
    assert first.extensions.mid == "m1"
    assert first.extensions.audio_level == (False, 20)
    assert second.extensions.audio_level is None
    assert (sending.sender.packets, sending.sender.octets) == (3, 3)
    await sending.sender.stop()


@in_virtual_time
async def test_packets_of_a_picture() -> None:
    sending = Sending("video")
    await sending.begin()
    await asyncio.sleep(2.5)
    sending.send(b"a", b"b", b"c", at=225_000)
    assert [packet.marker for packet in sending.path.rtp] == [0, 0, 1]
    assert len({packet.timestamp for packet in sending.path.rtp}) == 1
    send_time = sending.path.rtp[0].extensions.abs_send_time
    assert send_time is not None
    seconds = sending.clock.ntp(sending.now()) / 2**32
    assert send_time / 2**18 == pytest.approx(seconds % 64, abs=0.001)
    await sending.sender.stop()


@in_virtual_time
async def test_sequence_numbers_begin_again_after_the_last() -> None:
    sending = Sending()
    await sending.begin()
    sending.sender._sequence = 65_535
    sending.send(b"a")
    sending.send(b"b")
    assert [packet.sequence_number for packet in sending.path.rtp] == [65_535, 0]
    await sending.sender.stop()


@in_virtual_time
async def test_a_track_is_only_noted() -> None:
    sending = Sending()
    sending.sender.replaceTrack(None)
    assert sending.sender.track is None
    assert sending.sender.transport is sending.path.dtls
    assert len(await sending.sender.getStats()) == 0


# Retransmission


@in_virtual_time
async def test_packets_are_sent_again() -> None:
    sending = Sending()
    await sending.begin()
    for number in range(5):
        sending.send(bytes([number]), at=960 * number)
    first = sending.path.rtp[0].sequence_number
    again = await sending.ask_again(first + 1, first + 3, first + 40)
    originals = [sending.path.rtp[1], sending.path.rtp[3]]
    assert [bytes(p.serialize()) for p in again] == [bytes(p.serialize()) for p in originals]
    assert sending.sender.packets == 5
    await sending.sender.stop()


@in_virtual_time
async def test_packets_are_sent_again_in_their_own_stream() -> None:
    sending = Sending("video")
    await sending.begin(rtx=True)
    for number in range(4):
        sending.send(bytes([number]), at=3000 * number)
    originals = list(sending.path.rtp)
    wanted = [originals[3].sequence_number, originals[1].sequence_number]
    one, other = await sending.ask_again(*wanted)
    assert one.payload_type == other.payload_type == 98
    assert one.ssrc == other.ssrc == sending.sender._rtx_ssrc != sending.sender._ssrc
    assert (other.sequence_number - one.sequence_number) % 65_536 == 1
    for packet, original in ((one, originals[3]), (other, originals[1])):
        plain = unwrap_rtx(packet, 97, sending.sender._ssrc)
        assert plain.sequence_number == original.sequence_number
        assert (plain.payload, plain.timestamp) == (original.payload, original.timestamp)
    await sending.sender.stop()


@in_virtual_time
async def test_what_is_long_gone_is_not_sent_again() -> None:
    sending = Sending()
    await sending.begin()
    for number in range(HISTORY + 3):
        sending.send(b"x", at=960 * number)
    first = sending.path.rtp[0].sequence_number
    assert await sending.ask_again(first, first + 2) == []
    assert len(await sending.ask_again(first + 3)) == 1
    await sending.sender.stop()


# Reports


@in_virtual_time
async def test_sender_reports() -> None:
    sending = Sending()
    await sending.begin()
    for number in range(500):
        sending.send(b"12345", at=960 * number)
        await asyncio.sleep(0.02)
    times = [time for time, _ in sending.reports]
    assert times[0] == pytest.approx(0.5, abs=0.01)
    waits = [b - a for a, b in pairwise(times)]
    assert all(0.49 <= wait <= 1.51 for wait in waits)
    assert len(set(waits)) > 1
    for time, info in sending.reports:
        assert info.ntp_timestamp == sending.clock.ntp(time)
        ticks = (info.rtp_timestamp - sending.sender._origin) % 2**32
        assert ticks == sending.clock.ticks(time, 48_000)
        assert info.packet_count == pytest.approx(time / 0.02, abs=2)
        assert info.octet_count == 5 * info.packet_count
    _, (report, description) = sending.path.rtcp[0]
    assert isinstance(report, RtcpSrPacket)
    assert report.ssrc == sending.sender._ssrc
    assert isinstance(description, RtcpSdesPacket)
    assert description.chunks[0].items == [(1, b"name")]
    await sending.sender.stop()


@in_virtual_time
async def test_both_media_have_one_clock() -> None:
    sound = Sending("audio")
    pictures = Sending("video", sound.clock)
    await sound.begin()
    await pictures.begin()
    await asyncio.sleep(30)

    def wall_of(sending: Sending, rate: int) -> list[float]:
        """Return when the session began, from each report."""
        return [
            info.ntp_timestamp / 2**32
            - (info.rtp_timestamp - sending.sender._origin) % 2**32 / rate
            for _, info in sending.reports
        ]

    began = wall_of(sound, 48_000) + wall_of(pictures, 90_000)
    assert len(began) > 40
    assert max(began) - min(began) < 0.001
    await sound.sender.stop()
    await pictures.sender.stop()


@in_virtual_time
async def test_round_trip_time() -> None:
    sending = Sending()
    await sending.begin()
    await asyncio.sleep(0.6)
    _, info = sending.reports[-1]
    last = (info.ntp_timestamp >> 16) & 0xFFFFFFFF
    await sending.feed_back(receiver_report(sending, lsr=0, dlsr=0))
    assert sending.sender.rtt is None
    await sending.feed_back(receiver_report(sending, lsr=last + 1, dlsr=100))
    assert sending.sender.rtt is None  # of a report that was not the last
    passed = sending.now() - sending.reports[-1][0]
    held = round((passed - 0.04) * 65_536)
    await sending.feed_back(receiver_report(sending, lsr=last, dlsr=held))
    assert sending.sender.rtt == pytest.approx(0.04, abs=0.001)
    await sending.feed_back(receiver_report(sending, lsr=last, dlsr=round(65_536 * passed)))
    assert sending.sender.rtt == pytest.approx(0.034, abs=0.001)
    await sending.sender.stop()


def receiver_report(sending: Sending, ssrc: int | None = None, **facts: int) -> RtcpRrPacket:
    values = {"fraction_lost": 0, "packets_lost": 0, "highest_sequence": 0, "jitter": 0}
    values |= {"lsr": 0, "dlsr": 0} | facts
    own = sending.sender._ssrc if ssrc is None else ssrc
    return RtcpRrPacket(ssrc=1, reports=[RtcpReceiverInfo(ssrc=own, **values)])


@in_virtual_time
async def test_what_the_peer_says() -> None:
    sending = Sending("video")
    await sending.begin()
    own = sending.sender._ssrc
    report = receiver_report(sending, fraction_lost=64)
    assert await sending.feed_back(report) == [("loss", 0.25)]
    info = report.reports[0]
    at_once = RtcpSrPacket(ssrc=1, sender_info=RtcpSenderInfo(0, 0, 0, 0), reports=[info])
    assert await sending.feed_back(at_once) == [("loss", 0.25)]
    assert await sending.feed_back(receiver_report(sending, ssrc=own ^ 1)) == []
    for fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
        assert await sending.feed_back(RtcpPsfbPacket(fmt, 1, own)) == ["key"]
    estimate = pack_remb_fci(500_000, [own])
    told = await sending.feed_back(RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, estimate))
    assert told == [("bitrate", pytest.approx(500_000, rel=0.01))]
    of_another = pack_remb_fci(500_000, [own ^ 1])
    assert await sending.feed_back(RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, of_another)) == []
    assert await sending.feed_back(RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, b"no estimate")) == []
    assert await sending.feed_back(RtcpByePacket([1])) == []
    await sending.sender.stop()


@in_virtual_time
async def test_goodbye() -> None:
    sending = Sending()
    await sending.begin()
    assert sending.path.senders == [sending.sender]
    await sending.sender.stop()
    _, (bye,) = sending.path.rtcp[-1]
    assert isinstance(bye, RtcpByePacket)
    assert bye.sources == [sending.sender._ssrc]
    assert sending.path.senders == []
    count = len(sending.path.rtcp)
    sending.send(b"late")
    await sending.sender.stop()
    await asyncio.sleep(10)
    assert sending.path.rtp == []
    assert len(sending.path.rtcp) == count


@in_virtual_time
async def test_a_sender_that_is_stopped_before_it_begins() -> None:
    sending = Sending()
    await sending.sender.stop()
    await sending.begin()  # the connection came to stand in the same moment
    await asyncio.sleep(10)
    assert not sending.sender.live
    assert sending.path.rtcp == []
