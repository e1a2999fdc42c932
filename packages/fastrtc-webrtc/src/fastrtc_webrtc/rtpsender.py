"""Sends encoded media to one peer, by RTP (RFC 3550).

aiortc's own sender pulls raw frames out of a track and encodes them for one peer in the event
loop's default executor. This one is given what was encoded already, once for however many peers,
and sends it at once. It takes the place of aiortc's inside its peer connection, whose calls it
therefore answers under their names.

Retransmission is asked for by NACK (RFC 4585) and answered on the RTX stream (RFC 4588) if there is
one. Sender reports tell one clock for all of a session's media, so that peers play them in step.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from aiortc import RTCStatsReport
from aiortc.codecs import is_rtx
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpSendParameters
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
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
    unpack_remb_fci,
    wrap_rtx,
)

from fastrtc_webrtc.encoded import EncodedFrame, MediaClock
from fastrtc_webrtc.srtp import MediaPath

logger = logging.getLogger("fastrtc_webrtc")

HISTORY: Final = 1024
"""Packets kept for retransmission: about a second of 5 Mbit/s."""

REPORT_INTERVAL: Final = 1.0
"""Seconds between sender reports, varied by half as RFC 3550 section 6.2 wants it."""

RTT_MEMORY: Final = 0.85
"""Weight of the past in the round-trip time."""

CNAME: Final = 1
"""The one SDES item that must be sent, RFC 3550 section 6.5.1."""

ABS_SEND_TIME_SHIFT: Final = 14
ABS_SEND_TIME_MASK: Final = 0x00FFFFFF
"""24 bits of an NTP timestamp, 6.18 fixed point seconds: the abs-send-time extension."""

Kind = Literal["audio", "video"]


@dataclass(slots=True)
class Feedback:
    """Who hears of what the peer reports; each may be exchanged at any time."""

    key_frame: Callable[[], None] = lambda: None
    """The peer can't decode without a new key frame."""

    loss: Callable[[float], None] = lambda _: None
    """The share of packets that were lost since the last report, 0 to 1."""

    bitrate: Callable[[int], None] = lambda _: None
    """The bits per second that the peer believes the network takes."""

    started: Callable[[], None] = lambda: None
    """The connection stands; frames will be sent from now on."""


