"""The client against a server made of nothing but aiortc."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCBundlePolicy
from aiortc.rtcicetransport import candidate_to_aioice
from aiortc.sdp import SessionDescription, candidate_from_sdp

from fastrtc_webrtc.testing import Impairment, RTCClient, SignallingError, ice_transports
from fastrtc_webrtc.testing.loopback import use_loopback
from fastrtc_webrtc.testing.media import (
    beep_onsets,
    beeps,
    decibels,
    flat_picture,
    level,
    loudest_hz,
    mean_color,
    numbered_picture,
    read_number,
    tone,
    tone_level,
)


class EchoServer:
    """Answers offers and sends back what comes, through aiortc's own tracks."""

    def __init__(self) -> None:
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self.pc = RTCPeerConnection(configuration)
        self.bodies: list[Mapping[str, Any]] = []
        self.answered = asyncio.Event()
        self.closed = asyncio.Event()
        self.pc.on("track", self.pc.addTrack)
        self.pc.on("datachannel", lambda channel: channel.on("message", channel.send))
        self.pc.on("connectionstatechange", self._note_state)

    def _note_state(self) -> None:
        if self.pc.connectionState == "closed":
            self.closed.set()

    async def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        assert path == "/webrtc/offer"
        self.bodies.append(body)
        if body["type"] == "ice-candidate":
            await self.answered.wait()
            await self._add(body["candidate"])
            return 200, {"status": "success"}
        return 200, await self._answer(body["sdp"])

    async def _answer(self, sdp: str) -> dict[str, Any]:
        again = self.answered.is_set()
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        if not again:
            use_loopback(self.pc)
            for candidate in SessionDescription.parse(sdp).media[0].ice_candidates:
                await self.agent.add_remote_candidate(candidate_to_aioice(candidate))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        self.answered.set()
        return {"sdp": self.pc.localDescription.sdp, "type": "answer", "token": "t"}

    async def _add(self, candidate: Mapping[str, Any] | None) -> None:
        if candidate is None:
            await self.agent.add_remote_candidate(None)
        else:
            parsed = candidate_from_sdp(candidate["candidate"].removeprefix("candidate:"))
            await self.agent.add_remote_candidate(candidate_to_aioice(parsed))

    @property
    def agent(self) -> Any:
        [transport] = ice_transports(self.pc)
        return transport._connection


@pytest.fixture
async def server() -> AsyncIterator[EchoServer]:
    server = EchoServer()
    yield server
    await server.pc.close()


def showing(number: int) -> Callable[[Any], bool]:
    return lambda picture: read_number(picture.pixels) == number


async def test_sound(server: EchoServer, leaving_nothing: Any) -> None:
    async with leaving_nothing(), RTCClient(server.post) as client:
        client.send_audio(tone(440, 1.0))
        loud = [await client.audio.sounds.match(lambda s: level(s.samples) > 4000)]
        await client.audio.sounds.match(lambda s: level(s.samples) < 50)
        recording = client.audio.recording()
        [onset] = beep_onsets(recording)
        middle = recording[:, round((onset + 0.2) * 48_000) : round((onset + 0.8) * 48_000)]
        assert loudest_hz(middle) == pytest.approx(440, abs=1)
        assert decibels(tone_level(middle, 440) / 8000) == pytest.approx(0, abs=0.1)
        # aiortc's own buffer, at both ends
        assert 0.05 < loud[0].time - client.microphone.said[0].time < 0.5
        await client.audio.played.match(lambda s: level(s.samples) > 4000)
        await server.pc.close()


async def test_pictures(server: EchoServer, leaving_nothing: Any) -> None:
    async with (
        leaving_nothing(),
        RTCClient(server.post, audio=None, video="sendrecv") as client,
    ):
        for number in (5, 4000):
            client.send_picture(numbered_picture(number))
            picture = await client.video.pictures.match(showing(number))
        client.send_picture(flat_picture((200, 40, 60)))
        picture = await client.video.pictures.match(lambda p: read_number(p.pixels) is None)
        assert mean_color(picture.pixels) == pytest.approx((200, 40, 60), abs=10)
        assert picture.timestamp in {packet.timestamp for packet in client.video.packets}
        await server.pc.close()


async def test_h264(server: EchoServer) -> None:
    options = {"audio": None, "video": "sendrecv", "codecs": ["video/H264"]}
    async with RTCClient(server.post, **options) as client:
        client.send_picture(numbered_picture(9))
        await client.video.pictures.match(showing(9))
        assert "VP8" not in client.pc.localDescription.sdp


