"""Calls through a real Asterisk, by a real telephone: see README.md for what they need.

    baresip -- SIP, RTP --> Asterisk -- AudioSocket or WebSocket --> the stream

The addresses are those of asterisk_chroot.sh.
"""

import asyncio
import json
import logging
import os
import shutil
import socket
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
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

ROOT = "FASTRTC_ASTERISK_ROOT"
PASSWORD = "secret"
WEBSOCKET, AUDIOSOCKET, SIP, PHONE = 8799, 9092, 5060, 5062
CALLER = "test"
CALL = "40325ec2-5efd-4bd3-805f-53576e581d13"

BY_AUDIOSOCKET, BY_WEBSOCKET, IN_JSON, FORGED, WIDE, ALAW = "100", "200", "201", "202", "203", "204"
"""Extensions of the dial plan."""

RATE = 8000
FRAME = 160
"""Samples of 20 ms, in which tones are told apart."""
LEAD = 1.0
"""Seconds that Asterisk has in advance: so much more would be heard if it did not flush."""

STARTING = 30.0
"""Seconds that Asterisk has to start."""


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


# Asterisk


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run Asterisk, and return what has it obey a command of its console."""
    root = os.environ.get(ROOT)
    if not root:
        pytest.skip(f"{ROOT} names no folder with an Asterisk: see tests/interop/README.md")
    if shutil.which("baresip") is None:
        pytest.skip("there is no telephone: baresip is not on PATH")
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    inside = ["chroot", root, "asterisk"]

    def console(command: str) -> str:
        done = subprocess.run(
            [*inside, "-rx", command], capture_output=True, text=True, check=True, timeout=STARTING
        )
        return done.stdout

    log = tmp_path_factory.mktemp("asterisk") / "console"
    with log.open("wb") as output:
        running = subprocess.Popen(
            [*inside, "-f", "-U", "asterisk", "-G", "asterisk"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        if not wait_until_started(console, running):
            pytest.fail(f"Asterisk does not start: {log.read_text(errors='replace')[-2000:]}")
        yield console
    finally:
        running.terminate()
        running.wait(STARTING)


def wait_until_started(console: Callable[[str], str], running: subprocess.Popen[bytes]) -> bool:
    ends = time.monotonic() + STARTING
    while running.poll() is None and time.monotonic() < ends:
        try:
            console("core waitfullybooted")
            return True
        except subprocess.CalledProcessError:  # it does not listen yet
            time.sleep(0.1)
    return False


# The telephone

CONFIG = """\
sip_listen 127.0.0.1:{sip}
audio_source aufile,{said}
audio_player alsa,null
audio_alert aubridge,none
ausrc_srate 8000
auplay_srate 8000
snd_path {heard}
jitter_buffer_delay 0-0
ctrl_tcp_listen 127.0.0.1:{control}
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module alsa.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
"""

MODULES = "/usr/lib/baresip/modules"


class Phone:
    """A baresip that says a tone while it talks, and records what it hears."""

    def __init__(
        self, folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._folder = folder
        self._reader = reader
        self._writer = writer

    async def dial(self, extension: str) -> None:
        await self._command("dial", f"sip:{extension}@127.0.0.1:{SIP}")

    async def press(self, key: str) -> None:
        await self._command("sndcode", key)

    async def hang_up(self) -> None:
        await self._command("hangup")
        await self.until("CALL_CLOSED")

    async def until(self, event: str) -> None:
        """Wait for an event."""
        while True:
            message = await self._receive()
            if message.get("type") == event:
                return

    def heard(self) -> NDArray[np.int16]:
        """Return what was heard in the call, which must be over."""
        (path,) = self._folder.glob("*-dec.wav")
        with wave.open(str(path)) as file:
            assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
            return np.frombuffer(file.readframes(file.getnframes()), "<i2")

    async def _command(self, command: str, params: str = "") -> None:
        message = json.dumps({"command": command, "params": params}).encode()
        self._writer.write(b"%d:%b," % (len(message), message))  # a netstring
        await self._writer.drain()

    async def _receive(self) -> dict[str, Any]:
        size = await self._reader.readuntil(b":")
        data = await self._reader.readexactly(int(size[:-1]) + 1)
        message: dict[str, Any] = json.loads(data[:-1])
        return message


@asynccontextmanager
async def telephone(folder: Path, seconds: float = 20.0) -> AsyncIterator[Phone]:
    """Have a telephone, that has so many seconds of a tone of 440 Hz to say."""
    said, heard = folder / "said.wav", folder / "heard"
    heard.mkdir()
    with wave.open(str(said), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(tone(seconds).astype("<i2").tobytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        control = free.getsockname()[1]
    config = CONFIG.format(sip=PHONE, said=said, heard=heard, control=control, modules=MODULES)
    (folder / "config").write_text(config)
    account = f"<sip:{CALLER}@127.0.0.1:{PHONE}>;regint=0;audio_codecs=pcmu\n"
    (folder / "accounts").write_text(account)
    (folder / "contacts").write_text("")
    with (folder / "log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            "baresip", "-f", str(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        reader, writer = await _reached(control)
        try:
            yield Phone(heard, reader, writer)
        finally:
            writer.close()
    finally:
        running.terminate()
        await running.wait()


async def _reached(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)


@pytest.fixture
async def phone(asterisk: object, tmp_path: Path) -> AsyncIterator[Phone]:
    async with telephone(tmp_path) as phone:
        yield phone


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
async def test_a_tone_comes_back(extension: str, phone: Phone) -> None:
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
async def test_keys_are_events(extension: str, phone: Phone) -> None:
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
async def test_an_interruption_is_heard_soon(extension: str, phone: Phone) -> None:
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
async def test_marks_tell_what_was_played(extension: str, phone: Phone) -> None:
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
async def test_the_stream_hangs_up(extension: str, phone: Phone) -> None:
    async with serving(Goodbye([])) as service:
        await phone.dial(extension)
        async with asyncio.timeout(10):
            await phone.until("CALL_CLOSED")
        assert (await service.end()).reason is CloseReason.HANDLER
    heard = seconds_of(440, phone.heard())
    logger.info("%s: heard %.2f s of a goodbye of 0.5 s", extension, heard)
    assert heard == pytest.approx(0.5, abs=0.1)


async def test_a_wrong_password_is_refused(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Quiet([])) as service:
        await phone.dial(FORGED)
        async with asyncio.timeout(10):
            await phone.until("CALL_CLOSED")
        assert "the password is not the one that was agreed on" in caplog.text
        assert not service.asterisk.texts


async def test_what_asterisk_says_first(phone: Phone) -> None:
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


async def test_what_asterisk_says_first_in_json(phone: Phone) -> None:
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
