"""The client against the real server, and against a server that follows a script."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from fastrtc import talk
from fastrtc.serve import Server
from fastrtc.talk import TalkError, endpoint, talk_to
from fastrtc.turns import Turn
from fastrtc_core import CloseStream, Stream

RATE = 16000
NOISE = np.random.default_rng(1).integers(-9000, 9000, (1, RATE // 2), np.int16)
STARTED = {"event": "started", "encoding": "pcm16", "rate": RATE, "channels": 1, "binary": True}

Script = Callable[[ServerConnection], Awaitable[None]]


def log(event: str) -> str:
    return json.dumps({"type": "log", "data": event})


def sound(seconds: float, value: int = 1000) -> bytes:
    return np.full(round(seconds * RATE), value, "<i2").tobytes()


def seconds_of(heard: NDArray[np.int16], value: int) -> float:
    return float(np.count_nonzero(heard == value)) / RATE


@asynccontextmanager
async def scripted(script: Script, *, agrees: bool = True) -> AsyncIterator[str]:
    """Serve one client by a script, after the handshake if the server `agrees`."""

    async def follow(connection: ServerConnection) -> None:
        assert json.loads(await connection.recv())["event"] == "start"
        if agrees:
            await connection.send(json.dumps(STARTED))
        await script(connection)

    async with serve(follow, "127.0.0.1", 0) as server:
        (listener,) = server.sockets
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"


async def sent_by(connection: ServerConnection) -> tuple[bytes, list[dict[str, Any]]]:
    """Read all that the client sends: its sound, and its messages."""
    spoken, messages = bytearray(), []
    async for message in connection:
        if isinstance(message, bytes):
            spoken += message
        else:
            messages.append(json.loads(message))
    return bytes(spoken), messages


async def listen(connection: ServerConnection) -> None:
    """Follow a script without a word in it."""
    await sent_by(connection)


async def test_an_echo_comes_back_unchanged(echo: Stream) -> None:
    server = Server(echo, port=0, page=False)
    async with server.running():
        heard = await talk_to(server.url, (24000, NOISE), tail=0.5)
    samples, said = heard.heard[0], NOISE[0]
    first = np.flatnonzero(samples)[0]
    np.testing.assert_array_equal(samples[samples != 0], said[said != 0])
    assert 0.04 <= first / 24000 < 0.5  # a frame is sent when it was said, and buffered
    assert heard.rate == 24000
    assert heard.turns == ()
    assert heard.ended is None
    assert heard.heard_seconds > NOISE.size / 24000


@pytest.mark.parametrize("rate", talk.RATES)
async def test_every_rate_of_the_protocol_is_spoken(rate: int, echo: Stream) -> None:
    samples = NOISE[:, : rate // 10]
    server = Server(echo, port=0, page=False)
    async with server.running():
        heard = await talk_to(server.url, (rate, samples), tail=0.2)
    assert heard.rate == rate
    assert heard.heard_seconds > 0.1


async def test_other_rates_and_stereo_are_converted() -> None:
    received: list[bytes] = []

    async def script(connection: ServerConnection) -> None:
        received.append((await sent_by(connection))[0])

    async with scripted(script) as url:
        spoken = np.full((2, 11025), 5000, np.int16)
        heard = await talk_to(url, (11025, spoken), tail=0.0)
    assert heard.rate == talk.DEFAULT_RATE
    middle = np.frombuffer(received[0], "<i2")[10000:20000]
    assert abs(middle - 5000).max() < 10


async def test_a_rate_that_cannot_be_converted_is_told(echo: Stream) -> None:
    server = Server(echo, port=0, page=False)
    async with server.running():
        with pytest.raises(TalkError, match="cannot convert 47999 Hz"):
            await talk_to(server.url, (47999, NOISE))


async def test_a_turn_is_timed_and_the_client_leaves_after_it() -> None:
    messages: list[dict[str, Any]] = []

    async def script(connection: ServerConnection) -> None:
        for stage in ("started_talking", "pause_detected", "response_starting"):
            await connection.send(log(stage))
        await connection.send(sound(0.3))
        await connection.send(sound(0.3))
        await connection.send(log("response_finished"))
        messages.extend((await sent_by(connection))[1])

    told: list[Turn] = []
    async with scripted(script) as url:
        heard = await talk_to(url, (RATE, NOISE), on_turn=told.append)
    assert tuple(told) == heard.turns
    (turn,) = heard.turns
    assert turn.reply_seconds == pytest.approx(0.6)
    assert turn.reply_start is not None
    assert seconds_of(heard.heard, 1000) == pytest.approx(0.6)
    duration = heard.heard.size / RATE
    assert NOISE.size / RATE + talk.SETTLING <= duration < NOISE.size / RATE + talk.SETTLING + 1.0
    assert messages[-1] == {"event": "stop"}
    positions = [message["position"] for message in messages if message["event"] == "played"]
    assert positions == sorted(positions)
    assert positions[-1] == pytest.approx(0.6)


async def test_an_interrupted_reply_is_heard_up_to_there() -> None:
    async def script(connection: ServerConnection) -> None:
        for stage in ("started_talking", "pause_detected", "response_starting"):
            await connection.send(log(stage))
        await connection.send(sound(2.0))
        await asyncio.sleep(0.3)
        await connection.send(log("interrupted"))
        await connection.send(json.dumps({"event": "clear"}))
        for stage in ("started_talking", "pause_detected", "response_starting"):
            await connection.send(log(stage))
        await connection.send(sound(0.2, 2000))
        await connection.send(log("response_finished"))
        await sent_by(connection)

    told: list[Turn] = []
    async with scripted(script) as url:
        heard = await talk_to(url, (RATE, NOISE), on_turn=told.append)
    first, second = heard.turns
    assert tuple(told) == heard.turns
    assert first.interrupted is not None
    assert 0.25 < first.reply_seconds < 1.5
    assert seconds_of(heard.heard, 1000) == pytest.approx(first.reply_seconds)
    assert second.reply_seconds == pytest.approx(0.2)
    assert seconds_of(heard.heard, 2000) == pytest.approx(0.2)


async def test_a_server_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "PATIENCE", 0.2)
    async with scripted(listen) as url:
        heard = await talk_to(url, (RATE, NOISE))
    assert heard.heard_seconds == 0
    assert 0.7 <= heard.heard.size / RATE < 2.0
    assert not heard.heard.any()


async def test_what_is_not_understood_is_ignored() -> None:
    async def script(connection: ServerConnection) -> None:
        for message in ("no JSON", "[]", '{"event": "new"}', b"\1\0\2", '{"type": "log"}'):
            await connection.send(message)
        await sent_by(connection)

    async with scripted(script) as url:
        heard = await talk_to(url, (RATE, NOISE), tail=0.0)
    assert heard.heard_seconds == pytest.approx(1 / RATE)
    assert [notice.type for notice in heard.notices] == ["log"]


async def test_a_handler_that_hangs_up() -> None:
    def bye(_: object) -> CloseStream:
        return CloseStream("that was all")

    server = Server(Stream(bye, modality="audio", mode="send-receive"), port=0, page=False)
    async with server.running():
        heard = await talk_to(server.url, (RATE, NOISE))
    assert heard.ended == "that was all"
    assert heard.notices[-1].type == "end_stream"


async def test_a_server_that_breaks_off() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send(sound(0.1))
        await connection.close(1008, "too many messages")

    async with scripted(script) as url:
        heard = await talk_to(url, (RATE, NOISE))
    assert heard.ended is not None
    assert "too many messages" in heard.ended
    assert heard.heard_seconds >= 0


async def test_a_full_server_refuses_in_words(echo: Stream) -> None:
    server = Server(echo, port=0, page=False)  # its limit is one
    async with server.running(), connect(endpoint(server.url)) as first:
        await first.send(json.dumps({"event": "start", "encoding": "pcm16", "rate": RATE}))
        await first.recv()
        with pytest.raises(TalkError, match=r"as many sessions .* \(limit 1\)"):
            await talk_to(server.url, (RATE, NOISE))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": "failed", "meta": {"error": "unauthorized"}}, "is not allowed in"),
        ({"status": "failed", "meta": {"error": "new_code"}}, "new_code"),
        ({"type": "error", "data": "no such rate"}, "no such rate"),
    ],
)
async def test_refusals_are_told(answer: dict[str, object], words: str) -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send(json.dumps(answer))
        await sent_by(connection)

    async with scripted(script, agrees=False) as url:
        with pytest.raises(TalkError, match=words):
            await talk_to(url, (RATE, NOISE))


async def test_a_server_that_never_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "OPENING", 0.2)
    async with scripted(listen, agrees=False) as url:
        with pytest.raises(TalkError, match="older FastRTC"):
            await talk_to(url, (RATE, NOISE))


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:1", "ftp://127.0.0.1", "ws://", "ws://nowhere.invalid"]
)
async def test_a_server_that_is_not_there(url: str) -> None:
    with pytest.raises(TalkError, match=f"no conversation with {endpoint(url)}"):
        await talk_to(url, (RATE, NOISE))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("127.0.0.1:8000", "ws://127.0.0.1:8000/websocket/offer"),
        ("http://a:1/", "ws://a:1/websocket/offer"),
        ("https://a/voice", "wss://a/voice/websocket/offer"),
        ("wss://a/voice/websocket/offer", "wss://a/voice/websocket/offer"),
    ],
)
def test_the_endpoint_of_a_url(url: str, expected: str) -> None:
    assert endpoint(url) == expected
