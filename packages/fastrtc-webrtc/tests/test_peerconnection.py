"""The peer connection of this side, against one of unaltered aiortc's; `srtp` is a part of it."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiortc
import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.rtp import RtcpByePacket, RtpPacket

from fastrtc_webrtc import peerconnection
from fastrtc_webrtc.configuration import server_configuration
from fastrtc_webrtc.encoded import EncodedFrame, MediaClock
from fastrtc_webrtc.encoderthreads import EncoderThreads
from fastrtc_webrtc.ice import IceConnection, IceOptions
from fastrtc_webrtc.icelink import IceLink
from fastrtc_webrtc.offers import Offer, check_offer
from fastrtc_webrtc.opus import OpusEncoder
from fastrtc_webrtc.peerconnection import PeerConnection, PeerOptions
from fastrtc_webrtc.srtp import MediaPath, PacketReceiver
from fastrtc_webrtc.testing import RTCClient
from fastrtc_webrtc.testing.media import loudest_hz, tone

VIDEO = {"audio": None, "video": "sendrecv"}
BOTH = {"audio": "sendrecv", "video": "sendrecv"}


def options(**changes: Any) -> PeerOptions:
    made = PeerOptions(
        ice=IceOptions(bind=("127.0.0.1",)),
        clock=MediaClock(asyncio.get_running_loop().time(), 1_700_000_000.0),
        configuration=server_configuration(None),
        threads=EncoderThreads(),
        sends=True,
        receives=True,
    )
    return replace(made, **changes)


class Answerer:
    """A peer connection of ours that answers a client."""

    def __init__(self, **changes: Any) -> None:
        made = options(**changes)
        self.threads = made.threads
        self.peer = PeerConnection(made)
        self.offers: list[Offer] = []
        self.answers: list[str] = []

    async def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        offer = check_offer(
            body["sdp"],
            modality="audio-video",
            mode="send-receive",
            allow_extra_tracks=True,
            renegotiation=bool(self.offers),
        )
        self.offers.append(offer)
        self.answers.append(await self.peer.answer(offer))
        for candidate in offer.candidates:
            await self.peer.links[0].add_candidate(candidate)
        return 200, {"sdp": self.answers[-1]}

    def section(self, kind: str, index: int = 0) -> list[str]:
        """Return the lines of a media section of the newest answer."""
        parts = self.answers[-1].split("\r\nm=")[1:]
        return [part.splitlines() for part in parts if part.startswith(kind)][index]


@asynccontextmanager
async def answering(**changes: Any) -> AsyncIterator[Answerer]:
    answerer = Answerer(**changes)
    try:
        yield answerer
    finally:
        await answerer.peer.shut_down()
        answerer.threads.shutdown(wait=True)


def formats(section: list[str]) -> list[str]:
    """Return the names of a section's formats in order."""
    order = section[0].split()[3:]
    names = dict(line[9:].split(" ", 1) for line in section if line.startswith("a=rtpmap:"))
    return [names[number] for number in order]


# The answer


async def test_codecs_of_sound() -> None:
    async with answering() as answerer, RTCClient(answerer.post):
        section = answerer.section("audio")
        assert formats(section) == ["opus/48000/2", "PCMU/8000", "PCMA/8000"]
        opus = section[0].split()[3]
        assert f"a=fmtp:{opus} minptime=10;useinbandfec=1" in section
        assert not any(line.startswith("a=rtcp-fb:") for line in section)
        assert "a=sendrecv" in section


@pytest.mark.parametrize("feedback", ["nack", "transport-cc"])
async def test_nack_for_sound_if_it_is_offered(feedback: str) -> None:
    def alter(sdp: str) -> str:
        [line] = [line for line in sdp.splitlines() if line.endswith(" opus/48000/2")]
        number = line.removeprefix("a=rtpmap:").split()[0]
        return sdp.replace(line, f"{line}\r\na=rtcp-fb:{number} {feedback}")

    async with answering() as answerer, RTCClient(answerer.post, alter=alter):
        section = answerer.section("audio")
        feedbacks = [line.split()[1] for line in section if line.startswith("a=rtcp-fb:")]
        assert feedbacks == (["nack"] if feedback == "nack" else [])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("video/VP8", "VP8/90000"), ("video/H264", "H264/90000"), (None, "VP8/90000")],
)
async def test_codecs_of_pictures(wanted: str | None, expected: str) -> None:
    async with (
        answering(video_codec=wanted) as answerer,
        RTCClient(answerer.post, **VIDEO),
    ):
        names = formats(answerer.section("video"))
        assert names[0] == expected
        assert names[1] == "rtx/90000"
        assert {"VP8/90000", "H264/90000"} <= set(names)
        [sender] = answerer.peer.senders("video")
        await _started(sender)
        assert sender.mime_type == f"video/{expected.partition('/')[0].lower()}"


