import asyncio
from base64 import b64encode
from contextlib import AsyncExitStack, suppress
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed

from fastrtc_core import (
    AsyncStreamHandler,
    CloseReason,
    CloseStream,
    EmitType,
    Limits,
    Stream,
    StreamHandler,
)
from fastrtc_core.audio import ulaw_encode
from fastrtc_websocket import WebSocketTransport

SCRIPT_PROCESSOR = 2048
"""Samples in a message of the documented client."""

NEGOTIATED = {"encoding": "pcm16", "rate": 24000}


def audio_stream(handler: Any, **options: Any) -> Stream:
    return Stream(handler, **{"modality": "audio", "mode": "send-receive", **options})


def tone(samples: int) -> NDArray[np.int16]:
    return (8000 * np.sin(2 * np.pi * 440 / 24000 * np.arange(samples))).astype(np.int16)


def media(data: bytes) -> dict[str, str]:
    return {"payload": b64encode(data).decode()}


# Bad input that a connection survives


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "not_json"),
        ("[]", "not_an_object"),
        ('{"event":"dance"}', "unknown_event"),
        ('{"event":"start"}', "already_started"),
        ('{"event":"media","media":{"payload":"%%%%"}}', "bad_base64"),
        (b"\0\0", "not_negotiated"),
    ],
)
async def test_a_wrong_message_is_answered_and_forgotten(
    serving_stream: Any, connected: Any, echo: Any, message: Any, code: str
) -> None:
    async with serving_stream(audio_stream(echo())) as server, connected(server.url) as client:
        await client.send("start")
        await client.ws.send(message)
        answer = await client.receive()
        assert answer.keys() == {"type", "data", "code"}
        assert (answer["type"], answer["code"]) == ("error", code)
        await client.echoes()


async def test_half_a_sample(serving_stream: Any, connected: Any, echo: Any) -> None:
    async with serving_stream(audio_stream(echo())) as server, connected(server.url) as client:
        await client.send("start", **NEGOTIATED, binary=True)
        await client.ws.send(bytes(3))
        assert (await client.receive_until(type="error"))["code"] == "bad_length"
        await client.ws.send(tone(480).tobytes())
        assert await client.sound(960) == tone(480).tobytes()


@pytest.mark.parametrize("message", ['{"event":"media","media":{"payload":"/w=="}}', b"\0", "?"])
async def test_before_start(serving_stream: Any, connected: Any, echo: Any, message: Any) -> None:
    async with serving_stream(audio_stream(echo())) as server, connected(server.url) as client:
        await client.ws.send(message)
        assert (await client.receive())["type"] == "error"
        await client.send("start")
        await client.echoes()


# Bad input that ends a connection, and only that one


async def test_a_message_that_is_too_big(
    serving_stream: Any, connected: Any, echo: Any, ends: Any
) -> None:
    async with serving_stream(audio_stream(echo(), on_event=ends.observe)) as server:
        async with connected(server.url) as client:
            await client.send("start")
            await client.ws.send("x" * (2 << 20))
            code, messages = await client.closed()
            assert (code, messages[-1]["code"]) == (1009, "message_too_big")
            assert (await ends.next())[1].reason is CloseReason.PROTOCOL_ERROR
        await works(connected, server)


async def test_a_message_that_is_too_big_for_the_server_itself(
    serving_stream: Any, connected: Any, echo: Any, ends: Any
) -> None:
    async with serving_stream(audio_stream(echo(), on_event=ends.observe)) as server:
        async with connected(server.url) as client:
            await client.send("start")
            await client.echoes()
            with suppress(ConnectionClosed):
                await client.ws.send("x" * (20 << 20))
            assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
        await works(connected, server)


async def works(connected: Any, server: Any) -> None:
    """Check that the server serves another client."""
    async with connected(server.url) as client:
        await client.send("start")
        await client.echoes()


async def test_a_flood(serving_stream: Any, connected: Any, echo: Any, ends: Any) -> None:
    limits = {"websocket": Limits(messages_per_second=20)}
    async with serving_stream(audio_stream(echo(), limits=limits, on_event=ends.observe)) as server:
        async with connected(server.url) as client:
            await client.send("start")
            for _ in range(60):
                await client.send("ping")
            code, messages = await client.closed()
            assert code == 1008
            assert messages[-1]["code"] == "too_many_messages"
            assert (await ends.next())[1].reason is CloseReason.PROTOCOL_ERROR
        await works(connected, server)


