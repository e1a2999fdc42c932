"""What goes wrong on a line, and what must not come of it."""

import asyncio
import base64
import json
import logging
import socket
import struct
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.uri import parse_uri

from fastrtc_core import CloseReason, Limits
from fastrtc_telephony.testing import RefusedError, dial
from fastrtc_telephony.testing.dialects import Caller
from fastrtc_telephony.testing.dialects.twilio import TwilioDialect

RESET = struct.pack("ii", 1, 0)  # linger for 0 s: closing sends a reset, see socket(7)


async def one_session(stream: Any) -> Any:
    async with asyncio.timeout(10):
        while len(stream.sessions) < 1:
            await asyncio.sleep(0.005)
    (session,) = stream.sessions
    return session


async def works(server: Any, secrets: Any, tone: Any, stream: Any) -> None:
    async with dial(server.url, secrets=secrets["twilio"]) as phone:
        await phone.say(8000, tone(0.2))
        await phone.listen(0.3)
        assert phone.played() > 0.1


async def test_a_wrong_signature_starts_nothing(
    serving_stream: Any, phone_stream: Any, echo: Any, caplog: Any
) -> None:
    stream = phone_stream(echo())
    async with serving_stream(stream) as server:
        with pytest.raises(RefusedError, match="403"):
            async with dial(server.url, secrets={"auth_token": "guessed"}):
                pass
        assert "the signature does not fit a POST of http://127.0.0.1" in caplog.text
        assert not len(stream.sessions)


async def test_a_stream_without_token_or_signature_is_ended(
    serving_stream: Any, phone_stream: Any, echo: Any, caplog: Any
) -> None:
    stream = phone_stream(echo())
    async with (
        serving_stream(stream) as server,
        connect(server.url.replace("http", "ws") + "/telephone/handler") as ws,
    ):
        for message in TwilioDialect().opening(Caller(), {}):
            await ws.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert "neither a token nor a signature" in caplog.text
        assert not len(stream.sessions)


@pytest.mark.parametrize("name", ["telnyx", "plivo", "vonage", "exotel", "genesys", "asterisk"])
async def test_where_the_token_is_in_the_url_a_stream_without_is_not_accepted(
    name: str, serving_stream: Any, phone_stream: Any, echo: Any
) -> None:
    stream = phone_stream(echo(), name)
    async with serving_stream(stream) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(server.url.replace("http", "ws") + f"/telephone/{name}/handler"):
                pass
        assert refused.value.response.status_code == 403


async def test_a_token_is_good_for_one_stream_of_its_call(
    serving_stream: Any, phone_stream: Any, secrets: Any, echo: Any, caplog: Any
) -> None:
    stream = phone_stream(echo())
    tokens: list[str] = []

    class Nosy(TwilioDialect):
        def headers(self, url: str) -> dict[str, str]:
            return {}  # the token alone is to decide

        def opening(self, caller: Caller, parameters: Any) -> Any:
            tokens.append(parameters["fastrtc_token"])
            return super().opening(caller, parameters)

    class Replays(Nosy):
        def opening(self, caller: Caller, parameters: Any) -> Any:
            return super().opening(caller, {"fastrtc_token": tokens[0]})

    class Swaps(Nosy):
        def opening(self, caller: Caller, parameters: Any) -> Any:
            return super().opening(Caller(call_id="another"), parameters)

    async with serving_stream(stream) as server:
        async with dial(server.url, Nosy(secrets["twilio"])):
            await one_session(stream)
        for wrong in (Replays, Swaps):
            async with dial(server.url, wrong(secrets["twilio"])) as phone:
                await asyncio.wait_for(phone.over.wait(), 10)
                assert phone.ended.endswith("1008")
    assert "or was used already" in caplog.text
    assert "not 'another'" in caplog.text


async def test_wrong_messages_are_left_out_and_told_once(
    serving_stream: Any, phone_stream: Any, secrets: Any, echo: Any, tone: Any, caplog: Any
) -> None:
    stream = phone_stream(echo())
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        await one_session(stream)
        stream_id = phone.caller.stream_id
        for wrong in (
            {"event": "media", "streamSid": stream_id, "media": {"chunk": "1", "payload": "A"}},
            {"event": "media", "streamSid": "other", "media": {"payload": ""}},
            {"event": "media", "streamSid": stream_id, "media": {"payload": 7}},
            {"event": "dtmf", "streamSid": stream_id, "dtmf": {"digit": "55"}},
            {"no": "event"},
        ):
            await phone.send(json.dumps(wrong))
        await phone.send("{")
        await phone.say(8000, tone(0.2))
        await phone.listen(0.3)
        assert phone.played() > 0.1
    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert all("a message is left out" in one.getMessage() for one in warnings)
    assert 1 <= len(warnings) <= 6  # as many as there was a right one between


