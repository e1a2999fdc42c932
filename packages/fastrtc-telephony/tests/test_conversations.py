"""A call over every carrier, from ringing to hanging up."""

import asyncio
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import AsyncStreamHandler, CloseReason, CloseStream, DigitPressed, Stream
from fastrtc_telephony import call_of
from fastrtc_telephony.testing import Caller, RefusedError, dial

CARRIERS = ["twilio", "telnyx", "plivo", "vonage", "exotel", "genesys", "asterisk"]
over_each = pytest.mark.parametrize("name", CARRIERS)
ASKED = [name for name in CARRIERS if name not in ("genesys", "asterisk")]


def loudest_hertz(sound: NDArray[np.int16], rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    return float(np.argmax(spectrum) * rate / sound.size)


@over_each
async def test_an_echo_comes_back_as_it_was_said(
    name: str, serving_stream: Any, phone_stream: Any, secrets: Any, echo: Any, tone: Any
) -> None:
    stream = phone_stream(echo(), name)
    async with (
        serving_stream(stream, "/voice") as server,
        dial(f"{server.url}/voice", name, secrets=secrets[name]) as phone,
    ):
        await phone.say(8000, tone(1.0))
        await phone.listen(0.4)
        report = phone.report()
    heard = report.heard
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 1000)
    middle = heard[loud[0] :][: loud[-1] - loud[0]]
    assert loudest_hertz(middle, report.rate) == pytest.approx(440, abs=5)
    assert np.abs(middle.astype(int)).max() == pytest.approx(8000, rel=0.05)
    assert 0.97 < middle.size / report.rate < 1.3  # an echo has no lead: what is late leaves a gap


@over_each
async def test_keys_are_events_and_the_call_is_known(
    name: str, serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any, ends: Any
) -> None:
    stream = phone_stream(quiet(), name, on_event=ends.observe)
    caller = Caller("+14155550111", "+14155550122", parameters={"room": "7"})
    async with serving_stream(stream) as server:
        async with dial(server.url, name, secrets=secrets[name], caller=caller) as phone:
            await phone.press("5")
            await phone.press("#")
            while len(stream.sessions) < 1:
                await asyncio.sleep(0.01)
            (session,) = stream.sessions
            call = call_of(session)
            assert call is not None
            assert call.info.carrier == name
            assert call.info.call_id == caller.call_id
            assert session.handler.phone_mode
            assert session.metadata["carrier"] == name
            if name != "asterisk":  # it does not tell
                assert session.metadata["from"] == "+14155550111"
            if name in ("twilio", "telnyx", "plivo", "exotel", "genesys", "vonage"):
                assert call.info.parameters["room"] == "7"
            assert not any("token" in parameter for parameter in call.info.parameters)
        ended, event = await ends.next()
    assert event.reason is CloseReason.CLIENT_LEFT
    keys = [event.digit for event in ends.events if isinstance(event, DigitPressed)]
    assert keys == ["5", "#"]
    assert ended is session


@over_each
async def test_an_interruption_is_heard_at_once(
    name: str, serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any, tone: Any
) -> None:
    stream = phone_stream(quiet(), name)
    async with (
        serving_stream(stream) as server,
        dial(server.url, name, secrets=secrets[name]) as phone,
    ):
        while len(stream.sessions) < 1:
            await asyncio.sleep(0.01)
        (session,) = stream.sessions
        session.say((8000, tone(5.0)))
        await phone.listen(1.0)
        heard = session.interrupt()
        at = phone.now
        await phone.listen(0.5)
        report = phone.report()
        assert session.played == pytest.approx(phone.played(), abs=0.2)
    loud = np.flatnonzero(np.abs(report.heard.astype(int)) > 1000)
    assert loud[-1] / report.rate < at + 0.4  # five seconds were said
    assert heard == pytest.approx((loud[-1] - loud[0]) / report.rate, abs=0.3)