async def test_the_client_s_choice_of_codec_counts_where_we_have_none() -> None:
    async with (
        answering() as answerer,
        RTCClient(answerer.post, codecs=["video/H264"], **VIDEO),
    ):
        assert formats(answerer.section("video"))[0] == "H264/90000"


async def _started(sender: Any) -> None:
    if not sender.live:
        started = asyncio.Event()
        sender.feedback.started = started.set
        await started.wait()


@pytest.mark.parametrize(
    ("sends", "receives", "direction"),
    [
        (True, True, "sendrecv"),
        (True, False, "sendonly"),
        (False, True, "recvonly"),
        (False, False, "inactive"),
    ],
)
async def test_directions(sends: bool, receives: bool, direction: str) -> None:
    async with (
        answering(sends=sends, receives=receives) as answerer,
        RTCClient(answerer.post, **BOTH),
    ):
        peer = answerer.peer
        for kind in ("audio", "video"):
            assert f"a={direction}" in answerer.section(kind)
        assert [len(peer.senders("audio")), len(peer.senders("video"))] == [sends, sends]
        assert (peer.audio_receiver is not None) is receives
        assert (peer.video_receiver is not None) is receives
        assert len(peer.all_senders) == 2


async def test_a_second_microphone_is_answered_inactive() -> None:
    async with answering() as answerer:
        client = RTCClient(answerer.post)
        client.pc.addTransceiver("audio", "sendrecv")
        async with client:
            assert "a=sendrecv" in answerer.section("audio", 0)
            assert "a=inactive" in answerer.section("audio", 1)
            assert len(answerer.peer.senders("audio")) == 1


def with_a_strange_section(sdp: str) -> str:
    """Add a section that nobody understands, as an old client has for presentations."""
    first, second = sdp.index("m="), sdp.index("m=application")
    strange = sdp[first:second].replace("m=audio", "m=text").replace("a=mid:0", "a=mid:9")
    return sdp[:second] + strange + sdp[second:]


async def test_sections_that_are_rejected() -> None:
    async with answering() as answerer:
        seen: list[str] = []

        async def post(path: str, body: Any) -> tuple[int, dict[str, Any]]:
            status, answer = await answerer.post(path, {"sdp": with_a_strange_section(body["sdp"])})
            seen.append(answer["sdp"])
            parts = answer["sdp"].split("\r\nm=")
            kept = [part for part in parts if not part.startswith("text")]
            return status, {"sdp": "\r\nm=".join(kept)}  # aiortc never offered it

        async with RTCClient(post):
            section = answerer.section("text")
            assert section[0].split()[1] == "0"
            group = next(line for line in seen[0].splitlines() if line.startswith("a=group"))
            assert group == "a=group:BUNDLE 0 1"


async def test_no_codec_in_common() -> None:
    async with answering() as answerer:
        client = RTCClient(answerer.post, codecs=["audio/G722"])
        with pytest.raises(ValueError, match="audio/opus, audio/pcmu, audio/pcma"):
            await client.connect()


# Media


async def test_sound_both_ways() -> None:
    async with answering() as answerer, RTCClient(answerer.post) as client:
        heard: asyncio.Queue[Any] = asyncio.Queue()
        receiver = answerer.peer.audio_receiver
        assert receiver is not None
        receiver.listen(lambda samples, rate: heard.put_nowait(samples), 48_000, 1)
        client.send_audio(tone(440, 0.5))
        pieces = [await heard.get() for _ in range(50)]
        loud = [piece for piece in pieces if np.abs(piece).max() > 4000]
        assert len(loud) >= 20
        assert loudest_hz(np.concatenate(loud, axis=1)) == pytest.approx(440, abs=5)
        [sender] = answerer.peer.senders("audio")
        payload = OpusEncoder(48_000, 1).encode(tone(440, 0.02))
        sender.send_frame(EncodedFrame((payload,), 0))
        assert (await client.audio.packets.next()).payload == payload