async def test_too_many_wrong_messages_end_the_call_and_no_other(
    serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any, ends: Any
) -> None:
    stream = phone_stream(quiet(), on_event=ends.observe)
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as good,
        dial(server.url, secrets=secrets["twilio"]) as bad,
    ):
        for _ in range(100):
            await bad.send("{")
        await asyncio.wait_for(bad.over.wait(), 10)
        assert bad.ended.endswith("1008")
        _, event = await ends.next()
        assert event.reason is CloseReason.PROTOCOL_ERROR
        assert len(stream.sessions) == 1
        assert not good.over.is_set()


async def test_late_numbers_are_left_out(
    serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any, caplog: Any
) -> None:
    stream = phone_stream(quiet())
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        session = await one_session(stream)
        await phone.listen(0.2)
        before = session.counters.audio_in
        media = {"chunk": "1", "payload": base64.b64encode(bytes(8000)).decode()}
        stream_id = phone.caller.stream_id
        await phone.send(json.dumps({"event": "media", "streamSid": stream_id, "media": media}))
        await phone.listen(0.2)
        assert session.counters.audio_in < before + 0.9
        assert "its sound is left out" in caplog.text


@pytest.mark.parametrize("first", ["{", "[]", '{"event": "media"}', '{"event": "mark"}', b"\x00"])
async def test_what_comes_before_the_start_ends_the_connection(
    serving_stream: Any, phone_stream: Any, echo: Any, first: Any
) -> None:
    stream = phone_stream(echo())
    async with (
        serving_stream(stream) as server,
        connect(server.url.replace("http", "ws") + "/telephone/handler") as ws,
    ):
        await ws.send(first)
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert not len(stream.sessions)


async def test_a_message_that_is_too_long_ends_the_call(
    serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any, ends: Any
) -> None:
    limits = {"telephone": Limits(message_bytes=20_000)}
    stream = phone_stream(quiet(), limits=limits, on_event=ends.observe)
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        await one_session(stream)
        await phone.send(json.dumps({"event": "media", "media": {"payload": "A" * 20_000}}))
        await asyncio.wait_for(phone.over.wait(), 10)
        assert phone.ended.endswith("1009")
        assert (await ends.next())[1].reason is CloseReason.PROTOCOL_ERROR


async def test_too_many_messages_end_the_call(
    serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any
) -> None:
    limits = {"telephone": Limits(messages_per_second=100)}
    stream = phone_stream(quiet(), limits=limits)
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        await one_session(stream)
        for _ in range(300):
            await phone.send('{"event": "connected"}')
        await asyncio.wait_for(phone.over.wait(), 10)
        assert phone.ended.endswith("1008")


async def test_a_stream_that_does_not_start_is_ended(
    serving_stream: Any, phone_stream: Any, echo: Any
) -> None:
    stream = phone_stream(echo(), limits={"telephone": Limits(handshake=0.1)})
    async with (
        serving_stream(stream) as server,
        connect(server.url.replace("http", "ws") + "/telephone/handler") as ws,
    ):
        with pytest.raises(ConnectionClosed):
            await ws.recv()


