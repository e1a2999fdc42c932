"""What a transport must do, so that every handler works over it.

Its author writes an adapter: a function that serves a stream and gives a function that connects a
client, see `Serve`. The checks use sessions from both ends, so client and server share a loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.events import CloseReason
from fastrtc_core.frames import AudioFrame
from fastrtc_core.handlers import AsyncStreamHandler
from fastrtc_core.session import Session
from fastrtc_core.stream import Stream
from fastrtc_core.testing.conformance.report import Report, Rule, check, require
from fastrtc_core.testing.wire import Cleared, Received

RATE: Final = 24_000
TONE_HZ: Final = 400.0
TONE_PEAK: Final = 10_000.0
GAIN_TOLERANCE: Final = 0.0116  # 0.1 dB
NOISE_TOLERANCE: Final = 0.02  # -34 dB: G.711's own noise is 38 dB below a tone
SOON: Final = 5.0
"""Seconds for what needs no waiting but a network's."""

SETTLING: Final = 1.0
"""Seconds for what nobody tells the end of."""

STALL_TIMEOUT: Final = 30.0
CYCLES: Final = 100


class TransportClient(Protocol):
    """One client of the transport under test."""

    @property
    def id(self) -> str:
        """Id of its session."""
        ...

    @property
    def rate(self) -> int:
        """Rate of the sound it sends, in Hz."""
        ...

    async def send_audio(self, samples: NDArray[np.int16]) -> None:
        """Send sound at `rate`, ``(1, samples)``, in frames of the transport's own choice."""
        ...

    async def receive(self) -> Received:
        """Wait for the next thing from the server.

        Raises:
            ConnectionError: The connection is over.

        """
        ...

    def stop_reading(self) -> None:
        """Take nothing from the network any more."""
        ...

    async def close(self) -> None:
        """Hang up as a well-behaved client does."""
        ...

    async def vanish(self) -> None:
        """Break the connection without a word."""
        ...


Connect: TypeAlias = Callable[[], Awaitable[TransportClient]]
"""Connects one client; raises ConnectionRefusedError if it is not let in."""

Serve: TypeAlias = Callable[[Stream], AbstractAsyncContextManager[Connect]]
"""Serves a stream over the transport for as long as the block lasts."""


async def check_transport(
    serve: Serve, *, name: str = "transport", messages: bool = True
) -> Report:
    """Check a transport by all rules.

    Takes some ten seconds; in virtual time, where the transport allows that, next to none.

    Args:
        serve: The adapter.
        name: How the report calls the transport.
        messages: Whether clients are sent control messages. A telephone has nothing to show them
            on; what needs them is left out then.

    """
    rules = [rule for rule in RULES if messages or rule.name not in NEED_MESSAGES]
    return await check(name, rules, serve)


class _Quiet(AsyncStreamHandler):
    """Says what the check says through its session."""

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        pass

    async def emit(self) -> None:
        await asyncio.Event().wait()


async def _echo(audio: tuple[int, NDArray[np.int16]]) -> tuple[int, NDArray[np.int16]]:
    return audio


def _quiet(time_limit: float | None = None) -> Stream:
    return Stream(_Quiet, modality="audio", time_limit=time_limit)


@asynccontextmanager
async def _client(serve: Serve, stream: Stream) -> AsyncIterator[TransportClient]:
    async with serve(stream) as connect:
        client = await connect()
        try:
            yield client
        finally:
            await client.close()


def _tone(seconds: float, rate: int) -> NDArray[np.int16]:
    times = np.arange(round(seconds * rate)) / rate
    return (TONE_PEAK * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.int16)[np.newaxis]


async def _hear(client: TransportClient, seconds: float) -> AudioFrame:
    """Receive until there is that much sound."""
    pieces: list[NDArray[np.int16]] = []
    rate = 1
    while sum(piece.shape[1] for piece in pieces) < seconds * rate:
        item = await client.receive()
        if isinstance(item, AudioFrame):
            pieces.append(item.samples)
            rate = item.rate
    return AudioFrame(np.concatenate(pieces, axis=1), rate)