async def test_no_start(serving_stream: Any, connected: Any, echo: Any) -> None:
    limits = {"websocket": Limits(handshake=0.1)}
    async with serving_stream(audio_stream(echo(), limits=limits)) as server:
        async with connected(server.url) as client:
            await client.send("ping")
            code, messages = await client.closed()
            assert (code, messages[-1]["code"]) == (1008, "no_start")
        await works(connected, server)


async def test_an_id_in_use(serving_stream: Any, connected: Any, echo: Any) -> None:
    stream = audio_stream(echo())
    async with serving_stream(stream) as server, connected(server.url) as first:
        await first.send("start", websocket_id="taken")
        await first.echoes()
        async with connected(server.url) as second:
            await second.send("start", websocket_id="taken")
            failed = {"status": "failed", "meta": {"error": "id_in_use"}}
            assert await second.closed() == (1008, [failed])
        await first.echoes()


async def test_the_concurrency_limit(serving_stream: Any, connected: Any, echo: Any) -> None:
    stream = audio_stream(echo(), concurrency_limit=1)
    async with serving_stream(stream) as server:
        async with connected(server.url) as first:
            await first.send("start")
            await first.echoes()
            async with connected(server.url) as second:
                await second.send("start")
                code, messages = await second.closed()
            assert code == 1013
            assert messages == [
                {"status": "failed", "meta": {"error": "concurrency_limit_reached", "limit": 1}}
            ]
            await first.echoes()
        await server.emptied()  # the place is free when all of the first session is over
        await works(connected, server)


async def test_unauthorized(serving_stream: Any, connected: Any, echo: Any) -> None:
    stream = audio_stream(echo(), authorize=lambda request: False)
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start")
        failed = {"status": "failed", "meta": {"error": "unauthorized"}}
        assert await client.closed() == (1008, [failed])


async def test_no_thread_is_left(serving_stream: Any, connected: Any) -> None:
    class Sync(StreamHandler):
        def receive(self, frame: Any) -> None: ...

        def emit(self) -> None: ...

    stream = audio_stream(Sync, max_workers=1)  # it needs two
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start")
        failed = {"status": "failed", "meta": {"error": "workers_exhausted"}}
        assert await client.closed() == (1013, [failed])


