import asyncio
import json
from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import (
    AdditionalOutputs,
    ConnectionRequest,
    EmitType,
    Stream,
)
from fastrtc_core.audio import ulaw_encode

SCRIPT_PROCESSOR = 2048
"""Samples in a message of the documented client."""

NEGOTIATED = {"encoding": "pcm16", "rate": 24000}


def audio_stream(handler: Any, **options: Any) -> Stream:
    return Stream(handler, **{"modality": "audio", "mode": "send-receive", **options})


def tone(samples: int) -> NDArray[np.int16]:
    return (8000 * np.sin(2 * np.pi * 440 / 24000 * np.arange(samples))).astype(np.int16)


def media(data: bytes) -> dict[str, str]:
    return {"payload": b64encode(data).decode()}


# The documented form


async def test_the_documented_client_hears_itself(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    stream = audio_stream(echo())
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.ws.send('{"event":"start","websocket_id":"k3x9q"}')
        data = ulaw_encode(tone(SCRIPT_PROCESSOR))
        for _ in range(3):
            payload = b64encode(data).decode()
            await client.ws.send('{"event":"media","media":{"payload":"' + payload + '"}}')
        assert await client.sound(3 * len(data)) == 3 * data
        assert [session.id for session in stream.sessions] == ["k3x9q"]
        await client.ws.send('{"event":"stop"}')
        assert await client.closed() == (1000, [])


async def test_ping(serving_stream: Any, connected: Any, echo: Any) -> None:
    async with serving_stream(audio_stream(echo())) as server, connected(server.url) as client:
        await client.ws.send('{"event":"ping"}')  # also before the stream has started
        assert await client.ws.recv() == '{"event":"pong"}'
        await client.send("start")
        await client.ws.send('{"event":"ping"}')
        assert await client.ws.recv() == '{"event":"pong"}'


async def test_stop_before_start(serving_stream: Any, connected: Any, echo: Any) -> None:
    async with serving_stream(audio_stream(echo())) as server, connected(server.url) as client:
        await client.send("stop")
        assert await client.closed() == (1000, [])


async def test_a_client_without_an_id_gets_an_unguessable_one(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    stream = audio_stream(echo())
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start")
        await client.echoes()
        (session,) = stream.sessions
        assert len(session.id) >= 22  # 128 bits in base64


async def test_inputs(serving_stream: Any, connected: Any, echo: Any) -> None:
    class Asks(echo):
        async def start_up(self) -> None:
            await self.wait_for_args()
            await self.send_message(json.dumps({"type": "log", "data": self.latest_args[1:]}))

    stream = audio_stream(Asks())
    async with serving_stream(stream) as server:
        async with connected(server.url) as client:  # the documented way: by a route of the app's
            await client.send("start", websocket_id="by-route")
            assert await client.receive() == {"type": "send_input", "data": []}
            stream.set_input("by-route", 0.5, "x")
            assert await client.receive() == {"type": "log", "data": [0.5, "x"]}
        async with connected(server.url) as client:
            await client.send("start")
            await client.receive_until(type="send_input")
            await client.send("input", args=[{"a": 1}])
            assert await client.receive() == {"type": "log", "data": [{"a": 1}]}


async def test_additional_outputs(serving_stream: Any, connected: Any, echo: Any) -> None:
    class Counts(echo):
        async def emit(self) -> EmitType:
            rate, samples = await self.heard.get()
            return (rate, samples), AdditionalOutputs(samples.shape[1])

    stream = audio_stream(Counts())
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start", websocket_id="counted")
        await client.send("media", media=media(ulaw_encode(tone(480))))
        assert await client.receive_until(type="fetch_output")
        async for outputs in stream.output_stream("counted"):
            assert outputs.args == (480,)
            await client.send("stop")  # which ends the iteration


# The negotiated form


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("encoding", ["pcm16", "mulaw"])
async def test_negotiated_sound_comes_back_as_it_was(
    serving_stream: Any, connected: Any, echo: Any, encoding: str, channels: int, binary: bool
) -> None:
    stream = audio_stream(echo(expected_layout="mono" if channels == 1 else "stereo"))
    samples = tone(960)
    data = samples.astype("<i2").tobytes() if encoding == "pcm16" else ulaw_encode(samples)
    start = {"encoding": encoding, "rate": 24000, "channels": channels, "binary": binary}
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start", websocket_id="mine", **start)
        assert await client.receive() == {"event": "started", "websocket_id": "mine", **start}
        if binary:
            await client.ws.send(data)
        else:
            await client.send("media", media=media(data))
        assert await client.sound(len(data)) == data


async def test_another_rate_than_the_handlers(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    heard: list[int] = []

    class Notes(echo):
        async def receive(self, frame: Any) -> None:
            heard.append(frame[0])
            await super().receive(frame)

    async with (
        serving_stream(audio_stream(Notes())) as server,
        connected(server.url) as client,
    ):
        await client.send("start", encoding="pcm16", rate=16000, binary=True)
        for _ in range(10):
            await client.ws.send(bytes(2 * 320))
        assert await client.sound(9 * 2 * 320)  # the resamplers keep a few milliseconds back
        assert set(heard) == {24000}


async def test_what_the_client_says_of_itself(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    asked: list[ConnectionRequest] = []

    def authorize(request: ConnectionRequest) -> str:
        asked.append(request)
        return "Ada"

    stream = audio_stream(echo(), authorize=authorize)
    async with (
        serving_stream(stream, "/voice") as server,
        connected(server.url + "/voice", additional_headers={"X-Token": "t"}) as client,
    ):
        await client.send("start", **NEGOTIATED, wants=["speech"], metadata={"room": 7})
        await client.receive_until(event="started")
        (session,) = stream.sessions
        assert session.user == "Ada"
        (request,) = asked
        assert request.transport == "websocket"
        assert request.client == "127.0.0.1"
        assert request.path == "/voice/websocket/offer"
        assert request.headers["x-token"] == "t"
        assert request.wants == {"speech"}
        assert request.metadata == {"room": 7}


async def test_the_query_of_the_address(connected: Any, serving_stream: Any, echo: Any) -> None:
    stream = audio_stream(echo(), authorize=lambda request: request.query.get("token") == "t")
    async with serving_stream(stream) as server:
        async with connected(server.url, "?token=t") as client:
            await client.send("start")
            await client.echoes()
        async with connected(server.url, "?token=u") as client:
            await client.send("start")
            assert (await client.closed())[0] == 1008


async def test_messages_to_the_application(serving_stream: Any, connected: Any, echo: Any) -> None:
    class Answers(echo):
        async def start_up(self) -> None:
            async for data in self.session.messages.listen():
                await self.send_message(json.dumps({"type": "log", "data": [data]}))

    async with (
        serving_stream(audio_stream(Answers())) as server,
        connected(server.url) as client,
    ):
        await client.send("start", **NEGOTIATED)
        await client.receive_until(event="started")
        await client.send("message", data={"text": "hello"})
        answer = await client.receive_until(type="log")
        assert answer["data"] == [{"text": "hello"}]


async def test_played_and_clear(serving_stream: Any, connected: Any, echo: Any) -> None:
    stream = audio_stream(echo())
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start", **NEGOTIATED, binary=True)
        await client.receive_until(event="started")
        await client.ws.send(tone(6000).tobytes())
        await client.sound(2 * 6000)
        (session,) = stream.sessions
        await client.send("played", position=0.125)
        await client.works()
        assert session.played == pytest.approx(0.125, abs=0.1)
        assert session.speaking
        session.flush()
        assert await client.receive_until(event="clear")
        assert not session.speaking


# Directions


async def test_a_stream_that_only_sends(serving_stream: Any, connected: Any) -> None:
    async def counting() -> Any:
        for _ in range(3):
            yield 24000, tone(480)

    stream = audio_stream(counting, mode="receive")
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start")
        await client.sound(3 * 480)
        await client.send("media", media=media(b"\xff"))
        assert (await client.receive_until(type="error"))["code"] == "not_listening"
        await client.works()


async def test_a_stream_that_only_listens(serving_stream: Any, connected: Any, echo: Any) -> None:
    heard = asyncio.Event()

    class Listens(echo):
        async def receive(self, frame: Any) -> None:
            await super().receive(frame)
            heard.set()

    stream = audio_stream(Listens(), mode="send")
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start")
        await client.send("media", media=media(ulaw_encode(tone(480))))
        await heard.wait()
        await client.send("ping")
        assert await client.receive() == {"event": "pong"}  # and no sound before


async def test_pictures_are_refused(serving_stream: Any, connected: Any) -> None:
    stream = Stream(lambda picture: picture, modality="video", mode="send-receive")
    async with serving_stream(stream) as server, connected(server.url) as client:
        failed = {"status": "failed", "meta": {"error": "modality_not_supported"}}
        assert await client.closed() == (1008, [failed])
