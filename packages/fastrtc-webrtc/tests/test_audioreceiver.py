"""From packets to samples, in virtual time."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpReceiveParameters,
)
from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
)
from numpy.typing import NDArray

from fastrtc_core.testing import in_virtual_time
from fastrtc_webrtc.audioreceiver import AudioReceiver
from fastrtc_webrtc.encoded import MediaClock
from fastrtc_webrtc.opus import OpusEncoder
from fastrtc_webrtc.opuspacket import has_fec
from fastrtc_webrtc.rtpsender import RtpSender
from fastrtc_webrtc.testing.media import decibels, level, loudest_hz, tone, tone_level

RATE = 24_000
PEAK = 8000.0
OPUS_TYPE, PCMU_TYPE = 96, 0


class Path:
    """Keeps what is sent back; it has no clock but the loop's, so that time may be virtual."""

    def __init__(self) -> None:
        self.dtls: Any = self
        self.receivers: list[object] = []
        self.rtcp: list[tuple[float, AnyRtcpPacket]] = []

    def _register_rtp_receiver(self, receiver: object, parameters: object) -> None:
        self.receivers.append(receiver)

    def _unregister_rtp_receiver(self, receiver: object) -> None:
        self.receivers.remove(receiver)

    def send_rtcp(self, *packets: AnyRtcpPacket) -> None:
        self.rtcp += [(asyncio.get_running_loop().time(), packet) for packet in packets]


class Receiving:
    """A receiver, somebody who sends to it, and what comes out."""

    def __init__(self) -> None:
        path: Any = Path()
        self.path: Path = path
        self.now = asyncio.get_running_loop().time
        self.sender = RtpSender("audio", path, MediaClock(self.now(), 0.0))
        self.receiver = AudioReceiver(path, self.sender)
        self.receiver._set_rtcp_ssrc(77)
        self.pieces: list[tuple[float, NDArray[np.int16]]] = []
        self.rates: set[int] = set()

    async def begin(self, *, nack: bool = False, rate: int = RATE, channels: int = 1) -> None:
        opus = RTCRtpCodecParameters("audio/opus", 48_000, 2, OPUS_TYPE)
        opus.rtcpFeedback = [RTCRtcpFeedback("nack")] if nack else []
        pcmu = RTCRtpCodecParameters("audio/PCMU", 8000, 1, PCMU_TYPE)
        self.receiver.listen(self.take, rate, channels)
        await self.receiver.receive(RTCRtpReceiveParameters(codecs=[opus, pcmu]))

    def take(self, samples: NDArray[np.int16], rate: int) -> None:
        self.pieces.append((self.now(), samples))
        self.rates.add(rate)

    def put(
        self,
        sequence: int,
        payload: bytes,
        *,
        ssrc: int = 5,
        payload_type: int = OPUS_TYPE,
        ticks: int = 960,
    ) -> None:
        self.receiver.take_rtp(
            RtpPacket(
                payload_type=payload_type,
                sequence_number=sequence & 0xFFFF,
                timestamp=sequence * ticks & 0xFFFFFFFF,
                ssrc=ssrc,
                payload=payload,
            )
        )

    async def play(
        self, payloads: Iterable[bytes], *, lost: Iterable[int] = (), first: int = 0, **options: Any
    ) -> None:
        """Send a packet every 20 ms, but for those that are lost."""
        missing = set(lost)
        for sequence, payload in enumerate(payloads, first):
            if sequence not in missing:
                self.put(sequence, payload, **options)
            await asyncio.sleep(0.02)

    @property
    def sound(self) -> NDArray[np.int16]:
        return np.concatenate([samples for _, samples in self.pieces], axis=1)

    def sent(self, kind: type[Any]) -> list[tuple[float, Any]]:
        return [(time, packet) for time, packet in self.path.rtcp if isinstance(packet, kind)]


def speech(packets: int, *, hz: float = 300.0, channels: int = 1) -> list[bytes]:
    """Return packets of a tone."""
    encoder = OpusEncoder(48_000, channels)
    sound = tone(hz, packets * 0.02, peak=PEAK)
    if channels == 2:
        sound = np.concatenate([sound, np.zeros_like(sound)])
    return [encoder.encode(sound[:, n : n + 960]) for n in range(0, sound.shape[1], 960)]


