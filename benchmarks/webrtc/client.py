"""The client: aiortc's own RTCPeerConnection, and what is done to it to see and lose packets."""

import asyncio
import json
import urllib.request
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aioice import ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtp import RtpPacket, is_rtcp

from benchmarks.webrtc.loopback import addresses
from benchmarks.webrtc.wiretap import Wiretap

ice.get_host_addresses = addresses

CONNECT_SECONDS: Final = 20.0

OnPacket = Callable[[RtpPacket], None]
Loses = Callable[[int, bool], bool]
"""Whether the network loses a packet, by its number, and whether it is sent again."""


@dataclass(slots=True)
class Link:
    """A connected client."""

    peer: RTCPeerConnection
    webrtc_id: str
    tracks: dict[str, MediaStreamTrack] = field(default_factory=dict)
    """What the server sends, by kind."""

    def receiver(self, kind: str) -> Any:
        """aiortc's receiver of a kind."""
        return next(one.receiver for one in self.peer.getTransceivers() if one.kind == kind)

    def on_packet(self, kind: str, heard: OnPacket, *, only: bool = False) -> None:
        """Have every received packet told.

        Args:
            kind: Audio or video.
            heard: Called with the packet as it arrives.
            only: Keep packets from aiortc's own buffer and decoder, which cost.

        """
        receiver = self.receiver(kind)
        goes_on = receiver._handle_rtp_packet

        async def handle(packet: RtpPacket, arrival_time_ms: int) -> None:
            heard(packet)
            if not only:
                await goes_on(packet, arrival_time_ms=arrival_time_ms)

        receiver._handle_rtp_packet = handle

    def on_send(self, heard: Callable[[bytes, bool], None], loses: Loses) -> None:
        """Have every sent packet of sound told, with whether it is lost, and lose it then."""
        sender = next(one.sender for one in self.peer.getTransceivers() if one.kind == "audio")
        transport: Any = sender.transport
        goes_on: Callable[[bytes], Awaitable[None]] = transport._send_rtp
        first: list[int] = []

        async def send(data: bytes) -> None:
            if is_rtcp(data):
                await goes_on(data)
                return
            packet = RtpPacket.parse(data)
            number = (packet.sequence_number - (first or [packet.sequence_number])[0]) % 65_536
            again = number < len(first)
            lost = loses(number, again)
            if not again:
                first.append(packet.sequence_number)
                heard(packet.payload, lost)
            if not lost:
                await goes_on(data)

        transport._send_rtp = send

    def tapped(self, loses: Loses = lambda _, __: False) -> tuple[Wiretap, Wiretap]:
        """What is sent from now on, and what comes, of sound."""
        out, back = Wiretap(), Wiretap()
        self.on_send(lambda payload, lost: out.hear(payload, lost=lost), loses)
        self.on_packet("audio", lambda packet: back.hear(packet.payload))
        return out, back


@asynccontextmanager
async def linked(
    base: str,
    media: Sequence[MediaStreamTrack],
    prepare: Callable[[Link], None] = lambda _: None,
) -> AsyncIterator[Link]:
    """A client connected to the stream at an address.

    Args:
        base: The address before `/webrtc/offer`.
        media: What to send.
        prepare: Called when the description is complete, before anything flows.

    Raises:
        RuntimeError: The server refused the offer.
        TimeoutError: No connection came about.

    """
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    link = Link(peer, uuid.uuid4().hex)
    connected = asyncio.Event()

    @peer.on("connectionstatechange")
    def on_change() -> None:
        if peer.connectionState == "connected":
            connected.set()

    @peer.on("track")
    def on_track(track: MediaStreamTrack) -> None:
        link.tracks[track.kind] = track

    try:
        # FastRTC sends nothing before it has seen this channel; the other two do without.
        peer.createDataChannel("text")
        for track in media:
            peer.addTrack(track)
        await peer.setLocalDescription(await peer.createOffer())
        answer = await _answered(base, peer.localDescription, link.webrtc_id)
        await peer.setRemoteDescription(answer)
        prepare(link)
        async with asyncio.timeout(CONNECT_SECONDS):
            await connected.wait()
        yield link
    finally:
        await peer.close()


async def _answered(
    base: str, offer: RTCSessionDescription, webrtc_id: str
) -> RTCSessionDescription:
    body = {"sdp": offer.sdp, "type": offer.type, "webrtc_id": webrtc_id}
    request = urllib.request.Request(
        f"{base}/webrtc/offer",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )

    def ask() -> dict[str, Any]:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    answer = await asyncio.to_thread(ask)
    if "sdp" not in answer:
        raise RuntimeError(f"The offer was refused: {answer.get('meta')}")
    return RTCSessionDescription(answer["sdp"], answer["type"])
