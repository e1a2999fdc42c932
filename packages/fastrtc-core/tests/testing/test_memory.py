import asyncio

import numpy as np
import pytest

from fastrtc_core import (
    AdmissionError,
    AsyncStreamHandler,
    AudioFrame,
    CloseReason,
    ConcurrencyLimitError,
    ConnectionRequest,
    SessionClosedError,
    Stream,
)
from fastrtc_core.testing import connect, in_virtual_time

RATE = 24000
RAMP = np.arange(RATE, dtype=np.int16)


async def same(audio: tuple[int, np.ndarray]) -> tuple[int, np.ndarray]:
    return audio


class Quiet(AsyncStreamHandler):
    """Answers nothing; what it says is said through its session."""

    async def receive(self, frame: object) -> None:
        pass

    async def emit(self) -> None:
        await asyncio.Event().wait()


def echo() -> Stream:
    return Stream(same, modality="audio")


def quiet() -> Stream:
    return Stream(Quiet, modality="audio")


def now() -> float:
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_speaking_takes_as_long_as_the_sound() -> None:
    async with connect(echo()) as client:
        await client.speak(RAMP, RATE)
        assert now() == pytest.approx(1.0)
        await client.send_silence(2.5)
        assert now() == pytest.approx(3.5)
    assert client.session.counters.audio_in == pytest.approx(3.5)


@in_virtual_time
async def test_an_echo_is_heard_as_it_was_said() -> None:
    async with connect(echo(), rate=48000) as client:
        await client.speak(RAMP, 48000)
        await asyncio.sleep(1)
    assert np.array_equal(client.heard_audio().samples, RAMP[np.newaxis])
    assert client.heard[0][0] == pytest.approx(0.02)


@in_virtual_time
async def test_delay_holds_up_both_directions() -> None:
    async with connect(echo(), rate=48000, delay=0.25) as client:
        await client.speak(RAMP, 48000)
        await asyncio.sleep(1)
        assert client.heard[0][0] == pytest.approx(0.52)
        assert np.array_equal(client.heard_audio().samples, RAMP[np.newaxis])
        client.session.send('{"type": "log"}')
        await client.next_message()
        assert now() == pytest.approx(1 + RAMP.size / 48000 + 0.25)


@in_virtual_time
async def test_what_was_cleared_is_not_heard() -> None:
    async with connect(quiet()) as client:
        client.session.say((RATE, np.tile(RAMP, 10)))
        await asyncio.sleep(1.0)
        client.session.interrupt()
        await asyncio.sleep(5)
        assert client.heard_audio().duration == pytest.approx(1.0)


@in_virtual_time
async def test_messages_come_parsed_and_timed() -> None:
    async with connect(quiet()) as client:
        await asyncio.sleep(3)
        client.session.send('{"type": "warning", "data": "careful"}')
        message = await client.next_message("warning")
    assert message["data"] == "careful"
    assert client.messages[0] == (pytest.approx(3), message)
    assert client.messages_of("warning") == ["careful"]
    assert client.messages_of("error") == []


@in_virtual_time
async def test_waiting_for_a_message_ends_with_the_session() -> None:
    async with connect(quiet()) as client:
        client.session.close(CloseReason.SHUTDOWN)
        assert (await client.next_message())["type"] == "end_stream"
        with pytest.raises(SessionClosedError, match="shutdown"):
            await client.next_message()


@in_virtual_time
async def test_messages_reach_the_session() -> None:
    async with connect(quiet()) as client:
        await client.send_message({"question": 42})
    assert [data async for data in client.session.messages.listen()] == [{"question": 42}]


@in_virtual_time
async def test_inputs_reach_the_handler() -> None:
    async with connect(quiet()) as client:
        client.set_input("a", 1)
        assert client.session.handler.latest_args == ["__webrtc_value__", "a", 1]


@in_virtual_time
async def test_pictures_go_both_ways() -> None:
    picture = np.full((4, 6, 3), 7, dtype=np.uint8)
    async with connect(Stream(lambda pixels: pixels + 1, modality="video")) as client:
        await client.send_video(picture)
        await asyncio.sleep(1)
    [(_, frame)] = client.pictures
    assert np.array_equal(frame.pixels, picture + 1)


