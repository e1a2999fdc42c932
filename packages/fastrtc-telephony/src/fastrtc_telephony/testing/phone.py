"""A telephone: rings a server through a carrier's dialect, and holds the call."""

import asyncio
import itertools
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from fastrtc_core import FastRTCError, MissingPackageError
from fastrtc_core.audio import Resampler, to_layout
from fastrtc_telephony.testing.dialects import DIALECTS, Caller, Dialect, DialectError
from fastrtc_telephony.testing.dialects.base import (
    Clear,
    Connect,
    End,
    Keys,
    Mark,
    Refuse,
    Sound,
    Webhook,
)
from fastrtc_telephony.testing.ear import Ear
from fastrtc_telephony.testing.report import CallReport, Note

FRAME: Final = 0.02
"""Seconds of sound in a message, as carriers send it."""

PATIENCE: Final = 10.0
"""Seconds for a server to answer a webhook, and to accept a stream."""

CLOSING: Final = 5.0
"""Seconds for a server to end a stream when the caller has hung up."""

MOST_WAITING: Final = 50
"""Pieces of a microphone's sound that wait to be said."""

ARRIVALS: Final = 1000
"""Of the server's messages that are kept for `Phone.next_heard`."""

MARK_GRAIN: Final = 0.005
"""Seconds by which a mark may be told late."""


class NoCallError(FastRTCError):
    """There was no call: the server is not there, or its answer makes no sense."""


class RefusedError(NoCallError):
    """The server did not take the call."""


