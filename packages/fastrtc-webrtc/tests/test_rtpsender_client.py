"""A sender of RTP and a client of another stack."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from fastrtc_webrtc.configuration import server_configuration
from fastrtc_webrtc.encoded import EncodedFrame, MediaClock
from fastrtc_webrtc.encoderthreads import EncoderThreads
from fastrtc_webrtc.ice import IceOptions
from fastrtc_webrtc.offers import check_offer
from fastrtc_webrtc.opus import OpusEncoder
from fastrtc_webrtc.peerconnection import PeerConnection, PeerOptions
from fastrtc_webrtc.rtpsender import HISTORY, Kind, RtpSender
from fastrtc_webrtc.testing import Impairment, RTCClient
from fastrtc_webrtc.testing.media import tone

WALL = 1_700_000_000.0


@dataclass
class Pair:
    """A peer connection of ours and a client that it is connected to."""

    peer: PeerConnection
    client: RTCClient
    clock: MediaClock

    async def sender(self, kind: Kind) -> RtpSender:
        """Return the sender of a kind once it may send."""
        [sender] = self.peer.senders(kind)
        if not sender.live:
            started = asyncio.Event()
            sender.feedback.started = started.set
            await started.wait()
        return sender


@asynccontextmanager
async def connected_pair(**options: Any) -> AsyncIterator[Pair]:
    loop = asyncio.get_running_loop()
    clock = MediaClock(loop.time(), WALL)
    threads = EncoderThreads()
    peer = PeerConnection(
        PeerOptions(
            ice=IceOptions(bind=("127.0.0.1",)),
            clock=clock,
            configuration=server_configuration(None),
            threads=threads,
            sends=True,
            receives=True,
        )
    )

    async def post(path: str, body: Any) -> tuple[int, dict[str, Any]]:
        offer = check_offer(body["sdp"], modality="audio-video", mode="send-receive")
        answer = await peer.answer(offer)
        for candidate in offer.candidates:
            await peer.links[0].add_candidate(candidate)
        return 200, {"sdp": answer}

    try:
        async with RTCClient(post, **options) as client:
            yield Pair(peer, client, clock)
    finally:
        await peer.shut_down()
        threads.shutdown(wait=True)


async def test_sound_to_a_client() -> None:
    incoming = Impairment(only="rtp")
    async with connected_pair(incoming=incoming) as pair:
        sender, packets = await pair.sender("audio"), pair.client.audio.packets
        payload = OpusEncoder(48_000, 1).encode(tone(440, 0.02))
        sender.send_frame(EncodedFrame((payload,), 0, starts_talk=True))
        first = await packets.next()
        assert (first.payload, first.marker) == (payload, True)
        incoming.drop_next()
        sender.send_frame(EncodedFrame((b"\xf8\xff\xfe",), 960))
        sender.send_frame(EncodedFrame((payload,), 1920))
        third = await packets.next()
        assert (third.sequence - first.sequence) % 65_536 == 2
        await pair.client.audio.ask_again(first.sequence + 1)
        again = await packets.next()
        assert again.sequence == first.sequence + 1
        assert again.payload == b"\xf8\xff\xfe"


async def test_the_clock_that_a_client_sees() -> None:
    async with connected_pair(video="sendrecv") as pair:
        sound, pictures = await pair.sender("audio"), await pair.sender("video")
        client = pair.client
        await client.audio.reports.next()
        await client.video.reports.next()
        now = asyncio.get_running_loop().time()
        sound.send_frame(EncodedFrame((b"\xf8\xff\xfe",), pair.clock.ticks(now, 48_000)))
        pictures.send_frame(EncodedFrame((b"\x10\x00",), pair.clock.ticks(now, 90_000)))
        heard = client.audio.wall_time((await client.audio.packets.next()).timestamp)
        seen = client.video.wall_time((await client.video.packets.next()).timestamp)
        assert heard == pytest.approx(seen, abs=0.001)


async def test_a_client_that_reports() -> None:
    outgoing = Impairment()
    async with connected_pair(outgoing=outgoing) as pair:
        sender = await pair.sender("audio")
        reported: asyncio.Queue[float] = asyncio.Queue()
        sender.feedback.loss = reported.put_nowait
        while sender.rtt is None:
            sender.send_frame(EncodedFrame((b"\xf8\xff\xfe",), 0))
            assert await reported.get() == 0.0
        assert sender.rtt < 0.5


async def test_the_oldest_packet_that_is_kept_is_sent_again_encrypted() -> None:
    async with connected_pair() as pair:
        sender = await pair.sender("audio")
        packets = pair.client.audio.packets
        first = sender._sequence
        for number in range(HISTORY):
            sender.send_frame(EncodedFrame((b"\xf8\xff\xfe",), 960 * number))
            if number % 100 == 0:
                await packets.match(lambda packet, n=number: packet.sequence == first + n)
        await packets.match(lambda packet: packet.sequence == first + HISTORY - 1)
        await pair.client.audio.ask_again(first)
        sender.send_frame(EncodedFrame((b"\xf8\xff\xfe",), 960 * HISTORY))
        await packets.match(lambda packet: packet.sequence == first + HISTORY)
        assert sender.live