@over_each
async def test_after_an_interruption_the_next_sound_is_heard_whole(
    name: str, serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any, tone: Any
) -> None:
    stream = phone_stream(quiet(), name)
    async with (
        serving_stream(stream) as server,
        dial(server.url, name, secrets=secrets[name]) as phone,
    ):
        while len(stream.sessions) < 1:
            await asyncio.sleep(0.01)
        (session,) = stream.sessions
        session.say((8000, tone(5.0, hertz=300)))
        await phone.listen(0.5)
        session.interrupt()
        second = session.say((8000, tone(0.5, hertz=1000)))
        await second.wait()
        await phone.listen(0.3)
        report = phone.report()
        assert second.played == pytest.approx(0.5, abs=0.05)
        assert session.played == pytest.approx(phone.played(), abs=0.4)  # with what fills a chunk
    loud = np.flatnonzero(np.abs(report.heard.astype(int)) > 1000)
    last = report.heard[loud[-1] - round(0.45 * report.rate) : loud[-1]]
    assert loudest_hertz(last, report.rate) == pytest.approx(1000, abs=5)


@over_each
async def test_the_handler_can_end_the_call(
    name: str, serving_stream: Any, phone_stream: Any, secrets: Any, ends: Any, tone: Any
) -> None:
    class Goodbye(AsyncStreamHandler):
        async def receive(self, frame: Any) -> None: ...

        async def emit(self) -> Any:
            return (8000, tone(0.4)[np.newaxis]), CloseStream("goodbye")

        def copy(self) -> "Goodbye":
            return Goodbye()

    stream = phone_stream(Goodbye(output_sample_rate=8000), name, on_event=ends.observe)
    async with (
        serving_stream(stream) as server,
        dial(server.url, name, secrets=secrets[name]) as phone,
    ):
        await asyncio.wait_for(phone.over.wait(), 10)
        report = phone.report()
        assert report.ended == "the server has ended the call, code 1000"
    _, event = await ends.next()
    assert event.reason is CloseReason.HANDLER
    assert np.count_nonzero(np.abs(report.heard.astype(int)) > 1000) / report.rate > 0.25


@pytest.mark.parametrize("name", ASKED)
async def test_who_finds_no_room_is_told_by_the_carrier(
    name: str, serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any
) -> None:
    stream = phone_stream(quiet(), name, concurrency_limit=1)
    async with serving_stream(stream) as server:
        async with dial(server.url, name, secrets=secrets[name]) as phone:
            with pytest.raises(RefusedError, match=r"busy|hung up|503"):
                async with dial(server.url, name, secrets=secrets[name]):
                    pass
            assert not phone.over.is_set()
        async with dial(server.url, name, secrets=secrets[name]):
            pass


@pytest.mark.parametrize("name", ["genesys", "asterisk"])
async def test_a_stream_that_finds_no_room_is_closed(
    name: str, serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any
) -> None:
    stream = phone_stream(quiet(), name, concurrency_limit=1)
    async with (
        serving_stream(stream) as server,
        dial(server.url, name, secrets=secrets[name]) as first,
    ):
        while len(stream.sessions) < 1:
            await asyncio.sleep(0.01)
        async with dial(server.url, name, secrets=secrets[name]) as second:
            await asyncio.wait_for(second.over.wait(), 10)
        assert "code" in second.ended
        assert not first.over.is_set()


async def test_asterisk_in_json(
    serving_stream: Any, phone_stream: Any, secrets: Any, echo: Any, tone: Any
) -> None:
    given = {**secrets["asterisk"], "format": "json"}
    stream = phone_stream(echo(), "asterisk")
    async with (
        serving_stream(stream) as server,
        dial(server.url, "asterisk", secrets=given) as phone,
    ):
        await phone.say(8000, tone(0.5))
        await phone.listen(0.3)
        assert phone.played() > 0.4
        (session,) = stream.sessions
        assert session.played == pytest.approx(phone.played(), abs=0.2)


async def test_all_carriers_at_the_same_time(
    serving_stream: Any, phone_stream: Any, secrets: Any, echo: Any, tone: Any
) -> None:
    stream: Stream = phone_stream(echo(), *CARRIERS)

    async def call(url: str, name: str) -> float:
        path = f"/telephone/{name}/incoming" if name in ASKED else None
        async with dial(url, name, secrets=secrets[name], path=path) as phone:
            await phone.say(8000, tone(0.5))
            await phone.listen(0.3)
            return phone.played()

    async with serving_stream(stream) as server:
        played = await asyncio.gather(*(call(server.url, name) for name in CARRIERS))
        assert min(played) > 0.4
        while len(stream.sessions):
            await asyncio.sleep(0.01)
