"""What a session sends, as it comes to a client of unaltered aiortc's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from aiortc import RTCDataChannel

from fastrtc_core import AudioFrame, VideoFrame
from fastrtc_webrtc import wire as wire_module
from fastrtc_webrtc.audiooutlet import AudioOutlet
from fastrtc_webrtc.configuration import server_configuration
from fastrtc_webrtc.encoded import MediaClock
from fastrtc_webrtc.encoderthreads import EncoderThreads
from fastrtc_webrtc.ice import IceOptions
from fastrtc_webrtc.offers import check_offer
from fastrtc_webrtc.peerconnection import PeerConnection, PeerOptions
from fastrtc_webrtc.testing import RTCClient
from fastrtc_webrtc.testing.media import flat_picture, loudest_hz, tone
from fastrtc_webrtc.videooutlet import VideoOutlet
from fastrtc_webrtc.videoparameters import VideoParameters
from fastrtc_webrtc.wire import BUFFERED, LEAD, Outlets, PeerWire

BOTH: dict[str, Any] = {"audio": "sendrecv", "video": "sendrecv"}


@dataclass
class End:
    """This side of a connection: a wire, what it sends by, and the client at the other end."""

    wire: PeerWire
    outlets: Outlets
    peer: PeerConnection
    client: RTCClient
    opened: "asyncio.Queue[RTCDataChannel]"

    async def use_channel(self) -> RTCDataChannel:
        """Let the wire use the data channel that the client has opened."""
        channel = await self.opened.get()
        self.wire.use_channel(channel)
        return channel

    async def received(self) -> Any:
        return (await self.client.messages.next()).data


def outlets_of(threads: EncoderThreads, *, video: bool) -> Outlets:
    clock = MediaClock(asyncio.get_running_loop().time(), 1_700_000_000.0)
    pictures = None
    if video:
        pictures = VideoOutlet(
            clock,
            pixel_format="rgb24",
            parameters=VideoParameters.from_rtp_params(None),
            executor=threads,
        )
    return Outlets(clock, AudioOutlet(clock), pictures)


@asynccontextmanager
async def connected_end(has_messages: bool = True, **options: Any) -> AsyncIterator[End]:
    threads = EncoderThreads()
    outlets = outlets_of(threads, video=options.get("video") is not None)
    peer = PeerConnection(
        PeerOptions(
            ice=IceOptions(bind=("127.0.0.1",)),
            clock=outlets.clock,
            configuration=server_configuration(None),
            threads=threads,
            sends=True,
            receives=True,
        )
    )
    opened: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
    peer.on("datachannel", opened.put_nowait)

    async def post(path: str, body: Any) -> tuple[int, dict[str, Any]]:
        offer = check_offer(
            body["sdp"], modality="audio-video", mode="send-receive", renegotiation=True
        )
        answer = await peer.answer(offer)
        outlets.attach(peer)
        for candidate in offer.candidates:
            await peer.links[0].add_candidate(candidate)
        return 200, {"sdp": answer}

    try:
        async with RTCClient(post, **options) as client:
            wire = PeerWire(outlets, channels=1, has_messages=has_messages)
            yield End(wire, outlets, peer, client, opened)
    finally:
        outlets.detach(peer)
        outlets.close()
        await peer.shut_down()
        threads.shutdown(wait=True)


# Messages


async def test_messages_wait_for_the_channel() -> None:
    async with connected_end() as end, asyncio.TaskGroup() as tasks:

        async def send_all() -> None:
            for number in range(3):
                await end.wire.send_message(json.dumps({"type": "log", "data": number}))

        sending = tasks.create_task(send_all())
        ready = tasks.create_task(end.wire.ready())
        await asyncio.sleep(0)
        assert not ready.done()
        end.wire.connected.set()
        await asyncio.sleep(0)
        assert not sending.done()
        assert not ready.done()
        await end.use_channel()
        await ready
        assert [(await end.received())["data"] for _ in range(3)] == [0, 1, 2]


async def test_a_client_without_a_channel_gets_no_messages() -> None:
    async with connected_end(has_messages=False, data_channel=False) as end:
        end.wire.connected.set()
        await end.wire.send_message("{}")
        await end.wire.finish()


async def test_a_channel_that_was_offered_and_never_opened(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wire_module, "CHANNEL_TIMEOUT", 0.05)
    async with connected_end() as end:
        end.wire.connected.set()
        for _ in range(3):
            await end.wire.send_message("{}")
        assert caplog.text.count("the client offered a data channel and opened none") == 1
        await end.use_channel()  # at last
        await end.wire.send_message('{"type": "log"}')
        assert await end.received() == {"type": "log"}


async def test_a_slow_client_is_waited_for() -> None:
    async with connected_end() as end, asyncio.TaskGroup() as tasks:
        end.wire.connected.set()
        channel = await end.use_channel()
        text = json.dumps({"type": "log", "data": "x" * 20_000})
        highest = 0

        async def send_all() -> None:
            nonlocal highest
            for _ in range(60):
                await end.wire.send_message(text)
                highest = max(highest, channel.bufferedAmount)

        tasks.create_task(send_all())
        for _ in range(60):
            await end.received()
    assert BUFFERED < highest <= BUFFERED + len(text)


async def test_a_channel_that_is_closed_while_a_message_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_module, "CHANNEL_TIMEOUT", 0.05)
    async with connected_end() as end:
        end.wire.connected.set()
        channel = await end.use_channel()
        end.client.stop_reading()
        for _ in range(20):
            channel.send("x" * 50_000)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(end.wire.send_message("late"))
            await asyncio.sleep(0)
            assert not waiting.done()
            channel.close()
            end.wire._room.set()
        # It has gone nowhere, and nobody waits for ever.


async def test_a_message_in_the_moment_in_which_the_channel_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_module, "CHANNEL_TIMEOUT", 0.05)
    async with connected_end() as end:
        end.wire.connected.set()
        channel = await end.use_channel()
        channel.close()
        assert channel.readyState != "open"
        await end.wire.send_message("{}")


async def test_a_channel_that_takes_the_place_of_another() -> None:
    async with connected_end() as end:
        end.wire.connected.set()
        first = await end.use_channel()
        second = end.client.pc.createDataChannel("text")
        came: asyncio.Queue[Any] = asyncio.Queue()
        second.on("message", came.put_nowait)
        channel = await end.use_channel()
        assert channel is not first
        await end.wire.send_message("for the second")
        assert await came.get() == "for the second"


async def test_the_last_messages_arrive() -> None:
    async with connected_end() as end:
        await end.wire.finish()  # there is no channel yet
        end.wire.connected.set()
        channel = await end.use_channel()
        closed = asyncio.Event()
        assert end.client.channel is not None
        end.client.channel.on("close", closed.set)
        for number in range(4):
            text = json.dumps({"type": "log", "data": "x" * 50_000, "number": number})
            await end.wire.send_message(text)
        assert channel.bufferedAmount
        await end.wire.finish()
        await closed.wait()
        assert [(await end.received())["number"] for _ in range(4)] == [0, 1, 2, 3]
        await end.wire.finish()


async def test_the_last_messages_are_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "FINISH_TIMEOUT", 0.1)
    async with connected_end() as end:
        end.wire.connected.set()
        await end.use_channel()
        end.client.stop_reading()
        for _ in range(4):
            await end.wire.send_message("x" * 50_000)
        await end.wire.finish()


async def test_a_channel_is_not_waited_for_by_handlers_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_module, "READY_TIMEOUT", 0.05)
    async with connected_end() as end:
        end.wire.connected.set()
        await end.wire.ready()


# Media


async def test_sound() -> None:
    async with connected_end() as end:
        end.wire.connected.set()
        assert (end.wire.rate, end.wire.channels, end.wire.lead) == (None, 1, LEAD)
        await end.wire.send_audio(AudioFrame(tone(440, 0.3), 48_000))
        loud = []
        while len(loud) < 10:
            sound = await end.client.audio.sounds.next()
            if np.abs(sound.samples).max() > 4000:
                loud.append(sound.samples)
        assert loudest_hz(np.concatenate(loud, axis=1)) == pytest.approx(440, abs=5)


async def test_sound_that_is_cleared() -> None:
    async with connected_end() as end:
        end.wire.connected.set()
        await end.wire.send_audio(AudioFrame(tone(440, 0.2), 48_000))
        assert end.outlets.audio._waiting.size
        await end.wire.clear()
        assert end.outlets.audio._waiting.size == 0


async def test_pictures() -> None:
    async with connected_end(**BOTH) as end:
        end.wire.connected.set()
        packets = end.client.video.packets
        await end.wire.send_video(VideoFrame(flat_picture((255, 255, 255))))
        first = await packets.next()
        await end.wire.send_video(VideoFrame(flat_picture((0, 0, 0))))
        await packets.match(lambda packet: packet.timestamp != first.timestamp)
        await end.wire.clear()


async def test_a_stream_without_pictures() -> None:
    async with connected_end() as end:
        end.wire.connected.set()
        assert end.outlets.video is None
        await end.wire.send_video(VideoFrame(flat_picture((255, 255, 255))))


# Outlets


async def test_nothing_is_sent_to_a_peer_that_was_detached() -> None:
    async with connected_end(**BOTH) as end:
        end.outlets.detach(end.peer)
        assert end.outlets.audio._sinks == {}
        end.outlets.attach(end.peer)
        assert len(end.outlets.audio._sinks) == 1
        end.wire.connected.set()
        await end.wire.send_video(VideoFrame(flat_picture((0, 255, 0))))
        await end.client.video.packets.next()


async def test_nothing_is_sent_to_a_peer_that_has_put_us_on_hold() -> None:
    async with connected_end() as end:
        [transceiver] = end.client.pc.getTransceivers()
        assert len(end.outlets.audio._sinks) == 1
        transceiver.direction = "sendonly"
        await end.client.reoffer()
        assert end.outlets.audio._sinks == {}
        transceiver.direction = "sendrecv"
        await end.client.reoffer()
        assert len(end.outlets.audio._sinks) == 1


async def test_what_a_peer_loses_is_told_to_the_outlet() -> None:
    async with connected_end() as end:
        [sender] = end.peer.senders("audio")
        sender.feedback.loss(0.5)
        assert end.outlets.audio._loss == 50