async def test_a_carrier_that_stops_reading_is_given_up(
    serving_stream: Any,
    phone_stream: Any,
    secrets: Any,
    echo: Any,
    ends: Any,
    tone: Any,
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr("fastrtc_core.outbox.SEND_TIMEOUT", 0.5)

    class Floods(echo):
        async def start_up(self) -> None:
            transport = next(iter(server.uvicorn.server_state.connections)).transport
            transport.set_write_buffer_limits(0)
            self.session.say((8000, tone(0.5)) for _ in range(10_000))

    stream = phone_stream(Floods(), on_event=ends.observe, settings={"lead": 1e6})
    loop = asyncio.get_running_loop()
    dialect = TwilioDialect(secrets["twilio"])
    async with serving_stream(stream) as server:
        with socket.socket() as sock:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            uri = parse_uri(server.url.replace("http", "ws") + "/telephone/handler")
            await loop.sock_connect(sock, (uri.host, uri.port))
            protocol = ClientProtocol(uri)
            request = protocol.connect()
            request.headers.update(dialect.headers(f"ws://{uri.host}:{uri.port}{uri.path}"))
            protocol.send_request(request)
            await loop.sock_sendall(sock, b"".join(protocol.data_to_send()))
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += await loop.sock_recv(sock, 1)
            protocol.receive_data(answer)
            for message in dialect.opening(Caller(), {}):
                assert isinstance(message, str)
                protocol.send_text(message.encode())
            await loop.sock_sendall(sock, b"".join(protocol.data_to_send()))
            _, event = await ends.next()
            assert event.reason is CloseReason.CLIENT_STALLED
            await server.emptied()
        await works(server, secrets, tone, stream)


async def test_a_line_that_breaks_in_the_midst_of_a_word(
    serving_stream: Any, phone_stream: Any, secrets: Any, echo: Any, ends: Any, tone: Any
) -> None:
    shut_down = asyncio.Event()

    class Handler(echo):
        async def shutdown(self) -> None:
            shut_down.set()

    stream = phone_stream(Handler(), on_event=ends.observe)
    async with serving_stream(stream) as server:
        async with dial(server.url, secrets=secrets["twilio"]) as phone:
            await one_session(stream)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(phone.say(8000, tone(5.0)))
                await phone.listen(0.3)
                phone.vanish()
                await asyncio.wait_for(shut_down.wait(), 10)
                assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
                await server.emptied()
        await works(server, secrets, tone, stream)


async def test_a_hang_up_during_start_up(
    serving_stream: Any, phone_stream: Any, secrets: Any, echo: Any, ends: Any, tone: Any
) -> None:
    calls: list[str] = []

    class Slow(echo):
        async def start_up(self) -> None:
            calls.append("start_up")
            await asyncio.sleep(60)

        async def shutdown(self) -> None:
            calls.append("shutdown")

    stream = phone_stream(Slow(), on_event=ends.observe)
    async with serving_stream(stream) as server:
        async with dial(server.url, secrets=secrets["twilio"]):
            async with asyncio.timeout(10):
                while not calls:
                    await asyncio.sleep(0.005)
        assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
        await server.emptied()
    assert calls == ["start_up", "shutdown"]


async def test_five_hang_ups_are_five_shutdowns(
    serving_stream: Any, phone_stream: Any, secrets: Any, echo: Any
) -> None:
    shutdowns = 0

    class Handler(echo):
        async def shutdown(self) -> None:
            nonlocal shutdowns
            shutdowns += 1

    stream = phone_stream(Handler())
    async with serving_stream(stream) as server:
        for _ in range(5):
            async with dial(server.url, secrets=secrets["twilio"]):
                await one_session(stream)
            await server.emptied()
    assert shutdowns == 5


async def test_five_that_ring_at_once_where_one_is_the_limit(
    serving_stream: Any, phone_stream: Any, secrets: Any, echo: Any
) -> None:
    stream = phone_stream(echo(), limits={"telephone": Limits(concurrency=1)})
    accepted = asyncio.Semaphore(0)
    done = asyncio.Event()

    async def ring(url: str) -> str:
        try:
            async with dial(url, secrets=secrets["twilio"]):
                accepted.release()
                await done.wait()
                return "accepted"
        except RefusedError as error:
            return str(error)

    async with serving_stream(stream) as server, asyncio.TaskGroup() as tasks:
        rings = [tasks.create_task(ring(server.url)) for _ in range(5)]
        await accepted.acquire()
        async with asyncio.timeout(10):
            while sum(task.done() for task in rings) < 4:
                await asyncio.sleep(0.01)
        done.set()
    results = sorted(task.result() for task in rings)
    assert results == ["accepted"] + 4 * ["the call was refused: busy"]


async def test_the_time_limit_ends_the_call(
    serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any, ends: Any
) -> None:
    stream = phone_stream(quiet(), on_event=ends.observe, time_limit=0.3)
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        await asyncio.wait_for(phone.over.wait(), 10)
    assert (await ends.next())[1].reason is CloseReason.TIME_LIMIT


async def test_a_webhook_that_is_too_long_is_refused(
    serving_stream: Any, phone_stream: Any, echo: Any
) -> None:
    httpx = pytest.importorskip("httpx")
    async with serving_stream(phone_stream(echo())) as server, httpx.AsyncClient() as client:
        answer = await client.post(f"{server.url}/telephone/incoming", content=bytes(100_000))
        assert answer.status_code == 400
        form = "&".join(f"a{number}=1" for number in range(300))
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await client.post(
            f"{server.url}/telephone/incoming", content=form, headers=headers
        )
        assert answer.status_code == 400
