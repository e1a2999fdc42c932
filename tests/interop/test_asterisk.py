"""Calls through a real Asterisk, by a real telephone: see README.md for what they need."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc_core import (
    AsyncStreamHandler,
    CloseReason,
    CloseStream,
    DigitPressed,
    Event,
    Session,
    SessionClosed,
    Stream,
)
from fastrtc_telephony import (
    Asterisk,
    MediaProtocol,
    TelephoneSettings,
    TelephoneTransport,
    call_of,
)
from fastrtc_telephony.carriers.asterisk import AsteriskProtocol
from fastrtc_telephony.carriers.audiosocket import AudioSocketServer
from fastrtc_telephony.events import CallEvent, MarkReached

logger = logging.getLogger(__name__)

PASSWORD = "secret"
WEBSOCKET, AUDIOSOCKET = 8799, 9092
CALLER = "test"
CALL = "40325ec2-5efd-4bd3-805f-53576e581d13"

BY_AUDIOSOCKET, BY_WEBSOCKET, IN_JSON, FORGED, WIDE, ALAW = "100", "200", "201", "202", "203", "204"
"""Extensions of the dial plan."""

RATE = 8000
FRAME = 160
"""Samples of 20 ms, in which tones are told apart."""
LEAD = 1.0
"""Seconds that Asterisk has in advance: so much more would be heard if it did not flush."""


def tone(seconds: float, hertz: float = 440.0) -> NDArray[np.int16]:
    times = np.arange(round(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)


def loudest_hertz(sound: NDArray[np.int16]) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    return float(np.argmax(spectrum) * RATE / sound.size)


def loud(sound: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return what lies between the first and the last loud sample."""
    found = np.flatnonzero(np.abs(sound.astype(int)) > 1000)
    return sound[found[0] : found[-1]] if found.size else sound[:0]