async def test_packets_come_without_a_task_in_between() -> None:
    async with answering() as answerer, RTCClient(answerer.post) as client:
        receiver = answerer.peer.audio_receiver
        assert isinstance(receiver, PacketReceiver)
        came: asyncio.Queue[RtpPacket] = asyncio.Queue()
        slow: list[object] = []
        taking = receiver.take_rtp

        def take(packet: RtpPacket) -> None:
            taking(packet)
            came.put_nowait(packet)

        async def handle(packet: RtpPacket, arrival_time_ms: int) -> None:
            slow.append(packet)
            take(packet)

        receiver.take_rtp = take  # type: ignore[method-assign] # to look over its shoulder
        receiver._handle_rtp_packet = handle  # type: ignore[method-assign] # the same
        client.send_audio(tone(440, 0.4))
        for _ in range(20):
            await came.get()
        assert len(slow) <= 1  # the first of the stream, by which aiortc learns whose it is


async def test_packets_that_are_forged_or_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    async with answering() as answerer, RTCClient(answerer.post) as client:
        peer = answerer.peer
        heard: asyncio.Queue[Any] = asyncio.Queue()
        receiver = peer.audio_receiver
        assert receiver is not None
        receiver.listen(lambda samples, rate: heard.put_nowait(samples), 48_000, 1)
        await heard.get()
        await heard.get()
        [path] = peer._paths.values()
        ssrc = next(iter(path.dtls._rtp_router.ssrc_table))
        forged = bytes(RtpPacket(payload_type=96, ssrc=ssrc, payload=b"x" * 40).serialize())
        assert path.take(forged)  # taken, and dropped
        assert not path.take(forged[:11])
        assert not path.take(bytes(RtpPacket(ssrc=ssrc ^ 1, payload=b"x").serialize()))
        assert client.pc.connectionState == "connected"
        await heard.get()


async def test_rtcp_is_aiortc_s_to_take() -> None:
    async with answering() as answerer, RTCClient(answerer.post):
        [path] = answerer.peer._paths.values()
        assert not path.take(bytes.fromhex("80c90001 00000001 00000000"))


async def test_what_can_not_be_sent_is_lost() -> None:
    async with answering() as answerer:
        peer = answerer.peer
        async with RTCClient(answerer.post):
            [sender] = peer.senders("audio")
            [path] = peer._paths.values()
            await path.link.connection.close()  # as when consent has expired
            sender.send_frame(EncodedFrame((b"x",), 0))
            path.send_rtp(bytes(RtpPacket(payload=b"x").serialize()))
            path.send_rtcp(RtcpByePacket([1]))


async def test_nothing_is_sent_before_there_are_keys() -> None:
    async with answering() as answerer:
        answerer.peer.addTransceiver("audio")
        [path] = answerer.peer._paths.values()
        path.send_rtp(bytes(RtpPacket(payload=b"x").serialize()))
        path.send_rtcp(RtcpByePacket([1]))
        assert not path.take(bytes(RtpPacket(payload=b"x").serialize()))


# Negotiating again


async def test_putting_on_hold_and_going_on() -> None:
    async with answering() as answerer, RTCClient(answerer.post) as client:
        peer = answerer.peer
        [transceiver] = client.pc.getTransceivers()
        for direction, sends, receives in (
            ("inactive", False, False),
            ("sendonly", False, True),
            ("recvonly", True, False),
            ("sendrecv", True, True),
        ):
            transceiver.direction = direction
            await client.reoffer()
            assert len(peer.senders("audio")) == sends
            assert (peer.audio_receiver is not None) is receives
        assert peer.links == [path.link for path in peer._paths.values()]
        assert len(peer.links) == 1