async def test_a_handler_that_can_not_be_made(
    serving_stream: Any, connected: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(AsyncStreamHandler):
        def __init__(self) -> None:
            raise RuntimeError("no such model")

        async def receive(self, frame: Any) -> None: ...

        async def emit(self) -> None: ...

    async with serving_stream(audio_stream(Broken)) as server, connected(server.url) as client:
        await client.send("start")
        assert await client.closed() == (1011, [])
    assert "no such model" in caplog.text


# Ends


async def test_the_time_limit(serving_stream: Any, connected: Any, echo: Any, ends: Any) -> None:
    stream = audio_stream(echo(), time_limit=0.1, on_event=ends.observe)
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start")
        code, messages = await client.closed()
        assert code == 1000
        assert messages == [{"type": "end_stream", "data": "The time limit of 0.1 s is reached."}]
        assert (await ends.next())[1].reason is CloseReason.TIME_LIMIT


async def test_the_handler_ends_the_stream(serving_stream: Any, connected: Any, echo: Any) -> None:
    class Polite(echo):
        async def emit(self) -> EmitType:
            return await self.heard.get(), CloseStream("Good bye")

    async with (
        serving_stream(audio_stream(Polite())) as server,
        connected(server.url) as client,
    ):
        await client.send("start")
        await client.send("media", media=media(ulaw_encode(tone(480))))
        code, messages = await client.closed()
        assert code == 1000
        assert [message.get("event") for message in messages[:-1]] == ["media"]
        assert messages[-1] == {"type": "end_stream", "data": "Good bye"}


@pytest.mark.parametrize("where", ["receive", "emit"])
async def test_a_handler_that_fails_once_goes_on(
    serving_stream: Any, connected: Any, echo: Any, where: str
) -> None:
    class Trips(echo):
        failed = False

        def trip(self, here: str) -> None:
            if here == where and not self.failed:
                self.failed = True
                raise ValueError("secret")

        async def receive(self, frame: Any) -> None:
            self.trip("receive")
            await super().receive(frame)

        async def emit(self) -> EmitType:
            frame = await super().emit()
            self.trip("emit")
            return frame

    async with serving_stream(audio_stream(Trips())) as server, connected(server.url) as client:
        await client.send("start")
        await client.send("media", media=media(ulaw_encode(tone(480))))
        failure = await client.receive_until(type="error")
        assert failure["data"] == f"{where} failed: ValueError"
        await client.echoes()


async def test_start_up_that_fails_ends_the_session(
    serving_stream: Any, connected: Any, echo: Any, ends: Any
) -> None:
    class Broken(echo):
        async def start_up(self) -> None:
            raise ValueError

    stream = audio_stream(Broken(), on_event=ends.observe)
    async with serving_stream(stream) as server, connected(server.url) as client:
        await client.send("start")
        code, messages = await client.closed()
        assert code == 1011
        assert [message["type"] for message in messages] == ["error", "end_stream"]
        assert (await ends.next())[1].reason is CloseReason.HANDLER_FAILED


@pytest.mark.parametrize("how", ["stop", "close", "abort", "server", "fatal", "raises"])
async def test_shutdown_is_called_however_a_session_ends(
    serving_stream: Any, connected: Any, echo: Any, how: str
) -> None:
    shut_down = asyncio.Event()

    class Cleans(echo):
        async def shutdown(self) -> None:
            shut_down.set()
            if how == "raises":
                raise ValueError

    stream = audio_stream(Cleans())
    async with serving_stream(stream) as server:
        async with connected(server.url) as client:
            await client.send("start")
            await client.echoes()
            if how in ("stop", "raises"):
                await client.send("stop")
            elif how == "close":
                await client.ws.close()
            elif how == "abort":
                client.ws.transport.abort()
            elif how == "fatal":
                await client.ws.send("x" * (2 << 20))
            else:
                (session,) = stream.sessions
                session.close(CloseReason.SHUTDOWN, "The server restarts.")
                assert (await client.closed())[0] == 1001
            await shut_down.wait()
        await server.emptied()
        assert not len(stream.sessions)
        shut_down.clear()
        await works(connected, server)
        await shut_down.wait()


async def test_a_server_that_stops_ends_its_sessions(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    shut_down = asyncio.Event()

    class Cleans(echo):
        async def shutdown(self) -> None:
            shut_down.set()

    async with AsyncExitStack() as server_life:
        server = await server_life.enter_async_context(serving_stream(audio_stream(Cleans())))
        async with connected(server.url) as client:
            await client.send("start")
            await client.echoes()
            await server_life.aclose()
            assert shut_down.is_set()
            assert (await client.closed())[0] == 1012  # service restart, by uvicorn


async def test_two_streams_beside_each_other(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    app = Starlette()
    first, second = audio_stream(echo()), audio_stream(echo())
    WebSocketTransport(first).mount(app, "/first", None)
    async with (
        serving_stream(second, "/second", app) as server,
        connected(server.url + "/first") as one,
        connected(server.url + "/second") as two,
    ):
        await one.send("start", websocket_id="same")
        await two.send("start", websocket_id="same")
        await one.echoes()
        await two.echoes()
        assert (len(first.sessions), len(second.sessions)) == (1, 1)


async def test_nothing_is_left_of_200_clients(
    serving_stream: Any, connected: Any, echo: Any
) -> None:
    stream = audio_stream(echo())

    async def come_and_go(number: int, server: Any) -> None:
        async with connected(server.url) as client:
            await client.send("start", websocket_id=str(number))
            await client.send("media", media=media(ulaw_encode(tone(480))))
            await client.sound(480)
            if number % 2:
                client.ws.transport.abort()

    async with serving_stream(stream) as server:
        await come_and_go(0, server)
        await server.emptied()
        process = psutil.Process()
        before = len(asyncio.all_tasks()), process.num_fds()
        for number in range(200):
            await come_and_go(number, server)
        await server.emptied()
        assert not len(stream.sessions)
        assert (len(asyncio.all_tasks()), process.num_fds()) == before