async def test_messages(server: EchoServer) -> None:
    async with RTCClient(server.post) as client:
        client.send_message({"type": "log", "data": [1]})
        client.send_message({"type": "warning", "data": [2]})
        assert await client.message("warning") == [2]
        await client.arrivals.match(lambda item: getattr(item, "data", {}).get("data") == [1])


async def test_times_of_sound_and_pictures(server: EchoServer) -> None:
    async with RTCClient(server.post, video="sendrecv") as client:
        client.send_picture(flat_picture((255, 255, 255)))
        client.send_audio(beeps([0.0], 0.1))
        picture = await client.video.pictures.next()
        sound = await client.audio.sounds.match(lambda s: level(s.samples) > 1000)
        with pytest.raises(LookupError):
            client.video.wall_time(0)
        await client.audio.reports.next()
        await client.video.reports.next()
        between = client.audio.wall_time(sound.timestamp) - client.video.wall_time(
            picture.timestamp
        )
        assert between == pytest.approx(sound.time - picture.time, abs=0.2)


async def test_what_an_offer_says(server: EchoServer) -> None:
    options = {"webrtc_id": "mine", "metadata": {"room": 7}, "wants": ["speech"]}
    async with RTCClient(server.post, **options, alter=lambda sdp: sdp + "a=x-mine\r\n"):
        [body] = server.bodies
        assert body.keys() == {"sdp", "type", "webrtc_id", "metadata", "wants"}
        assert (body["type"], body["webrtc_id"]) == ("offer", "mine")
        assert (body["metadata"], body["wants"]) == ({"room": 7}, ["speech"])
        assert body["sdp"].endswith("a=x-mine\r\n")
        assert " 127.0.0.1 " in body["sdp"]


@pytest.mark.parametrize("trickle", ["before", "after"])
async def test_trickle(server: EchoServer, trickle: Any) -> None:
    async with RTCClient(server.post, trickle=trickle, data_channel=False) as client:
        kinds = [body["type"] for body in server.bodies]
        order = ["ice-candidate", "offer"] if trickle == "before" else ["offer", "ice-candidate"]
        assert kinds == [*order, "ice-candidate"]
        [offer] = (body for body in server.bodies if body["type"] == "offer")
        assert "a=candidate" not in offer["sdp"]
        first, last = (body for body in server.bodies if body["type"] == "ice-candidate")
        assert first["candidate"]["candidate"].startswith("candidate:")
        assert last == {"type": "ice-candidate", "webrtc_id": client.id, "candidate": None}


async def test_a_refusal() -> None:
    async def refuse(path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {"status": "failed", "meta": {"error": "concurrency_limit_reached", "limit": 1}}

    with pytest.raises(ConnectionRefusedError) as refused:
        async with RTCClient(refuse):
            pass
    assert isinstance(refused.value, SignallingError)
    assert (refused.value.status, refused.value.code) == (200, "concurrency_limit_reached")
    assert refused.value.meta["limit"] == 1


async def test_negotiating_again(server: EchoServer) -> None:
    async with RTCClient(server.post) as client:
        await client.reoffer()
        assert server.bodies[1]["token"] == "t"
        client.send_message({"type": "log"})
        await client.message("log")


async def test_closing_is_noticed(server: EchoServer) -> None:
    async with RTCClient(server.post) as client:
        await client.close()
        await server.closed.wait()
        with pytest.raises(ConnectionResetError):
            await client.messages.next()


async def test_the_servers_end_is_noticed(server: EchoServer) -> None:
    async with RTCClient(server.post) as client:
        await server.pc.close()
        await client.wait_closed()
        with pytest.raises(ConnectionResetError):
            await client.arrivals.match(lambda item: False)


async def test_vanishing_is_not_noticed(server: EchoServer, leaving_nothing: Any) -> None:
    async with leaving_nothing():
        async with RTCClient(server.post) as client:
            await client.vanish()
            assert server.pc.connectionState == "connected"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await server.closed.wait()
        await server.pc.close()


async def test_not_reading(server: EchoServer) -> None:
    async with RTCClient(server.post) as client:
        await client.audio.packets.next()
        client.stop_reading()
        client.audio.packets.skip()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.audio.packets.next()


async def test_impaired_from_the_beginning(server: EchoServer) -> None:
    incoming = Impairment(drop={3}, only="rtp")
    async with RTCClient(server.post, incoming=incoming) as client:
        packets = [await client.audio.packets.next() for _ in range(5)]
        first = packets[0].sequence
        assert [packet.sequence - first & 0xFFFF for packet in packets] == [0, 1, 2, 4, 5]
        assert incoming.counts["lost"] == 1
