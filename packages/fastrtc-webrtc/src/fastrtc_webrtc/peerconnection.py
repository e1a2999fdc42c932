"""The seam to aiortc: its peer connection with parts of ours inside.

aiortc has no place to plug these in, so this module reaches into what its names mark as private.
It is the only one that does, beside the parts themselves (`ice`, `icelink`, `srtp`, `rtpsender`,
`audioreceiver`), and the tests run it against the oldest and the newest aiortc that the package
allows.

=====================  ==========================================================================
aiortc's               is replaced because
=====================  ==========================================================================
ICE connection         it has no choice of ports and addresses, and no restart
receiver of sound      it adds 80 ms, 280 after the first lost packet, and conceals nothing
receiver of pictures   its buffer adds the time to the next picture, its threads hold memory
sender                 it encodes for one peer, stereo, in the event loop's default executor
=====================  ==========================================================================
"""

import asyncio
import logging
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import aiortc
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.codecs import is_rtx
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters

from fastrtc_webrtc.answers import finish_answer
from fastrtc_webrtc.audiocodecs import OPUS, PCMA, PCMU
from fastrtc_webrtc.audioreceiver import AudioReceiver
from fastrtc_webrtc.encoded import MediaClock
from fastrtc_webrtc.formats import OpusFacts
from fastrtc_webrtc.ice import IceConnection, IceOptions
from fastrtc_webrtc.icelink import IceLink
from fastrtc_webrtc.offers import Offer
from fastrtc_webrtc.rtpsender import Kind, RtpSender
from fastrtc_webrtc.sections import Section
from fastrtc_webrtc.srtp import MediaPath
from fastrtc_webrtc.videoreceiver import VideoReceiver

logger = logging.getLogger("fastrtc_webrtc")

_HOOKS: Final = (
    "_RTCPeerConnection__createDtlsTransport",
    "_RTCPeerConnection__createTransceiver",
)
for _hook in _HOOKS:
    if not hasattr(RTCPeerConnection, _hook):
        raise ImportError(
            f"aiortc {aiortc.__version__} has no {_hook}, which fastrtc-webrtc builds on; "
            "install aiortc 1.16, or a newer fastrtc-webrtc"
        )

AUDIO_CODECS: Final = (OPUS, PCMU, PCMA)

NACK: Final = RTCRtcpFeedback(type="nack")