class Phone:
    """A call that was answered; made by `dial`."""

    def __init__(
        self, dialect: Dialect, caller: Caller, socket: ClientConnection, answered_after: float
    ) -> None:
        self.caller: Final = caller
        self._dialect = dialect
        self._socket = socket
        self._answered_after = answered_after
        self._loop = asyncio.get_running_loop()
        self.begun: Final = self._loop.time()
        """When the stream began, on the event loop's clock."""
        self.rate: Final = dialect.line.rate
        self.ear: Final = Ear(self.rate)
        self._to_say: list[NDArray[np.int16]] = []
        self._said: list[NDArray[np.int16]] = []
        self._all_said = asyncio.Event()
        self._all_said.set()
        self._notes: list[Note] = []
        self._marks = asyncio.Event()
        self._arrivals: asyncio.Queue[NDArray[np.int16] | str | None] = asyncio.Queue(ARRIVALS)
        self.over: Final = asyncio.Event()
        """Set when the server has ended the call."""
        self.ended = ""

    @property
    def now(self) -> float:
        """Seconds since the stream began."""
        return self._loop.time() - self.begun

    async def say(self, rate: int, samples: NDArray[np.int16]) -> None:
        """Say something after what is being said, and wait until it was.

        Args:
            rate: Samples per second.
            samples: int16, ``(n,)`` or ``(channels, n)``.

        """
        mono = to_layout(np.atleast_2d(samples), "mono")
        if rate != self.rate:
            resampler = Resampler(rate, self.rate)
            tail = resampler.process(np.zeros((1, rate // 10), np.int16))
            mono = np.concatenate([resampler.process(mono), tail], axis=1)
        self._to_say.append(mono[0])
        self._all_said.clear()
        self.note("begins to speak")
        await self._all_said.wait()
        self.note("has spoken")

    def feed(self, samples: NDArray[np.int16]) -> None:
        """Say something as it comes, ``(n,)`` at `rate`: a microphone's sound.

        When there is more than can be said, the oldest is lost.
        """
        del self._to_say[:-MOST_WAITING]
        self._to_say.append(samples)

    async def press(self, key: str) -> None:
        """Press a key."""
        self.note(f"presses {key}")
        await self._send(*self._dialect.press(key))

    async def listen(self, seconds: float) -> None:
        """Wait, or until the server has ended the call."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()

    async def next_heard(self) -> NDArray[np.int16] | str | None:
        """Wait for the server's next: sound ``(n,)``, ``"clear"``, or None for the end.

        What comes is kept for whoever asks, the newest of it.
        """
        return await self._arrivals.get()

    def vanish(self) -> None:
        """Break the line without a word."""
        self.note("breaks the line")
        self.ended = self.ended or "the line has broken"
        self._socket.transport.abort()

    async def send(self, message: str | bytes) -> None:
        """Send a message that no carrier would."""
        await self._send(message)

    def said_seconds(self) -> float:
        """Return how much was said into the call, silence included."""
        return len(self._said) * FRAME

    def note(self, what: str) -> None:
        """Note that something happens."""
        self._notes.append(Note(self.now, what))

    def played(self) -> float:
        """Return how many seconds of the server's sound were played."""
        return self.ear.played(self.now)

    def report(self) -> CallReport:
        """Return what has happened so far."""
        said = np.concatenate(self._said) if self._said else np.zeros(0, np.int16)
        return CallReport(
            carrier=self._dialect.name,
            call_id=self.caller.call_id,
            rate=self.rate,
            heard=self.ear.recording(self.now),
            said=said,
            answered_after=self._answered_after,
            first_sound=self.ear.first(),
            notes=tuple(sorted(self._notes, key=lambda note: note.time)),
            ended=self.ended,
        )

    # What runs while the call lasts

    async def speak(self) -> None:
        """Send the caller's sound, silence mostly, as time goes by."""
        size = round(self.rate * FRAME)
        waiting = np.zeros(0, np.int16)
        for count in itertools.count(1):
            await asyncio.sleep(max(0.0, count * FRAME - self.now))
            while self._to_say and waiting.size < size:
                waiting = np.concatenate([waiting, self._to_say.pop(0)])
            frame, waiting = waiting[:size], waiting[size:]
            frame = np.pad(frame, (0, size - frame.size))
            self._said.append(frame)
            await self._send(self._dialect.sound(self._dialect.line.codec.encode(frame)))
            if not waiting.size and not self._to_say:
                self._all_said.set()

    async def hear(self) -> None:
        """Take what the server sends, until it ends the call."""
        try:
            while True:
                message = await self._socket.recv()
                for command in self._dialect.read(message):
                    await self._obey(command)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
            self._end(f"the server has ended the call, code {code}")
        except DialectError as error:
            self._end(f"{self._dialect.name} would not understand the server: {error}")
            raise

    async def tell_marks(self) -> None:
        """Tell the server of marks when they are reached."""
        while True:
            for name in self.ear.reached(self.now):
                await self._send(*self._dialect.mark(name))
            due = self.ear.next_mark
            self._marks.clear()
            wait = None if due is None else max(0.0, due - self.now) + MARK_GRAIN / 10
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._marks.wait()

    async def hang_up(self) -> None:
        """End the call as its caller."""
        if not self.over.is_set() and not self.ended:
            self.note("hangs up")
            await self._send(*self._dialect.stop())
            self.ended = self.ended or "the caller has hung up"

    async def _obey(self, command: object) -> None:
        now = self.now
        match command:
            case Sound(data):
                if now > self.ear.ends:
                    self.note("the server begins to speak")
                samples = self._dialect.line.codec.decode(data)
                self.ear.play(samples, now)
                self._arrive(samples)
            case Clear():
                self.note(f"cleared, {max(0.0, self.ear.ends - now):.2f} s were not played")
                dropped = self.ear.clear(now)
                self._arrive("clear")
                if self._dialect.marks_when_cleared:
                    for name in dropped:
                        await self._send(*self._dialect.mark(name))
            case Mark(name):
                self.ear.mark(name, now)
                self._marks.set()
            case Keys(keys):
                self.note(f"the server presses {keys}")
            case End(answers):
                self.note("the server asks for the end")
                await self._send(*answers)
                await self._socket.close()

    def _end(self, how: str) -> None:
        self.note(how)
        self.ended = self.ended or how
        self.over.set()
        self._all_said.set()
        self._arrive(None)

    def _arrive(self, item: NDArray[np.int16] | str | None) -> None:
        if self._arrivals.full():
            self._arrivals.get_nowait()
        self._arrivals.put_nowait(item)

    async def _send(self, *messages: str | bytes) -> None:
        with suppress(ConnectionClosed):
            for message in messages:
                await self._socket.send(message)


@asynccontextmanager
async def dial(
    url: str,
    carrier: str | Dialect = "twilio",
    *,
    secrets: Mapping[str, str] | None = None,
    caller: Caller | None = None,
    path: str | None = None,
) -> AsyncIterator[Phone]:
    """Ring a server, and hold the call while the block runs; then hang up.

    Args:
        url: Of the server, with the prefix that its stream is mounted at, ``http://...``.
        carrier: Name of the dialect, or one.
        secrets: What the carrier and the server share, see the dialect.
        caller: Who rings whom.
        path: Of the webhook or stream, where it is not the usual one.

    Raises:
        RefusedError: The server does not take the call.
        NoCallError: There is no such server, or it makes no sense.

    """
    dialect = carrier if isinstance(carrier, Dialect) else DIALECTS[carrier](secrets)
    caller = caller or Caller()
    began = time.monotonic()
    connection = await _ask(dialect, f"{url.rstrip('/')}{path or dialect.path}", caller)
    answered_after = time.monotonic() - began
    socket = await _connected(dialect, connection.url)
    async with socket:
        phone = Phone(dialect, caller, socket, answered_after)
        if connection.said:
            phone.note(f"the carrier says: {connection.said}")
        with suppress(ConnectionClosed):
            for message in dialect.opening(caller, connection.parameters):
                await socket.send(message)
        failure: Exception | None = None
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(phone.hear())
            running = [tasks.create_task(phone.speak()), tasks.create_task(phone.tell_marks())]
            try:
                yield phone
            except Exception as error:  # noqa: BLE001 - raised below, not wrapped in a group
                failure = error
            await phone.hang_up()
            for task in running:
                task.cancel()
            await socket.close()
            await asyncio.wait([hearing])
        if failure is not None:
            raise failure


async def _connected(dialect: Dialect, url: str) -> ClientConnection:
    """Open a call's media stream."""
    if urlsplit(url).scheme not in ("ws", "wss"):
        raise NoCallError(f"{url} is no stream's URL")
    try:
        return await connect(
            url,
            additional_headers=dialect.headers(url),
            subprotocols=dialect.subprotocols or None,  # type: ignore[arg-type]  # a NewType of str
            compression=None,
            open_timeout=PATIENCE,
            close_timeout=CLOSING,
        )
    except InvalidHandshake as error:
        raise RefusedError(f"the server refuses the media stream: {error}") from None
    except (OSError, TimeoutError) as error:
        raise NoCallError(f"there is no media stream at {url}: {error}") from None


async def _ask(dialect: Dialect, url: str, caller: Caller) -> Connect:
    """Ask by the webhook, if the carrier does, where the media stream is to go."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise NoCallError(f"a server's URL begins with http:// or https://, not {url!r}")
    if not dialect.asks:
        return Connect(parts._replace(scheme={"http": "ws", "https": "wss"}[parts.scheme]).geturl())
    try:
        webhook = dialect.webhook(url, caller)
    except ImportError as error:
        raise MissingPackageError(f"ringing as {dialect.name}", str(error.name)) from None
    body = await asyncio.to_thread(_fetch, webhook)
    try:
        answer = dialect.read_answer(body)
    except (ValueError, KeyError, SyntaxError) as error:  # the latter: of XML
        message = f"{dialect.name} would not understand the answer {body!r}: {error}"
        raise NoCallError(message) from None
    if isinstance(answer, Refuse):
        raise RefusedError(f"the call was refused: {answer.how}")
    return answer


def _fetch(webhook: Webhook) -> str:
    request = urllib.request.Request(
        webhook.url,
        data=webhook.body if webhook.method == "POST" else None,
        headers=dict(webhook.headers),
        method=webhook.method,
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
    except urllib.error.HTTPError as error:
        detail = error.read().decode(errors="replace").strip()
        raise RefusedError(f"the webhook was answered {error.code}: {detail}") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise NoCallError(f"no server answers at {webhook.url}: {reason}") from None
    return text