@in_virtual_time
async def test_leaving_ends_the_session() -> None:
    async with connect(echo()) as client:
        pass
    assert await client.wait_closed() is CloseReason.CLIENT_LEFT
    assert client.messages_of("end_stream") == []


@in_virtual_time
async def test_what_was_said_before_leaving_arrives() -> None:
    async with connect(echo(), delay=1.0) as client:
        await client.speak(RAMP, RATE)
    assert client.session.counters.audio_in == pytest.approx(1.0)


@in_virtual_time
async def test_vanishing_loses_what_is_on_its_way() -> None:
    async with connect(echo(), delay=1.0) as client:
        await client.speak(RAMP, RATE)
        client.vanish()
        assert await client.wait_closed() is CloseReason.CLIENT_LEFT
        with pytest.raises(SessionClosedError):
            await client.speak(RAMP, RATE)
    assert client.session.counters.audio_in < 0.1


@in_virtual_time
async def test_a_client_that_does_not_read_is_given_up() -> None:
    async with connect(quiet()) as client:
        client.stop_reading()
        client.session.say((RATE, RAMP))
        assert await client.wait_closed() is CloseReason.CLIENT_STALLED
        assert client.heard_audio().duration == 0


@in_virtual_time
async def test_a_client_may_read_on() -> None:
    async with connect(quiet()) as client:
        client.stop_reading()
        client.session.say((RATE, RAMP))
        await asyncio.sleep(5)
        client.resume_reading()
        await asyncio.sleep(2)
        assert client.heard_audio().duration == pytest.approx(1.0)
        assert client.heard[0][0] == pytest.approx(5.0)


@in_virtual_time
async def test_the_client_outlives_its_session() -> None:
    async with connect(echo(), rate=48000) as client:
        await client.speak(RAMP, 48000)
        client.session.close(CloseReason.SHUTDOWN, "bye")
        assert await client.wait_closed() is CloseReason.SHUTDOWN
        assert client.messages_of("end_stream") == ["bye"]
        with pytest.raises(SessionClosedError):
            await client.speak(RAMP, 48000)
        assert client.heard_audio().duration > 0


@in_virtual_time
async def test_a_refusal_reaches_the_caller() -> None:
    stream = Stream(same, modality="audio", concurrency_limit=1)
    async with connect(stream):
        with pytest.raises(ConcurrencyLimitError):
            async with connect(stream):
                raise AssertionError("let in beyond the limit")


@in_virtual_time
async def test_a_failing_test_fails_as_it_would_elsewhere() -> None:
    with pytest.raises(ZeroDivisionError):
        async with connect(echo()):
            raise ZeroDivisionError


@in_virtual_time
async def test_the_request_says_who_asks() -> None:
    seen: list[ConnectionRequest] = []
    stream = Stream(same, modality="audio", authorize=lambda request: seen.append(request) or "me")
    request = ConnectionRequest("carrier pigeon", headers={"cookie": "x"})
    async with connect(
        stream, request=request, session_id="mine", wants=["speech"], metadata={"lang": "de"}
    ) as client:
        assert (client.id, client.session.user) == ("mine", "me")
        assert client.session.metadata == {"lang": "de"}
    assert seen[0].transport == "carrier pigeon"
    assert seen[0].wants == {"speech"}


@in_virtual_time
async def test_reports_of_the_position_correct_the_session() -> None:
    async with connect(quiet(), delay=0.3) as client:
        client.session.say((RATE, np.tile(RAMP, 3)))
        await asyncio.sleep(1.0)
        assert client.session.played == pytest.approx(1.0)
        client.acknowledge()
        assert client.session.played == pytest.approx(0.7)


@in_virtual_time
async def test_no_client_without_admission() -> None:
    stream = Stream(same, modality="audio", authorize=lambda _: False)
    with pytest.raises(AdmissionError):
        async with connect(stream):
            raise AssertionError("let in")


async def test_it_works_in_real_time_too() -> None:
    async with connect(echo(), rate=48000) as client:
        await client.speak(RAMP[:4800], 48000)
        await asyncio.sleep(0.2)
    assert isinstance(client.heard_audio(), AudioFrame)
    assert sum(frame.duration for _, frame in client.heard) == pytest.approx(0.1)