CLOSE_TIMEOUT: Final = 5.0
"""Seconds for a connection to be taken down; aiortc waits for threads and tasks of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerOptions:
    """How a peer connection is made."""

    ice: IceOptions
    clock: MediaClock
    configuration: RTCConfiguration
    sends: bool
    """Whether media go to the peer."""
    receives: bool
    """Whether media of the peer are taken."""
    threads: Executor
    """Where pictures of the peer are decoded."""
    video_codec: str | None = None
    """The codec of pictures, as ``video/VP8``, if the peer has it; None for its own choice."""


class PeerConnection(RTCPeerConnection):
    """A peer connection that answers offers.

    Args:
        options: How.

    """

    def __init__(self, options: PeerOptions) -> None:
        super().__init__(options.configuration)
        self._options = options
        self._paths: dict[RTCDtlsTransport, MediaPath] = {}
        self._senders: dict[RTCRtpTransceiver, RtpSender] = {}
        self._receivers: dict[RTCRtpTransceiver, AudioReceiver] = {}
        self._video_receivers: dict[RTCRtpTransceiver, VideoReceiver] = {}

    # In place of aiortc's

    def _RTCPeerConnection__createDtlsTransport(self) -> RTCDtlsTransport:  # noqa: N802
        make = super()._RTCPeerConnection__createDtlsTransport  # type: ignore[misc] # see _HOOKS
        dtls: RTCDtlsTransport = make()
        self._paths[dtls] = MediaPath(dtls, IceLink(dtls.transport, self._options.ice))
        return dtls

    def _RTCPeerConnection__createTransceiver(  # noqa: N802
        self, direction: str, kind: Kind, sender_track: MediaStreamTrack | None = None
    ) -> RTCRtpTransceiver:
        make = super()._RTCPeerConnection__createTransceiver  # type: ignore[misc] # see _HOOKS
        transceiver: RTCRtpTransceiver = make(direction, kind, sender_track)
        path = self._paths[transceiver.receiver.transport]
        sender = RtpSender(kind, path, self._options.clock)
        sender._stream_id = transceiver.sender._stream_id
        self._senders[transceiver] = sender
        transceiver._RTCRtpTransceiver__sender = sender  # type: ignore[attr-defined] # see above
        receiver: AudioReceiver | VideoReceiver
        if kind == "audio":
            receiver = self._receivers[transceiver] = AudioReceiver(path, sender)
        else:
            receiver = VideoReceiver(path.dtls, self._options.threads)
            self._video_receivers[transceiver] = receiver
        transceiver._RTCRtpTransceiver__receiver = receiver  # type: ignore[attr-defined]
        transceiver.receiver._set_rtcp_ssrc(sender._ssrc)
        return transceiver

    # For the session

    async def answer(self, offer: Offer) -> str:
        """Take an offer and return the answer, with the candidates of this side.

        Raises:
            ValueError: The offer can't be answered: no codec in common, for example.

        """
        try:
            await self.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        except aiortc.exceptions.OperationError as error:
            raise ValueError(str(error)) from error
        sections = {section.mid: section for section in offer.sections}
        for transceiver in self.getTransceivers():
            self._prepare(transceiver, sections.get(transceiver.mid))
        await self.setLocalDescription(await self.createAnswer())
        return finish_answer(self.localDescription.sdp, offer)

    def senders(self, kind: Kind) -> list[RtpSender]:
        """Return the senders of a kind that the peer listens to."""
        return [
            sender
            for transceiver, sender in self._senders.items()
            if sender.kind == kind and transceiver.currentDirection in ("sendrecv", "sendonly")
        ]

    @property
    def all_senders(self) -> list[RtpSender]:
        """The senders of both kinds, whether the peer listens or not."""
        return list(self._senders.values())

    @property
    def audio_receiver(self) -> AudioReceiver | None:
        """The receiver of the peer's sound, if there is one."""
        live = (own for transceiver, own in self._receivers.items() if _receives(transceiver))
        return next(live, None)

    @property
    def video_receiver(self) -> VideoReceiver | None:
        """The receiver of the peer's pictures, if there is one."""
        live = (own for transceiver, own in self._video_receivers.items() if _receives(transceiver))
        return next(live, None)

    @property
    def links(self) -> list[IceLink]:
        """The ICE agents: one, where everything is bundled."""
        return [path.link for path in self._paths.values()]

    @property
    def last_heard(self) -> float:
        """When the last packet of the peer came, on the event loop's clock."""
        return max((link.last_heard for link in self.links), default=0.0)

    @property
    def lost(self) -> bool:
        """Whether the connection is closed for want of a sign of life, not by either side."""
        return any(link.connection.expired for link in self.links)

    async def prepare_restart(self, ufrag: str, pwd: str) -> list[tuple[IceLink, IceConnection]]:
        """Have the next answer describe new ICE agents, to be connected by `IceLink`.

        Args:
            ufrag: The peer's new user fragment.
            pwd: The peer's new password.

        """
        prepared = []
        for link in self.links:
            await link.abandon_restart()  # a newer one takes its place
            fresh = link.prepare_restart()
            fresh.remote_username, fresh.remote_password = ufrag, pwd
            await fresh.gather_candidates()
            prepared.append((link, fresh))
        return prepared

    async def shut_down(self) -> None:
        """Close the connection, within `CLOSE_TIMEOUT`."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await asyncio.shield(self.close())  # which can't be taken up again
        except TimeoutError:
            logger.warning("a peer connection took more than %g s to close", CLOSE_TIMEOUT)
        finally:
            for link in self.links:
                await link.close()

    def _prepare(self, transceiver: RTCRtpTransceiver, section: Section | None) -> None:
        """Decide in which direction a section is used, and by which codecs."""
        wanted = section is not None and section.use == "media"
        sends, receives = wanted and self._options.sends, wanted and self._options.receives
        transceiver.direction = _DIRECTIONS[sends, receives]
        if transceiver.kind == "video":
            transceiver._codecs = _preferring(self._options.video_codec, transceiver._codecs)
        elif section is not None and section.use == "media":
            transceiver._codecs = _audio_codecs(transceiver._codecs, section.opus)


_DIRECTIONS: Final = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}


def _receives(transceiver: RTCRtpTransceiver) -> bool:
    return transceiver.currentDirection in ("sendrecv", "recvonly")


def _audio_codecs(
    codecs: list[RTCRtpCodecParameters], opus: OpusFacts | None
) -> list[RTCRtpCodecParameters]:
    """Keep what is spoken here, and tell of Opus what its peer must know (RFC 7587 section 6.1).

    Raises:
        ValueError: Nothing is left.

    """
    kept = [codec for codec in codecs if codec.mimeType.lower() in AUDIO_CODECS]
    if not kept:
        known = ", ".join(AUDIO_CODECS)
        raise ValueError(f"none of the codecs offered for sound is one of {known}")
    for codec in kept:
        if codec.mimeType.lower() == OPUS:
            codec.parameters = {"minptime": 10, "useinbandfec": 1}
            codec.rtcpFeedback = [NACK] if opus is not None and opus.nack else []
    return kept


def _preferring(
    mime_type: str | None, codecs: list[RTCRtpCodecParameters]
) -> list[RTCRtpCodecParameters]:
    """Put one codec first, each codec's retransmission after it."""
    wanted = (mime_type or "").lower()
    types = {codec.payloadType for codec in codecs if codec.mimeType.lower() == wanted}

    def is_second(codec: RTCRtpCodecParameters) -> bool:
        base = codec.parameters.get("apt") if is_rtx(codec) else codec.payloadType
        return base not in types

    return sorted(codecs, key=is_second)