async def test_restarting_ice() -> None:
    async with answering() as answerer:
        restarts: list[tuple[IceLink, IceConnection]] = []

        async def post(path: str, body: Any) -> tuple[int, dict[str, Any]]:
            if answerer.offers:
                facts = check_offer(body["sdp"], modality="audio", mode="send-receive").transport
                restarts.extend(await answerer.peer.prepare_restart(facts.ufrag, facts.pwd))
            return await answerer.post(path, body)

        async with RTCClient(post) as client, asyncio.TaskGroup() as tasks:
            before = answerer.peer.links[0].connection
            restarting = tasks.create_task(client.restart())
            while not restarts or len(answerer.answers) < 2:
                await asyncio.sleep(0.01)
            [(link, fresh)] = restarts
            assert link.connection is before
            await link.finish_restart(fresh)
            await restarting
            assert link.connection is fresh
            assert f"a=ice-ufrag:{fresh.local_username}" in answerer.answers[1]
            assert client.pc.connectionState == "connected"
            client.send_message("there")
            [sender] = answerer.peer.senders("audio")
            sender.send_frame(EncodedFrame((b"\xf8\xff\xfe",), 0))
            await client.audio.packets.next()


async def test_a_newer_restart_takes_the_place_of_one_under_way() -> None:
    async with answering() as answerer, RTCClient(answerer.post):
        peer = answerer.peer
        [(link, first)] = await peer.prepare_restart("abcd", "x" * 22)
        [(_, second)] = await peer.prepare_restart("efgh", "y" * 22)
        assert first._closed
        assert not second._closed
        assert link.connection not in (first, second)
        assert (second.remote_username, second.remote_password) == ("efgh", "y" * 22)


# Ends


@pytest.mark.parametrize("when", ["new", "offered", "connected", "restarting"])
async def test_shutting_down(leaving_nothing: Any, when: str) -> None:
    loop = asyncio.get_running_loop()
    async with leaving_nothing():
        answerer = Answerer()
        client = RTCClient(answerer.post, **BOTH)
        if when == "offered":
            await client.pc.setLocalDescription(await client.pc.createOffer())
            await answerer.post("", {"sdp": client.pc.localDescription.sdp})
        elif when != "new":
            await client.connect()
        if when == "restarting":
            [(_, fresh)] = await answerer.peer.prepare_restart("abcd", "x" * 22)
            assert fresh.local_candidates
        began = loop.time()
        await answerer.peer.shut_down()
        await answerer.peer.shut_down()
        answerer.threads.shutdown(wait=True)
        assert loop.time() - began < peerconnection.CLOSE_TIMEOUT / 2
        await client.close()


async def test_signs_of_life() -> None:
    async with answering() as answerer, RTCClient(answerer.post):
        before = answerer.peer.last_heard
        receiver = answerer.peer.audio_receiver
        assert receiver is not None
        heard: asyncio.Queue[Any] = asyncio.Queue()
        receiver.listen(lambda samples, rate: heard.put_nowait(samples), 48_000, 1)
        await heard.get()
        assert answerer.peer.last_heard > before


async def test_a_connection_without_transports() -> None:
    async with answering() as answerer:
        assert answerer.peer.links == []
        assert answerer.peer.last_heard == 0.0
        assert answerer.peer.audio_receiver is answerer.peer.video_receiver is None


# The seam


def test_an_aiortc_that_is_built_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RTCPeerConnection, "_RTCPeerConnection__createTransceiver")
    with pytest.raises(ImportError, match=f"aiortc {aiortc.__version__} has no"):
        importlib.reload(peerconnection)
    monkeypatch.undo()


async def test_our_parts_are_in_their_places() -> None:
    """What this would miss, with an aiortc that is built otherwise, is silence."""
    async with answering() as answerer, RTCClient(answerer.post, **BOTH):
        peer = answerer.peer
        for transceiver in peer.getTransceivers():
            assert transceiver.sender in peer.all_senders
            path = peer._paths[transceiver.receiver.transport]
            assert isinstance(path, MediaPath)
            transport = transceiver.receiver.transport.transport
            assert transport._connection is path.link.connection
            assert isinstance(path.link.connection, IceConnection)
        audio = next(one for one in peer.getTransceivers() if one.kind == "audio")
        assert audio.receiver is peer.audio_receiver
        assert peer.sctp is not None
        assert peer.sctp.transport in peer._paths
