"""Messages, and the ways in which clients connect."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import (
    Stream,
)
from fastrtc_webrtc import WebRTCSettings
from fastrtc_webrtc.testing import Picture, RTCClient
from fastrtc_webrtc.testing.media import (
    level,
    numbered_picture,
    read_number,
    silence,
    tone,
)

Pixels = NDArray[np.uint8]

HZ = 1000.0
PEAK = 8000.0

WATCHING = {"audio": None, "video": "recvonly"}


async def hear(client: RTCClient, seconds: float) -> NDArray[np.int16]:
    """Return the middle of the sound that comes, once there is so much of it."""
    heard = 0.0
    while heard < seconds:
        sound = await client.audio.sounds.next()
        if level(sound.samples) > PEAK / 4:
            heard += sound.samples.shape[1] / sound.rate
    recording = client.audio.recording()
    windows = recording[0, : recording.shape[1] // 480 * 480].reshape(-1, 480)
    (loud,) = np.nonzero(np.array([level(window) for window in windows]) > PEAK / 4)
    first, last = loud[0] * 480, (loud[-1] + 1) * 480
    margin = (last - first) // 5
    return recording[:, first + margin : last - margin]


def showing(number: int) -> Callable[[Picture], bool]:
    return lambda picture: read_number(picture.pixels) == number


# Messages and data


async def test_messages(serving_stream: Any, connected: Any, echo: Any) -> None:
    class Answers(echo):
        async def start_up(self) -> None:
            await self.wait_for_args()
            await self.send_message(json.dumps({"type": "log", "data": self.latest_args[1:]}))
            async for data in self.session.messages.listen():
                await self.send_message(json.dumps({"type": "log", "data": data}))

    stream = Stream(Answers(), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server, connected(server) as client:
        client.send_message({"type": "ping"})
        await client.messages.match(lambda message: message.data == {"type": "pong"})
        client.send_message({"type": "input", "args": [0.5, "x"]})
        assert await client.message("log") == [0.5, "x"]
        client.send_message({"type": "message", "data": {"text": "hello"}})
        assert await client.message("log") == {"text": "hello"}
        client.send_message({"type": "stop"})
        await client.wait_closed()


async def test_inputs_by_a_route_of_the_application(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    class Asks(echo):
        async def start_up(self) -> None:
            await self.wait_for_args()
            await self.send_message(json.dumps({"type": "log", "data": self.latest_args[1:]}))

    stream = Stream(Asks(), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server, connected(server) as client:
        assert await client.message("send_input") == []
        stream.set_input(client.id, 1, "two")
        assert await client.message("log") == [1, "two"]


# Ways to connect


async def test_no_data_channel(serving_stream: Any, connected: Any, echo: Any) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with (
        serving_stream(stream) as server,
        connected(server, data_channel=False) as client,
    ):
        client.send_audio(tone(HZ, 0.5))
        await hear(client, 0.3)


@pytest.mark.parametrize("trickle", ["before", "after"])
async def test_trickled_candidates(
    serving_stream: Any, connected: Any, echo: Any, trickle: Any
) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with serving_stream(stream) as server, connected(server, trickle=trickle) as client:
        client.send_audio(tone(HZ, 0.5))
        await hear(client, 0.3)


async def test_a_client_without_an_id(serving_stream: Any, connected: Any, echo: Any) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with (
        serving_stream(stream, "/voice") as server,
        connected(server, "/voice", webrtc_id=None) as client,
    ):
        assert [session.id for session in stream.sessions] == [client.id]
        assert len(client.id) >= 22  # 128 bits in base64


@pytest.mark.parametrize("how", ["reoffer", "restart", "come_back"])
async def test_negotiating_again(
    serving_stream: Any, connected: Any, leaving_nothing: Any, echo: Any, how: str
) -> None:
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with leaving_nothing(), serving_stream(stream) as server, connected(server) as client:
        [session] = stream.sessions
        client.send_audio(tone(HZ, 0.5))
        await hear(client, 0.3)
        if how == "come_back":
            await client.vanish()
        await getattr(client, how)()
        assert list(stream.sessions) == [session]
        client.audio.sounds.skip()
        client.send_audio(silence(0.2))
        client.send_audio(tone(HZ, 0.5))
        await hear(client, 0.3)
        client.send_message({"type": "ping"})
        await client.messages.match(lambda message: message.data == {"type": "pong"})


# Many viewers of one generator


async def test_a_shared_generator(
    serving_stream: Any, connected: Any, leaving_nothing: Any
) -> None:
    begun = 0
    ended = asyncio.Event()

    async def counting() -> AsyncIterator[Pixels]:
        nonlocal begun
        begun += 1
        try:
            for number in range(1, 4000):
                yield numbered_picture(number)
        finally:
            ended.set()

    stream = Stream(
        counting,
        modality="video",
        mode="receive",
        transport_settings={"webrtc": WebRTCSettings(shared=True)},
    )
    async with leaving_nothing(), serving_stream(stream) as server:
        async with connected(server, **WATCHING) as first:
            await first.video.pictures.match(showing(10))
            async with connected(server, **WATCHING) as second:
                picture = await second.video.pictures.next()
                number = read_number(picture.pixels)
                assert number is not None
                assert number > 10
                await first.video.pictures.match(showing(number))
                latest = await second.video.pictures.match(showing(number + 20))
            await first.video.pictures.match(lambda picture: picture.time > latest.time + 0.3)
        await ended.wait()  # nobody watches
        assert begun == 1
        async with connected(server, **WATCHING) as third:
            first_number = read_number((await third.video.pictures.next()).pixels)
            assert first_number is not None
            assert first_number < 10
        assert begun == 2
