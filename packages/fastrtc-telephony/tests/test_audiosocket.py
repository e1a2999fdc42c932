"""AudioSocket: its frames, and a server that an Asterisk made for the test connects to."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrtc_core import (
    AsyncStreamHandler,
    CloseReason,
    CloseStream,
    DigitPressed,
    ProtocolError,
    Session,
    Stream,
)
from fastrtc_telephony import CallInfo, ConfigurationError, Line, SignatureError, call_of
from fastrtc_telephony.carrier import CarrierRequest
from fastrtc_telephony.carriers.audiosocket import (
    AudioSocket,
    AudioSocketProtocol,
    AudioSocketServer,
)
from fastrtc_telephony.carriers.audiosocket.audiosocket import TCPSocket
from fastrtc_telephony.events import Audio, CallEnded, CallEvent, CallStarted, KeyPressed

CALL = uuid.UUID("40325ec2-5efd-4bd3-805f-53576e581d13")
HANG_UP, UUID, KEY, SOUND, ERROR = 0x00, 0x01, 0x03, 0x10, 0xFF
FRAME = 320


def frame(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


OPENING = frame(UUID, CALL.bytes)


def started() -> AudioSocketProtocol:
    protocol = AudioSocketProtocol()
    protocol.receive(OPENING)
    return protocol


def heard(events: list[CallEvent]) -> list[object]:
    """What events mean, in a form that can be compared."""
    return [event.samples.tobytes() if isinstance(event, Audio) else event for event in events]


# The protocol


def test_a_call_from_its_uuid_to_its_end() -> None:
    protocol = AudioSocketProtocol()
    (start,) = protocol.receive(OPENING)
    assert start == CallStarted(
        CallInfo("audiosocket", str(CALL), stream_id=str(CALL)), Line("l16", 8000)
    )
    (audio,) = protocol.receive(frame(SOUND, np.array([1, -2, 32767], "<i2").tobytes()))
    assert isinstance(audio, Audio)
    assert audio.samples.tolist() == [[1, -2, 32767]]
    assert protocol.receive(frame(KEY, b"#")) == [KeyPressed("#")]
    assert protocol.receive(frame(HANG_UP) + frame(KEY, b"1")) == [CallEnded()]
    assert protocol.receive(frame(KEY, b"2")) == []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 322, 1000])
def test_frames_may_be_cut_anywhere(size: int) -> None:
    sound = np.arange(160, dtype="<i2").tobytes()
    data = OPENING + frame(SOUND, sound) + frame(KEY, b"5") + frame(SOUND, sound) + frame(HANG_UP)
    whole = heard(list(AudioSocketProtocol().receive(data)))
    assert whole[1:] == [sound, KeyPressed("5"), sound, CallEnded()]
    protocol = AudioSocketProtocol()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert heard([event for piece in pieces for event in protocol.receive(piece)]) == whole


def test_what_is_not_known_is_left_out() -> None:
    unknown = frame(0x42, bytes(1000)) + frame(KEY, b"f") + frame(KEY, b"12") + frame(SOUND)
    assert started().receive(unknown + frame(KEY, b"a")) == [KeyPressed("A")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n", "not_started"),
        (frame(SOUND, bytes(320)), "not_started"),
        (frame(ERROR, b"\x01"), "carrier_error"),
        (b"\x01\xff\xff", "bad_length"),
        (OPENING + OPENING, "already_started"),
        (OPENING + frame(SOUND, bytes(319)), "bad_length"),
        (OPENING + frame(0x12, bytes(640)), "bad_format"),
        (OPENING + frame(ERROR), "carrier_error"),
    ],
)
def test_what_is_wrong_ends_the_call(data: bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        AudioSocketProtocol().receive(data)
    assert caught.value.code == code
    assert caught.value.fatal


def test_there_is_no_text() -> None:
    with pytest.raises(ProtocolError, match="no text"):
        AudioSocketProtocol().receive("MEDIA_START")


def test_sound_goes_out_in_frames_of_20_ms() -> None:
    protocol = started()
    sound = bytes(range(200)) * 4
    assert protocol.send_audio(sound) == [
        frame(SOUND, sound[:320]),
        frame(SOUND, sound[320:640]),
        frame(SOUND, sound[640:]),
    ]
    assert protocol.send_clear() == protocol.send_mark("m") == protocol.send_keys("1") == ()
    assert protocol.send_end() == [b"\x00\x00\x00"]
    assert protocol.chunk == 0.02
    assert not protocol.clears


frames = st.one_of(
    st.just(OPENING),
    st.builds(frame, st.sampled_from([HANG_UP, UUID, KEY, SOUND, ERROR, 0x02]), st.binary()),
    st.binary(max_size=8),
)


@given(st.lists(frames, max_size=20), st.booleans(), st.data())
def test_nothing_but_protocol_errors_comes_of_garbage(
    sent: list[bytes], opened: bool, data: Any
) -> None:
    stream = (OPENING if opened else b"") + b"".join(sent)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=5))
    protocol = AudioSocketProtocol()
    with suppress(ProtocolError):
        for start, end in pairwise([0, *sorted(cuts), len(stream)]):
            for event in protocol.receive(stream[start:end]):
                assert isinstance(event, CallStarted | Audio | KeyPressed | CallEnded)


@given(st.lists(st.binary(min_size=2, max_size=400).filter(lambda sound: len(sound) % 2 == 0)))
def test_cuts_change_nothing(sounds: list[bytes]) -> None:
    protocol = started()
    data = b"".join(frame(SOUND, sound) for sound in sounds)
    pieces = [data[start : start + 13] for start in range(0, len(data), 13)]
    assert heard([event for piece in pieces for event in protocol.receive(piece)]) == sounds


# The server


class Exchange:
    """An Asterisk that has connected with one call."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def speak(self, sound: NDArray[np.int16], cut: int | None = None) -> None:
        """Send sound as time goes by; cut its frames there into pieces."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for index, start in enumerate(range(0, sound.size, 160)):
            data = frame(SOUND, sound[start : start + 160].astype("<i2").tobytes())
            await asyncio.sleep(max(0.0, begun + index * 0.02 - loop.time()))
            if cut is not None:
                await self.send(data[:cut])
                await asyncio.sleep(0.002)
            await self.send(data[cut or 0 :])

    async def receive(self) -> tuple[int, bytes]:
        """Return the type and payload of the next frame."""
        head = await self._reader.readexactly(3)
        return head[0], await self._reader.readexactly(int.from_bytes(head[1:]))

    async def listen(self, samples: int) -> NDArray[np.int16]:
        """Return sound, each frame of which has 20 ms."""
        got = b""
        while len(got) < 2 * samples:
            kind, payload = await self.receive()
            assert (kind, len(payload)) == (SOUND, FRAME)
            got += payload
        return np.frombuffer(got, "<i2")

    async def rest(self) -> bytes:
        """Return what comes until the server has closed the connection."""
        return await self._reader.read()

    def leave(self) -> None:
        self._writer.close()


@asynccontextmanager
async def calling(server: AudioSocketServer, opening: bytes = OPENING) -> AsyncIterator[Exchange]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        exchange = Exchange(reader, writer)
        await exchange.send(opening)
        async with asyncio.timeout(20):
            yield exchange
    finally:
        writer.close()


class Farewell(AsyncStreamHandler):
    """Notes that it was shut down."""

    def __init__(self, noted: asyncio.Queue[str]) -> None:
        super().__init__()
        self.noted = noted

    def copy(self) -> "Farewell":
        return Farewell(self.noted)

    async def receive(self, frame: Any) -> None: ...

    async def emit(self) -> Any:
        await asyncio.Event().wait()

    async def shutdown(self) -> None:
        self.noted.put_nowait("shut down")


@pytest.fixture
def noted() -> asyncio.Queue[str]:
    return asyncio.Queue()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def session_of(stream: Stream, number: int = 1) -> Session:
    """Wait for so many sessions, and return the newest."""
    await until(lambda: len(stream.sessions) == number)
    return list(stream.sessions)[-1]


def loudest_hertz(sound: NDArray[np.int16], rate: int = 8000) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    return float(np.argmax(spectrum) * rate / sound.size)


@pytest.mark.parametrize("cut", [None, 1, 3, 100])
async def test_an_echo_comes_back_as_it_was_said(echo: Any, tone: Any, cut: int | None) -> None:
    stream = Stream(echo(), modality="audio")
    async with AudioSocketServer(stream, port=0) as server, calling(server) as exchange:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(exchange.speak(tone(1.2), cut))
            sound = await exchange.listen(round(1.1 * 8000))
        session = await session_of(stream)
        call = call_of(session)
        assert call is not None
        assert call.info == CallInfo("audiosocket", str(CALL), str(CALL))
        assert session.handler.phone_mode
        assert session.request.client == "127.0.0.1"
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 1000)
    middle = sound[loud[0] : loud[-1]]
    assert loudest_hertz(middle) == pytest.approx(440, abs=5)
    assert np.abs(middle.astype(int)).max() == pytest.approx(8000, rel=0.05)
    assert middle.size / 8000 > 0.9


async def test_keys_are_events(quiet: Any) -> None:
    stream = Stream(quiet(), modality="audio")
    async with AudioSocketServer(stream, port=0) as server, calling(server) as exchange:
        session = await session_of(stream)
        events = session.events.listen()
        await exchange.send(frame(KEY, b"4") + frame(KEY, b"#"))
        keys: list[str] = []
        async for event in events:
            if isinstance(event, DigitPressed):
                keys.append(event.digit)
            if len(keys) == 2:
                break
    assert keys == ["4", "#"]


@pytest.mark.parametrize("how", ["frame", "close"])
async def test_who_hangs_up_leaves_nothing_behind(
    how: str, noted: asyncio.Queue[str], ends: Any
) -> None:
    stream = Stream(Farewell(noted), modality="audio", on_event=ends.observe)
    async with AudioSocketServer(stream, port=0) as server, calling(server) as exchange:
        await session_of(stream)
        if how == "frame":
            await exchange.send(frame(HANG_UP))
            assert await exchange.rest() == b""
        else:
            exchange.leave()
        assert await asyncio.wait_for(noted.get(), 5) == "shut down"
        await until(lambda: not stream.sessions)
    _, event = await ends.next()
    assert event.reason is CloseReason.CLIENT_LEFT


async def test_the_handler_hangs_up(tone: Any) -> None:
    class Goodbye(AsyncStreamHandler):
        async def receive(self, frame: Any) -> None: ...

        async def emit(self) -> Any:
            return (8000, tone(0.4)[np.newaxis]), CloseStream("goodbye")

        def copy(self) -> "Goodbye":
            return Goodbye()

    stream = Stream(Goodbye(output_sample_rate=8000), modality="audio")
    async with AudioSocketServer(stream, port=0) as server, calling(server) as exchange:
        sound = await exchange.listen(round(0.38 * 8000))
        assert np.abs(sound.astype(int)).max() == pytest.approx(8000, rel=0.05)
        assert (await exchange.rest()).endswith(frame(HANG_UP))


@pytest.mark.parametrize(
    ("opening", "word"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "no AudioSocket"),
        (OPENING + frame(SOUND, bytes(5)), "whole number of samples"),
        (OPENING + frame(ERROR, b"\x04"), "error 04"),
        (OPENING + OPENING, "started before"),
    ],
)
async def test_garbage_ends_its_own_call_alone(
    opening: bytes, word: str, echo: Any, tone: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream(echo(), modality="audio")
    async with AudioSocketServer(stream, port=0) as server, calling(server) as good:
        await session_of(stream)
        async with calling(server, opening) as bad:
            assert await bad.rest() == frame(HANG_UP)
        (line,) = [line for line in caplog.messages if line.startswith("audiosocket: call ended")]
        assert word in line
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(good.speak(tone(0.3)))
            assert np.abs((await good.listen(800)).astype(int)).max() > 4000
        assert len(stream.sessions) == 1


@pytest.mark.parametrize("calls", [{str(CALL)}, lambda name: name == str(CALL), str(CALL)])
async def test_a_call_that_nobody_expects_is_refused(
    calls: Any, quiet: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream(quiet(), modality="audio")
    async with AudioSocketServer(stream, host="0.0.0.0", port=0, calls=calls) as server:
        stranger = uuid.UUID(int=7)
        async with calling(server, frame(UUID, stranger.bytes)) as exchange:
            assert await exchange.rest() == frame(HANG_UP)
        assert f"call refused: no call {stranger} is expected" in caplog.text
        assert not stream.sessions
        async with calling(server):
            await session_of(stream)


async def test_who_finds_no_room_is_hung_up_on(
    quiet: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stream = Stream(quiet(), modality="audio", concurrency_limit=1)
    async with AudioSocketServer(stream, port=0) as server, calling(server):
        await session_of(stream)
        async with calling(server) as second:
            assert await second.rest() == frame(HANG_UP)
        assert "1 sessions are open" in caplog.text
        assert len(stream.sessions) == 1


async def test_the_servers_end_ends_its_calls(noted: asyncio.Queue[str], ends: Any) -> None:
    stream = Stream(Farewell(noted), modality="audio", on_event=ends.observe)
    server = AudioSocketServer(stream, port=0)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        idle, other = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(OPENING)
        await session_of(stream)
    assert noted.get_nowait() == "shut down"
    assert not stream.sessions
    with suppress(ConnectionResetError):
        assert await reader.read() == await idle.read() == b""
    writer.close()
    other.close()
    _, event = await ends.next()
    assert event.reason is CloseReason.SHUTDOWN
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", server.port)
    async with server, calling(server):  # the same port, once more
        await session_of(stream)


async def test_an_error_in_the_block_is_the_callers_own(quiet: Any) -> None:
    stream = Stream(quiet(), modality="audio")

    async def fail() -> None:
        async with AudioSocketServer(stream, port=0) as server, calling(server):
            await session_of(stream)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail()
    assert not stream.sessions


async def test_a_call_that_fails_is_in_the_log(
    quiet: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def forgetful(name: str) -> bool:
        raise LookupError(f"where is {name}?")

    stream = Stream(quiet(), modality="audio")
    async with AudioSocketServer(stream, port=0, calls=forgetful) as server:
        async with calling(server) as exchange:
            assert await exchange.rest() == b""
        assert f"where is {CALL}?" in caplog.text
        async with calling(server) as exchange:  # it still answers
            assert await exchange.rest() == b""


async def test_who_takes_nothing_is_cut_in_the_end() -> None:
    accepted: asyncio.Queue[TCPSocket] = asyncio.Queue()
    server = await asyncio.start_server(
        lambda reader, writer: accepted.put_nowait(TCPSocket(reader, writer)), "127.0.0.1", 0
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        socket = await accepted.get()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                while True:
                    await socket.send(bytes(100_000))
        async with asyncio.timeout(2):
            await socket.close(1000)
        with pytest.raises(ConnectionError):
            await socket.send(b"more")
        with pytest.raises(ConnectionError):
            await socket.receive()
        with suppress(ConnectionError):
            await reader.read()
        writer.close()


def test_a_server_that_anybody_reaches_has_to_know_its_calls(quiet: Any) -> None:
    stream = Stream(quiet(), modality="audio")
    for host in ("0.0.0.0", "::", "exchange.example.org"):
        with pytest.raises(ValueError, match="calls="):
            AudioSocketServer(stream, host=host)
    for host in ("127.0.0.1", "127.0.0.9", "::1", "localhost"):
        AudioSocketServer(stream, host=host)
    AudioSocketServer(stream, host="0.0.0.0", calls=[])


def test_pictures_do_not_go_by_telephone() -> None:
    with pytest.raises(ValueError, match="sound only, not video"):
        AudioSocketServer(Stream(lambda picture: picture, modality="video"))


def test_it_is_none_of_a_web_applications_carriers() -> None:
    with pytest.raises(ConfigurationError, match="AudioSocketServer"):
        AudioSocket().check()
    with pytest.raises(SignatureError):
        AudioSocket().verify(CarrierRequest("GET", "http://localhost/"), 0.0)