def seconds_of(hertz: float, sound: NDArray[np.int16]) -> float:
    """Return how long a tone is heard in it."""
    frames = sound[: sound.size // FRAME * FRAME].reshape(-1, FRAME)
    return sum(_has(hertz, frame) for frame in frames) * FRAME / RATE


def _has(hertz: float, frame: NDArray[np.int16]) -> bool:
    peak = np.abs(frame.astype(int)).max()
    return bool(peak > 4000 and abs(loudest_hertz(frame) - hertz) < 2 * RATE / FRAME)


# The stream


class Noting(AsteriskProtocol):
    """Keeps what Asterisk says."""

    def __init__(self, texts: list[str], events: list[CallEvent]) -> None:
        super().__init__()
        self._texts = texts
        self._events = events

    def receive(self, data: str | bytes) -> Sequence[CallEvent]:
        if isinstance(data, str):
            self._texts.append(data)
        events = super().receive(data)
        self._events += events
        return events


class NotingAsterisk(Asterisk):
    def __init__(self, secret: str) -> None:
        super().__init__(secret)
        self.texts: list[str] = []
        self.events: list[CallEvent] = []

    def protocol(self) -> MediaProtocol:
        return Noting(self.texts, self.events)


class Service:
    """A stream as Asterisk reaches it, and what happens in it."""

    def __init__(self, handler: AsyncStreamHandler) -> None:
        self.asterisk = NotingAsterisk(PASSWORD)
        self.events: list[Event] = []
        self.ended: asyncio.Queue[SessionClosed] = asyncio.Queue()
        settings = TelephoneSettings(carriers=[self.asterisk], lead=LEAD)
        self.stream = Stream(
            handler,
            modality="audio",
            transport_settings={"telephone": settings},
            on_event=self.observe,
        )

    async def observe(self, session: Session, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, SessionClosed):
            self.ended.put_nowait(event)

    async def session(self) -> Session:
        """Wait for the session."""
        async with asyncio.timeout(10):
            while not self.stream.sessions:
                await asyncio.sleep(0.01)
        (session,) = self.stream.sessions
        return session

    async def end(self) -> SessionClosed:
        async with asyncio.timeout(10):
            return await self.ended.get()


@asynccontextmanager
async def serving(handler: AsyncStreamHandler) -> AsyncIterator[Service]:
    """Serve a handler both ways."""
    service = Service(handler)
    app = Starlette()
    TelephoneTransport(service.stream).mount(app, "", None)
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", WEBSOCKET)) as listener:
        async with (
            AudioSocketServer(service.stream, port=AUDIOSOCKET, calls={CALL}),
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(server.serve([listener]))
            try:
                yield service
            finally:
                server.should_exit = True


class Quiet(AsyncStreamHandler):
    """Says what the test says through its session."""

    def __init__(self, shut_down: list[str]) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self.shut_down = shut_down

    def copy(self) -> "Quiet":
        return type(self)(self.shut_down)

    async def receive(self, frame: Any) -> None: ...

    async def emit(self) -> Any:
        await asyncio.Event().wait()

    async def shutdown(self) -> None:
        self.shut_down.append("yes")


class Echo(Quiet):
    """Sends back what it hears."""

    def __init__(self, shut_down: list[str]) -> None:
        super().__init__(shut_down)
        self.frames: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(self, frame: Any) -> None:
        self.frames.put_nowait(frame)

    async def emit(self) -> Any:
        return await self.frames.get()


class Goodbye(Quiet):
    """Says something, and hangs up."""

    def __init__(self, shut_down: list[str]) -> None:
        super().__init__(shut_down)
        self.said = False

    async def emit(self) -> Any:
        if self.said:
            await asyncio.Event().wait()
        self.said = True
        return (RATE, tone(0.5)[np.newaxis]), CloseStream("goodbye")


both = pytest.mark.parametrize("extension", [BY_AUDIOSOCKET, BY_WEBSOCKET, IN_JSON])


# What is heard


@pytest.mark.parametrize("extension", [BY_AUDIOSOCKET, BY_WEBSOCKET, IN_JSON, WIDE, ALAW])
async def test_a_tone_comes_back(extension: str, phone: Any) -> None:
    shut_down: list[str] = []
    async with serving(Echo(shut_down)) as service:
        await phone.dial(extension)
        session = await service.session()
        call = call_of(session)
        assert call is not None
        if extension == BY_AUDIOSOCKET:
            assert call.info.call_id == CALL
        else:
            assert call.info.stream_id == "right"
            assert call.info.parameters["channel"].startswith("WebSocket/right/0x")
        await asyncio.sleep(3.0)
        await phone.hang_up()
        assert (await service.end()).reason is CloseReason.CLIENT_LEFT
    assert shut_down == ["yes"]
    sound = loud(phone.heard())
    middle = sound[RATE // 2 : -RATE // 2]
    heard = loudest_hertz(middle)
    logger.info("%s: heard %.1f Hz for %.2f s", extension, heard, sound.size / RATE)
    assert heard == pytest.approx(440, abs=2)
    assert np.abs(middle.astype(int)).max() == pytest.approx(8000, rel=0.1)
    assert sound.size / RATE > 2.5


@both
async def test_keys_are_events(extension: str, phone: Any) -> None:
    async with serving(Quiet([])) as service:
        await phone.dial(extension)
        await service.session()
        await phone.until("CALL_ESTABLISHED")
        await asyncio.sleep(0.3)
        for key in "4#":
            await phone.press(key)
            await asyncio.sleep(0.5)
        await phone.hang_up()
        await service.end()
    assert [event.digit for event in service.events if isinstance(event, DigitPressed)] == [
        "4",
        "#",
    ]


@both
async def test_an_interruption_is_heard_soon(extension: str, phone: Any) -> None:
    async with serving(Quiet([])) as service:
        await phone.dial(extension)
        session = await service.session()
        session.say((RATE, tone(6.0)))
        await asyncio.sleep(2.0)
        told = session.interrupt()
        assert told == pytest.approx(2.0, abs=0.3)
        await asyncio.sleep(1.0)
        session.say((RATE, tone(0.5, 1000)))  # what follows is heard
        await asyncio.sleep(1.0)
        await phone.hang_up()
        await service.end()
    sound = phone.heard()
    heard = seconds_of(440, sound)
    logger.info("%s: interrupted after %.2f s, of which %.2f s were heard", extension, told, heard)
    assert heard == pytest.approx(told, abs=0.2)  # without a flush, LEAD more
    assert seconds_of(1000, sound) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("extension", [BY_WEBSOCKET, IN_JSON])
async def test_marks_tell_what_was_played(extension: str, phone: Any) -> None:
    async with serving(Quiet([])) as service:
        await phone.dial(extension)
        session = await service.session()
        utterance = session.say((RATE, tone(1.5)))
        await utterance.wait()
        await asyncio.sleep(0.3)
        marks = [event for event in service.asterisk.events if isinstance(event, MarkReached)]
        assert 10 <= len(marks) <= 15
        assert session.played == pytest.approx(1.5, abs=0.02)
        await phone.hang_up()
        await service.end()
    heard = seconds_of(440, phone.heard())
    logger.info("%s: %d marks, heard %.2f s", extension, len(marks), heard)
    assert heard == pytest.approx(1.5, abs=0.1)


# How calls begin and end


@both
async def test_the_stream_hangs_up(extension: str, phone: Any) -> None:
    async with serving(Goodbye([])) as service:
        await phone.dial(extension)
        async with asyncio.timeout(10):
            await phone.until("CALL_CLOSED")
        assert (await service.end()).reason is CloseReason.HANDLER
    heard = seconds_of(440, phone.heard())
    logger.info("%s: heard %.2f s of a goodbye of 0.5 s", extension, heard)
    assert heard == pytest.approx(0.5, abs=0.1)


async def test_a_wrong_password_is_refused(phone: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Quiet([])) as service:
        await phone.dial(FORGED)
        async with asyncio.timeout(10):
            await phone.until("CALL_CLOSED")
        assert "the password is not the one that was agreed on" in caplog.text
        assert not service.asterisk.texts


async def test_what_asterisk_says_first(phone: Any) -> None:
    async with serving(Quiet([])) as service:
        await phone.dial(BY_WEBSOCKET)
        await service.session()
        await phone.hang_up()
        await service.end()
    name, *words = service.asterisk.texts[0].split(" ")
    fields = dict(word.split(":", 1) for word in words)
    assert name == "MEDIA_START"
    assert fields.pop("channel").startswith("WebSocket/right/0x")
    assert float(fields.pop("channel_id")) > 0  # its time, and a number
    assert fields == {
        "connection_id": "right",
        "format": "ulaw",
        "optimal_frame_size": "160",
        "ptime": "20",
    }


async def test_what_asterisk_says_first_in_json(phone: Any) -> None:
    async with serving(Quiet([])) as service:
        await phone.dial(IN_JSON)
        call = call_of(await service.session())
        assert call is not None
        assert call.info.parameters["CALLER"] == CALLER
        await phone.hang_up()
        await service.end()
    message = json.loads(service.asterisk.texts[0])
    assert message.pop("channel").startswith("WebSocket/right/0x")
    assert float(message.pop("channel_id")) > 0
    variables = message.pop("channel_variables")
    assert variables["CALLER"] == CALLER  # the dial plan's own, see asterisk_chroot.sh
    assert message == {
        "event": "MEDIA_START",
        "connection_id": "right",
        "format": "ulaw",
        "optimal_frame_size": 160,
        "ptime": 20,
    }