def syllables(packets: int) -> list[bytes]:
    """Return packets of what Opus takes for speech, each with a copy of the one before."""
    encoder = OpusEncoder(48_000, 1)
    encoder.set_packet_loss(30)
    seconds = packets * 0.02
    buzz = sum(tone(120.0 * n, seconds, peak=5000 / n).astype(float) for n in range(1, 20))
    swell = (1 + np.sin(2 * np.pi * 4 * np.arange(packets * 960) / 48_000)) / 2
    sound = np.asarray(buzz * swell).astype(np.int16)
    return [encoder.encode(sound[:, n : n + 960]) for n in range(0, sound.shape[1], 960)]


def is_the_tone(sound: NDArray[np.int16], hz: float = 300.0, rate: int = RATE) -> None:
    assert loudest_hz(sound, rate) == pytest.approx(hz, abs=1)
    assert decibels(tone_level(sound, hz, rate) / PEAK) == pytest.approx(0, abs=0.3)


@in_virtual_time
async def test_sound_comes_at_once() -> None:
    receiving = Receiving()
    await receiving.begin()
    began = receiving.now()
    await receiving.play(speech(50))
    times = [time for time, _ in receiving.pieces]
    assert times == [pytest.approx(began + 0.02 * n, abs=0.001) for n in range(50)]
    assert {samples.shape for _, samples in receiving.pieces} == {(1, 480)}
    assert receiving.rates == {RATE}
    is_the_tone(receiving.sound[:, 6000:])
    await receiving.receiver.stop()