class RtpSender:
    """The outgoing stream of one kind to one peer.

    Args:
        kind: What is sent.
        path: Where it goes.
        clock: The session's.

    """

    def __init__(self, kind: Kind, path: MediaPath, clock: MediaClock) -> None:
        self.kind: Final[Kind] = kind
        self.feedback: Final = Feedback()
        self.track: MediaStreamTrack | None = None
        self.mime_type = ""
        """Of the codec that was negotiated, such as ``audio/opus``; empty until then."""
        self.packets = 0
        self.octets = 0
        self.rtt: float | None = None
        """Seconds to the peer and back, once known."""
        # What aiortc's peer connection reads and writes:
        self._enabled = True
        self._ssrc = random.getrandbits(32)
        self._rtx_ssrc = random.getrandbits(32)
        self._stream_id = str(uuid.uuid4())
        self._track_id = str(uuid.uuid4())
        self._path = path
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._rate = 48_000
        self._payload_type = 0
        self._rtx_payload_type: int | None = None
        self._extensions = HeaderExtensionsMap()
        self._mid = ""
        self._cname = ""
        self._origin = random.getrandbits(32)
        # In the lower half: libsrtp guesses wrongly about an early wrap-around.
        self._sequence = random.getrandbits(15)
        self._rtx_sequence = random.getrandbits(15)
        self._history: dict[int, RtpPacket] = {}
        self._report: asyncio.TimerHandle | None = None
        self._last_report: tuple[int, float] | None = None
        self._started = False
        self._stopped = False

    # What aiortc's peer connection calls

    @property
    def transport(self) -> RTCDtlsTransport:
        """Where the media goes."""
        return self._path.dtls

    def replaceTrack(self, track: MediaStreamTrack | None) -> None:  # noqa: N802 - aiortc's name
        """Note a track; nothing is read from it."""
        self.track = track

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Begin to send: the connection stands."""
        if self._started or self._stopped:
            return
        self._started = True
        codec = parameters.codecs[0]
        self.mime_type = codec.mimeType.lower()
        self._rate = codec.clockRate
        assert codec.payloadType is not None  # negotiated
        self._payload_type = codec.payloadType
        for other in parameters.codecs:
            if is_rtx(other) and other.parameters.get("apt") == codec.payloadType:
                self._rtx_payload_type = other.payloadType
        self._mid = parameters.muxId
        self._cname = parameters.rtcp.cname or ""
        self._extensions.configure(parameters)
        self._path.dtls._register_rtp_sender(self, parameters)
        self._report = self._loop.call_later(REPORT_INTERVAL / 2, self._send_report)
        self.feedback.started()

    async def stop(self) -> None:
        """Say goodbye and send nothing more."""
        if self._stopped:
            return
        self._stopped = True
        if not self._started:
            return
        if self._report is not None:
            self._report.cancel()
        self._path.dtls._unregister_rtp_sender(self)
        self._path.send_rtcp(RtcpByePacket(sources=[self._ssrc]))

    async def getStats(self) -> RTCStatsReport:  # noqa: N802 - aiortc's name
        """Return nothing; the counters are attributes."""
        return RTCStatsReport()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        match packet:
            case RtcpRrPacket() | RtcpSrPacket():
                for report in packet.reports:
                    if report.ssrc == self._ssrc:
                        self._take_report(report)
            case RtcpRtpfbPacket(fmt=fmt) if fmt == RTCP_RTPFB_NACK:
                for sequence in packet.lost:
                    self._send_again(sequence)
            case RtcpPsfbPacket(fmt=fmt) if fmt in (RTCP_PSFB_FIR, RTCP_PSFB_PLI):
                self.feedback.key_frame()
            case RtcpPsfbPacket(fmt=fmt) if fmt == RTCP_PSFB_APP:
                self._take_estimate(packet)

    # What the session calls

    @property
    def live(self) -> bool:
        """Whether what is given to `send_frame` is sent."""
        return self._started and not self._stopped and self._enabled

    def send_frame(self, frame: EncodedFrame) -> None:
        """Send a frame now; what can't be sent is lost, as on the network."""
        if not self.live:
            return
        last = len(frame.payloads) - 1
        timestamp = (self._origin + frame.timestamp) & 0xFFFFFFFF
        for index, payload in enumerate(frame.payloads):
            packet = RtpPacket(
                payload_type=self._payload_type,
                sequence_number=self._sequence,
                timestamp=timestamp,
                ssrc=self._ssrc,
                payload=payload,
            )
            # RFC 3551 section 4.1 for sound, the codecs' payload formats for pictures.
            packet.marker = int(frame.starts_talk if self.kind == "audio" else index == last)
            self._set_extensions(packet, frame)
            self._history[self._sequence % HISTORY] = packet
            self._sequence = (self._sequence + 1) & 0xFFFF
            self.packets += 1
            self.octets += len(payload)
            self._path.send_rtp(packet.serialize(self._extensions))

    def _set_extensions(self, packet: RtpPacket, frame: EncodedFrame) -> None:
        packet.extensions.mid = self._mid
        if frame.level is not None:
            packet.extensions.audio_level = (False, frame.level)
        if self.kind == "video":
            now = self._clock.ntp(self._loop.time())
            packet.extensions.abs_send_time = (now >> ABS_SEND_TIME_SHIFT) & ABS_SEND_TIME_MASK

    def _send_again(self, sequence: int) -> None:
        packet = self._history.get(sequence % HISTORY)
        if packet is None or packet.sequence_number != sequence:
            return
        if self._rtx_payload_type is not None:
            packet = wrap_rtx(
                packet,
                payload_type=self._rtx_payload_type,
                sequence_number=self._rtx_sequence,
                ssrc=self._rtx_ssrc,
            )
            self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        self._path.send_rtp(packet.serialize(self._extensions))

    def _send_report(self) -> None:
        now = self._loop.time()
        wait = REPORT_INTERVAL * random.uniform(0.5, 1.5)
        self._report = self._loop.call_later(wait, self._send_report)
        ntp = self._clock.ntp(now)
        info = RtcpSenderInfo(
            ntp_timestamp=ntp,
            rtp_timestamp=(self._origin + self._clock.ticks(now, self._rate)) & 0xFFFFFFFF,
            packet_count=self.packets & 0xFFFFFFFF,
            octet_count=self.octets & 0xFFFFFFFF,
        )
        name = RtcpSourceInfo(ssrc=self._ssrc, items=[(CNAME, self._cname.encode())])
        self._last_report = ((ntp >> 16) & 0xFFFFFFFF, now)
        self._path.send_rtcp(
            RtcpSrPacket(ssrc=self._ssrc, sender_info=info), RtcpSdesPacket(chunks=[name])
        )

    def _take_report(self, report: RtcpReceiverInfo) -> None:
        self.feedback.loss(report.fraction_lost / 256)
        if self._last_report is None or not report.dlsr or report.lsr != self._last_report[0]:
            return
        rtt = max(0.0, self._loop.time() - self._last_report[1] - report.dlsr / 65536)
        self.rtt = rtt if self.rtt is None else RTT_MEMORY * self.rtt + (1 - RTT_MEMORY) * rtt

    def _take_estimate(self, packet: RtcpPsfbPacket) -> None:
        try:
            bitrate, streams = unpack_remb_fci(packet.fci)
        except ValueError:
            logger.debug("an RTCP packet of unknown content was ignored")
            return
        if self._ssrc in streams:
            self.feedback.bitrate(bitrate)