async def _receive(client: TransportClient, what: str, wanted: Callable[[Received], bool]) -> None:
    """Receive until something wanted comes, soon."""
    try:
        async with asyncio.timeout(SOON):
            while not wanted(await client.receive()):
                pass
    except TimeoutError:
        require(False, f"no {what} came within {SOON:g} s")


def _is_message(type: str) -> Callable[[Received], bool]:
    return lambda item: isinstance(item, dict) and item.get("type") == type


async def _closed(session: Session) -> None:
    try:
        async with asyncio.timeout(SOON):
            await session.wait_closed()
    except TimeoutError:
        require(False, f"the session is still open after {SOON:g} s")


async def _sound_is_intact(serve: Serve) -> None:
    async with _client(serve, Stream(_echo, modality="audio")) as client:
        await client.send_audio(_tone(1.5, client.rate))
        heard = await _hear(client, 1.2)
    middle = heard.samples[0, heard.rate // 4 : heard.rate].astype(np.float64)
    times = np.arange(middle.size) / heard.rate
    angles = 2 * np.pi * TONE_HZ * times
    basis = np.stack([np.sin(angles), np.cos(angles)])
    parts = 2 * basis @ middle / middle.size
    gain = float(np.hypot(*parts)) / TONE_PEAK
    noise = float(np.std(middle - parts @ basis)) / TONE_PEAK
    require(abs(gain - 1) <= GAIN_TOLERANCE, f"a tone came back {gain:.3f} times as loud")
    require(noise <= NOISE_TOLERANCE, f"noise is {noise:.1%} of the tone that came back")


async def _ids_are_unique(serve: Serve) -> None:
    stream = _quiet()
    async with serve(stream) as connect:
        clients = [await connect() for _ in range(3)]
        ids = {client.id for client in clients}
        require(len(ids) == len(clients), f"{len(clients)} clients have the ids {sorted(ids)}")
        known = {session.id for session in stream.sessions}
        require(ids == known, f"clients know {sorted(ids)}, the stream {sorted(known)}")
        for client in clients:
            await client.close()


async def _limit_refuses(serve: Serve) -> None:
    stream = Stream(_Quiet, modality="audio", concurrency_limit=1)
    async with serve(stream) as connect:
        first = await connect()
        session = stream.sessions.get(first.id)
        require(await _is_refused(connect), "a second client was let in where one is the limit")
        await first.close()
        await _closed(session)
        await asyncio.sleep(SETTLING)
        require(not await _is_refused(connect), "nobody is let in after the first has left")


async def _is_refused(connect: Connect) -> bool:
    try:
        client = await connect()
    except ConnectionRefusedError:
        return True
    await client.close()
    return False


async def _end_is_told(serve: Serve) -> None:
    async with _client(serve, _quiet(time_limit=0.5)) as client:
        await _receive(client, "end_stream message", _is_message("end_stream"))


async def _time_limit_ends(serve: Serve) -> None:
    async with _client(serve, _quiet(time_limit=0.5)) as client:
        try:
            async with asyncio.timeout(SOON):
                while True:
                    await client.receive()
        except ConnectionError:
            return
        except TimeoutError:
            require(False, f"the connection is still open {SOON:g} s after it began")


async def _shutdown_is_called(serve: Serve) -> None:
    ended = asyncio.Event()

    class Handler(_Quiet):
        async def shutdown(self) -> None:
            ended.set()

    async with serve(Stream(Handler, modality="audio")) as connect:
        for way in ("close", "vanish"):
            ended.clear()
            client = await connect()
            await client.send_audio(_tone(0.1, client.rate))
            await (client.close() if way == "close" else client.vanish())
            try:
                async with asyncio.timeout(SOON):
                    await ended.wait()
            except TimeoutError:
                require(False, f"not called within {SOON:g} s of the client's {way}")


async def _failures_are_told(serve: Serve) -> None:
    calls = 0

    async def fail_once(audio: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ZeroDivisionError
        return audio

    async with _client(serve, Stream(fail_once, modality="audio")) as client:
        await client.send_audio(_tone(0.02, client.rate))
        await _receive(client, "error message", _is_message("error"))
        await client.send_audio(_tone(0.2, client.rate))
        await _receive(client, "sound after it", lambda item: isinstance(item, AudioFrame))


async def _flush_clears(serve: Serve) -> None:
    stream = _quiet()
    async with _client(serve, stream) as client:
        session = stream.sessions.get(client.id)
        session.say((RATE, _tone(5.0, RATE)))
        await _receive(client, "sound", lambda item: isinstance(item, AudioFrame))
        session.interrupt()
        await _receive(client, "order to clear", lambda item: isinstance(item, Cleared))


async def _sound_is_paced(serve: Serve) -> None:
    stream = _quiet()
    async with _client(serve, stream) as client:
        loop = asyncio.get_running_loop()
        stream.sessions.get(client.id).say((RATE, _tone(5.0, RATE)))
        began = loop.time()
        await _hear(client, 2.0)
        took = loop.time() - began
    require(took >= 1.0, f"two seconds of sound came within {took:.2f} s")


async def _stalled_clients_end(serve: Serve) -> None:
    stream = _quiet()
    async with serve(stream) as connect:
        client = await connect()
        session = stream.sessions.get(client.id)
        client.stop_reading()
        text = '{"type": "log", "data": "' + 100_000 * "x" + '"}'
        for _ in range(round(STALL_TIMEOUT / 0.01)):
            session.send(text)
            await asyncio.sleep(0.01)
            if session.closed:
                break
        await client.vanish()
        require(session.closed, f"the session is still open after {STALL_TIMEOUT:g} s")
    reason = session.reason
    require(reason is CloseReason.CLIENT_STALLED, f"the session ended for the reason {reason}")


async def _nothing_stays(serve: Serve) -> None:
    stream = _quiet()
    async with serve(stream) as connect:
        await (await connect()).close()
        await asyncio.sleep(SETTLING)
        before = len(asyncio.all_tasks())
        for cycle in range(CYCLES):
            client = await connect()
            await (client.vanish() if cycle % 2 else client.close())
        await asyncio.sleep(SETTLING)
        sessions, tasks = len(stream.sessions), len(asyncio.all_tasks())
    require(sessions == 0, f"{sessions} sessions are left after {CYCLES} clients have gone")
    require(tasks <= before, f"{tasks - before} tasks are left after {CYCLES} clients have gone")


RULES: Final = (
    Rule("sound", "an echo comes back as loud as it was sent, within 0.1 dB", _sound_is_intact),
    Rule("ids", "every client knows the id of its own session", _ids_are_unique),
    Rule("concurrency", "clients beyond the limit are refused, until one leaves", _limit_refuses),
    Rule("goodbye", "a session that ends says so by end_stream", _end_is_told),
    Rule("time", "at the time limit the connection ends", _time_limit_ends),
    Rule("shutdown", "shutdown is called however the client leaves", _shutdown_is_called),
    Rule(
        "errors", "a failure of the handler is told, and the next frame works", _failures_are_told
    ),
    Rule("clear", "an interruption clears what the client has not played", _flush_clears),
    Rule("pace", "sound is sent at the pace of the listener", _sound_is_paced),
    Rule("stall", "a client that reads nothing is given up", _stalled_clients_end),
    Rule("leaks", f"{CYCLES} clients leave no session and no task behind", _nothing_stays),
)

NEED_MESSAGES: Final = frozenset({"goodbye", "errors", "stall"})
"""Names of the rules that need control messages, to be told or to fill a connection with."""