@pytest.mark.parametrize(("rate", "decoded"), [(8000, 8000), (16_000, 16_000), (44_100, 48_000)])
@in_virtual_time
async def test_the_rate_that_is_wanted(rate: int, decoded: int) -> None:
    receiving = Receiving()
    await receiving.begin(rate=rate)
    await receiving.play(speech(50))
    assert receiving.rates == {decoded}
    assert receiving.sound.shape == (1, decoded)
    is_the_tone(receiving.sound[:, decoded // 4 :], rate=decoded)
    await receiving.receiver.stop()


@in_virtual_time
async def test_stereo() -> None:
    receiving = Receiving()
    await receiving.begin(channels=2)
    await receiving.play(speech(50, channels=2))
    left, right = receiving.sound[:, 6000:]
    is_the_tone(left)
    assert level(right) < PEAK / 50
    await receiving.receiver.stop()


@in_virtual_time
async def test_packets_out_of_order() -> None:
    receiving = Receiving()
    await receiving.begin()
    payloads = speech(50)
    for sequence in [0, 2, 1, *range(3, 50)]:
        receiving.put(sequence, payloads[sequence])
        await asyncio.sleep(0.015 if sequence == 2 else 0.02)
    is_the_tone(receiving.sound[:, 6000:])
    assert receiving.sound.shape[1] == 50 * 480
    buffer = receiving.receiver.buffer
    assert buffer is not None
    assert (buffer.lost, buffer.reordered) == (0, 1)
    await receiving.receiver.stop()
    assert receiving.receiver.buffer is buffer
    assert (buffer.held, buffer.reordered) == (0, 1)


@in_virtual_time
async def test_a_lost_packet_is_concealed() -> None:
    receiving = Receiving()
    await receiving.begin()
    payloads = speech(60)
    assert not any(has_fec(payload) for payload in payloads)
    began = receiving.now()
    await receiving.play(payloads, lost=[30])
    assert receiving.sound.shape[1] == 60 * 480
    hole = receiving.sound[:, 30 * 480 : 31 * 480]
    assert level(hole) > PEAK / 3
    # It was waited for a moment, and no delay stays behind.
    assert receiving.pieces[30][0] < began + 0.02 * 31 + 0.05
    assert receiving.pieces[-1][0] == pytest.approx(began + 0.02 * 59, abs=0.001)
    assert receiving.sent(RtcpRtpfbPacket) == []
    await receiving.receiver.stop()


@in_virtual_time
async def test_a_lost_packet_is_recovered() -> None:
    payloads = syllables(60)
    assert has_fec(payloads[31])
    whole, holed = Receiving(), Receiving()
    for receiving, lost in ((whole, []), (holed, [30])):
        await receiving.begin()
        await receiving.play(payloads, lost=lost)
        await receiving.receiver.stop()
    first, last = 30 * 480, 31 * 480
    said = whole.sound[0, first:last].astype(float)
    recovered = holed.sound[0, first:last].astype(float)
    assert np.corrcoef(said, recovered)[0, 1] > 0.9
    assert holed.sound.shape == whole.sound.shape


@in_virtual_time
async def test_several_lost_packets() -> None:
    receiving = Receiving()
    await receiving.begin()
    await receiving.play(speech(60), lost=[30, 31, 32])
    assert receiving.sound.shape[1] == 60 * 480
    buffer = receiving.receiver.buffer
    assert buffer is not None
    assert buffer.lost == 3
    is_the_tone(receiving.sound[:, 40 * 480 :])
    await receiving.receiver.stop()


@in_virtual_time
async def test_a_sender_that_stops_is_heard_as_silence() -> None:
    receiving = Receiving()
    await receiving.begin()
    await receiving.play(speech(20))
    said = receiving.sound.shape[1]
    await asyncio.sleep(1.5)
    silence = receiving.sound[:, said:]
    assert silence.shape[1] / RATE == pytest.approx(1.0, abs=0.05)
    assert not silence.any()
    await receiving.receiver.stop()


# Asking again


@in_virtual_time
async def test_a_missing_packet_is_asked_for() -> None:
    receiving = Receiving()
    await receiving.begin(nack=True)
    payloads = speech(60)
    await receiving.play(payloads[:32], lost=[30])
    [(time, request), *_] = receiving.sent(RtcpRtpfbPacket)
    assert (request.ssrc, request.media_ssrc, request.lost) == (77, 5, [30])
    assert time == pytest.approx(0.02 * 31, abs=0.005)
    receiving.put(30, payloads[30])
    await receiving.play(payloads[32:], first=32)
    assert receiving.sound.shape[1] == 60 * 480
    is_the_tone(receiving.sound[:, 6000:])
    buffer = receiving.receiver.buffer
    assert buffer is not None
    assert (buffer.lost, buffer.recovered) == (0, 1)
    await receiving.receiver.stop()


@in_virtual_time
async def test_a_missing_packet_is_waited_for_as_long_as_it_takes() -> None:
    receiving = Receiving()
    receiving.sender.rtt = 0.09
    await receiving.begin(nack=True)
    payloads = speech(60)
    await receiving.play(payloads[:35], lost=[30])
    receiving.put(30, payloads[30])  # 80 ms after it was missed
    await receiving.play(payloads[35:], first=35)
    buffer = receiving.receiver.buffer
    assert buffer is not None
    assert buffer.recovered == 1
    await receiving.receiver.stop()


# What is wrong with packets


@in_virtual_time
async def test_corrupt_packets_are_counted() -> None:
    receiving = Receiving()
    await receiving.begin()
    payloads = speech(60)
    payloads[10] = b"\xff"  # a count of frames must follow
    payloads[20] = b"\xff\xff\xff\xff"
    payloads[30] = b""
    await receiving.play(payloads)
    assert receiving.receiver.corrupt == 2
    assert receiving.sound.shape[1] == pytest.approx(60 * 480, abs=3 * 480)
    is_the_tone(receiving.sound[:, 35 * 480 :])
    await receiving.receiver.stop()


@in_virtual_time
async def test_packets_of_another_kind_are_ignored() -> None:
    receiving = Receiving()
    await receiving.begin()
    receiving.put(1, speech(1)[0], payload_type=101)
    assert receiving.pieces == []
    assert receiving.receiver.buffer is None
    await receiving.receiver.stop()


@in_virtual_time
async def test_nobody_listens() -> None:
    receiving = Receiving()
    await receiving.begin()
    receiving.receiver._enabled = False
    receiving.put(1, speech(1)[0])
    assert receiving.pieces == []
    await receiving.receiver.stop()


@in_virtual_time
async def test_another_source() -> None:
    receiving = Receiving()
    await receiving.begin()
    await receiving.play(speech(30))
    await receiving.play(speech(30, hz=500), first=40_000, ssrc=6)
    is_the_tone(receiving.sound[:, -20 * 480 :], hz=500)
    assert receiving.sound.shape[1] == pytest.approx(60 * 480, abs=480)
    await asyncio.sleep(2.0)
    _, report = receiving.sent(RtcpRrPacket)[-1]
    assert report.reports[0].ssrc == 6
    assert report.reports[0].packets_lost == 0
    await receiving.receiver.stop()


@in_virtual_time
async def test_another_codec() -> None:
    receiving = Receiving()
    await receiving.begin()
    await receiving.play(speech(30))
    await receiving.play([b"\xff" * 160] * 30, first=30, payload_type=PCMU_TYPE, ticks=160)
    assert receiving.rates == {RATE, 8000}
    assert [samples.shape for _, samples in receiving.pieces[-30:]] == [(1, 160)] * 30
    await receiving.receiver.stop()


@in_virtual_time
async def test_g711_is_concealed() -> None:
    receiving = Receiving()
    await receiving.begin()
    loud = bytes([0x90] * 160)
    await receiving.play([loud] * 20, lost=[10], payload_type=PCMU_TYPE, ticks=160)
    assert receiving.sound.shape[1] == 20 * 160
    assert receiving.sound[:, 1600:1760].all()
    await receiving.receiver.stop()


@in_virtual_time
async def test_another_listener() -> None:
    receiving = Receiving()
    await receiving.begin()
    payloads = speech(60)
    await receiving.play(payloads[:30])
    heard: list[NDArray[np.int16]] = []
    receiving.receiver.listen(lambda samples, rate: heard.append(samples), 48_000, 2)
    count = len(receiving.pieces)
    await receiving.play(payloads[30:], first=30)
    assert len(receiving.pieces) == count
    assert {samples.shape for samples in heard} == {(2, 960)}
    await receiving.receiver.stop()


# Reports


@in_virtual_time
async def test_receiver_reports() -> None:
    receiving = Receiving()
    await receiving.begin()
    receiving.path.rtcp.clear()
    await asyncio.sleep(2)
    assert receiving.sent(RtcpRrPacket) == []  # nothing came
    payloads = speech(500)
    await receiving.play(payloads, lost=range(4, 500, 5))
    reports = receiving.sent(RtcpRrPacket)
    assert len(reports) == pytest.approx(10, abs=4)
    waits = {round(b[0] - a[0], 3) for a, b in pairwise(reports)}
    assert len(waits) > 1
    assert all(0.49 < wait < 1.51 for wait in waits)
    _, report = reports[-1]
    assert report.ssrc == 77
    [info] = report.reports
    assert info.ssrc == 5
    assert info.fraction_lost / 256 == pytest.approx(0.2, abs=0.04)
    assert info.packets_lost == pytest.approx(0.2 * info.highest_sequence, abs=3)
    assert (info.lsr, info.dlsr) == (0, 0)
    await receiving.receiver.stop()


@in_virtual_time
async def test_what_a_sender_reports_is_answered() -> None:
    receiving = Receiving()
    await receiving.begin()
    ntp = 0x1234_5678_9ABC_DEF0
    info = RtcpSenderInfo(ntp_timestamp=ntp, rtp_timestamp=0, packet_count=0, octet_count=0)
    came = receiving.now()
    await receiving.receiver._handle_rtcp_packet(RtcpSrPacket(ssrc=5, sender_info=info))
    await receiving.play(speech(100))
    for time, report in receiving.sent(RtcpRrPacket):
        assert report.reports[0].lsr == 0x5678_9ABC
        assert report.reports[0].dlsr / 65_536 == pytest.approx(time - came, abs=0.001)
    await receiving.receiver.stop()


# Ends


@in_virtual_time
async def test_stop() -> None:
    receiving = Receiving()
    await receiving.begin()
    assert receiving.path.receivers == [receiving.receiver]
    await receiving.play(speech(20), lost=[18])
    await receiving.receiver.stop()
    assert receiving.path.receivers == []
    count, told = len(receiving.pieces), len(receiving.path.rtcp)
    receiving.put(25, speech(1)[0])
    await asyncio.sleep(10)
    assert len(receiving.pieces) == count
    assert len(receiving.path.rtcp) == told
    assert receiving.receiver._timer is receiving.receiver._report is None


@in_virtual_time
async def test_a_receiver_that_is_stopped_before_it_begins() -> None:
    receiving = Receiving()
    await receiving.receiver.stop()
    await receiving.begin()  # the connection came to stand in the same moment
    assert receiving.path.receivers == []
    assert receiving.receiver._report is None


@in_virtual_time
async def test_what_aiortc_asks_of_it() -> None:
    receiving = Receiving()
    assert receiving.receiver.track is None
    assert receiving.receiver.transport is receiving.path.dtls
    assert len(await receiving.receiver.getStats()) == 0
    await receiving.begin()
    payload = speech(1)[0]
    packet = RtpPacket(payload_type=OPUS_TYPE, sequence_number=1, ssrc=5, payload=payload)
    await receiving.receiver._handle_rtp_packet(packet, 0)  # the first of its stream
    assert len(receiving.pieces) == 1
    await receiving.receiver.stop()
