"""A client that says a recording to a server in real time and hears what comes back.

It speaks the negotiated form of the WebSocket protocol: binary 16-bit PCM both ways. Time 0 is
when the recording begins; like a microphone, the client has a frame to send when its last sample
has been said.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from fastrtc.player import Player
from fastrtc.turns import Turn, Turns, is_stage, speech_spans
from fastrtc_core import FastRTCError
from fastrtc_core.audio import Resampler, to_layout
from fastrtc_core.messages import JSON

ENDPOINT: Final = "/websocket/offer"

RATES: Final = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
"""What the protocol can carry, in Hz."""

DEFAULT_RATE: Final = 24000
"""What recordings of other rates are brought to; holds all of speech."""

FRAME: Final = 0.02
"""Seconds of sound in a message."""

REPORT: Final = 10
"""Frames after which the server is told how much was played."""

OPENING: Final = 10.0
"""Seconds for connecting, and for the answer to the first message."""

CLOSING: Final = 2.0
"""Seconds for the closing handshake."""

SETTLING: Final = 1.0
"""Seconds after the recording in which a server notices that it had ended in speech."""

PATIENCE: Final = 10.0
"""Seconds without a word from the server after which no reply is waited for."""

_REFUSALS: Final = {
    "concurrency_limit_reached": "as many sessions as it allows are open",
    "modality_not_supported": "this stream carries no sound",
    "unauthorized": "this client is not allowed in",
    "workers_exhausted": "it has no thread left for another session",
}

Object = dict[str, JSON]


class TalkError(FastRTCError):
    """No conversation came about."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A control message of the server's; see `fastrtc_core.messages`."""

    time: float
    type: str
    data: JSON


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that is over; times are seconds since the recording began."""

    rate: int
    """Sample rate of all sound, in Hz."""

    heard: NDArray[np.int16]
    """What a person would have heard, from time 0 to the end, shaped ``(1, n)``."""

    heard_seconds: float
    """How much of it is sound that the server sent, be it silent."""

    turns: tuple[Turn, ...]
    notices: tuple[Notice, ...]

    ended: str | None
    """Why the server ended it, in words; None if the client did."""


async def talk_to(
    url: str,
    audio: tuple[int, NDArray[np.int16]],
    *,
    tail: float | None = None,
    session_id: str | None = None,
    on_turn: Callable[[Turn], object] | None = None,
) -> Talk:
    """Say a recording to a server, and listen until the reply to it has been heard.

    Args:
        url: Of the stream, ``ws://`` or ``http://``, with or without ``/websocket/offer``.
        audio: The recording: rate in Hz, and samples shaped ``(channels, n)``.
        tail: Seconds to listen after the recording; None for until the last reply is over, or
            nothing comes for ten seconds.
        session_id: The id to ask for; None for one of the server's making.
        on_turn: Called with every turn when the next one begins, and with the last one at the end.

    Raises:
        TalkError: The server can't be reached, refuses, or does not speak this protocol; or the
            recording's rate can't be converted.

    """
    rate, samples = _prepared(*audio)
    url = endpoint(url)
    try:
        async with connect(
            url, compression=None, open_timeout=OPENING, close_timeout=CLOSING
        ) as socket:
            await _start(socket, rate, session_id)
            return await _Conversation(socket, rate, samples, tail, on_turn).hold()
    except ConnectionRefusedError as error:
        raise TalkError(f"no conversation with {url}: nothing answers there") from error
    except (OSError, WebSocketException) as error:
        raise TalkError(f"no conversation with {url}: {error}") from error


def endpoint(url: str) -> str:
    """Return the WebSocket URL of a stream, given that or the URL of its page."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "ws", url
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    return f"{scheme}://{rest.rstrip('/').removesuffix(ENDPOINT)}{ENDPOINT}"


def _prepared(rate: int, samples: NDArray[np.int16]) -> tuple[int, NDArray[np.int16]]:
    """Make a recording mono, ``(n,)``, at a rate that the protocol can carry."""
    mono = to_layout(samples, "mono")
    if rate in RATES:
        return rate, mono[0]
    try:
        return DEFAULT_RATE, Resampler(rate, DEFAULT_RATE).process(mono)[0]
    except ValueError as error:
        raise TalkError(str(error)) from None


async def _start(socket: ClientConnection, rate: int, session_id: str | None) -> None:
    wish: Object = {
        "event": "start",
        "encoding": "pcm16",
        "rate": rate,
        "channels": 1,
        "binary": True,
    }
    if session_id is not None:
        wish["websocket_id"] = session_id
    await socket.send(json.dumps(wish))
    try:
        async with asyncio.timeout(OPENING):
            while (answer := _parsed(await socket.recv())).get("event") != "started":
                if answer.get("status") == "failed" or answer.get("type") == "error":
                    raise TalkError(f"the server refused: {_refusal(answer)}")
    except TimeoutError:
        raise TalkError(
            f"the server did not agree on a format within {OPENING:g} s: it may be an older FastRTC"
        ) from None


def _refusal(answer: Object) -> str:
    match answer:
        case {"meta": {"error": str(code), "limit": limit}}:
            return f"{_REFUSALS.get(code, code)} (limit {limit})"
        case {"meta": {"error": str(code)}}:
            return _REFUSALS.get(code, code)
        case _:
            return str(answer.get("data"))


def _parsed(message: str | bytes) -> Object:
    """Return a message's content; empty if it is no JSON object."""
    with suppress(ValueError):
        content: JSON = json.loads(message)
        if isinstance(content, dict):
            return content
    return {}


class _Conversation:
    def __init__(
        self,
        socket: ClientConnection,
        rate: int,
        samples: NDArray[np.int16],
        tail: float | None,
        on_turn: Callable[[Turn], object] | None,
    ) -> None:
        self._socket = socket
        self._rate = rate
        self._samples = samples
        self._tail = tail
        self._on_turn = on_turn
        self._player = Player(rate)
        self._turns = Turns(speech_spans(samples, rate), rate)
        self._told = 0
        self._notices: list[Notice] = []
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._latest = self._ending = samples.size / rate
        """When the server last said something that a reply may follow."""
        self._news = asyncio.Event()
        self._left: float | None = None
        """When this client hung up."""

    @property
    def _now(self) -> float:
        return self._loop.time() - self._begun

    async def hold(self) -> Talk:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._speak()), tasks.create_task(self._leave_when_over())]
            closed = await self._listen()
            for task in running:
                task.cancel()
        end = self._now if self._left is None else self._left
        turns = self._turns.seen()
        self._tell_turns(turns)
        return Talk(
            rate=self._rate,
            heard=self._player.recording(end)[np.newaxis],
            heard_seconds=self._player.position(end),
            turns=turns,
            notices=tuple(self._notices),
            ended=closed if self._left is None else None,
        )

    async def _speak(self) -> None:
        size = round(self._rate * FRAME)
        reported = 0.0
        with suppress(ConnectionClosed):
            for number in itertools.count(1):
                said = self._samples[(number - 1) * size : number * size]
                await asyncio.sleep(number * FRAME - self._now)
                await self._socket.send(said.astype("<i2").tobytes().ljust(2 * size, b"\0"))
                position = self._player.position(self._now)
                if number % REPORT == 0 and position != reported:
                    await self._send({"event": "played", "position": position})
                    reported = position

    async def _leave_when_over(self) -> None:
        while (left := self._over - self._now) > 0:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._news.wait()
        self._left = self._now
        with suppress(ConnectionClosed):
            await self._send({"event": "stop"})
        await self._socket.close()

    @property
    def _over(self) -> float:
        """When there will be nothing more to wait for, unless news comes before."""
        if self._tail is not None:
            return self._ending + self._tail
        if self._turns.settled:
            return max(self._ending + SETTLING, self._player.ends)
        return self._latest + PATIENCE

    async def _listen(self) -> str:
        try:
            while True:
                self._take(await self._socket.recv(), self._now)
        except ConnectionClosed as closed:
            goodbye = [notice.data for notice in self._notices if notice.type == "end_stream"]
            return str(goodbye[-1] if goodbye else closed)

    def _take(self, message: str | bytes, now: float) -> None:
        if isinstance(message, bytes):
            samples = np.frombuffer(message, "<i2", len(message) // 2).astype(np.int16)
            if self._turns.hear(self._player.play(samples, now)):
                self._latest = max(self._latest, now)
            return
        content = _parsed(message)
        if content.get("event") == "clear":
            self._player.clear(now)
        elif isinstance(kind := content.get("type"), str):
            self._note(Notice(now, kind, content.get("data")))

    def _note(self, notice: Notice) -> None:
        self._notices.append(notice)
        if notice.type == "log" and is_stage(notice.data):
            self._turns.note(notice.data, notice.time)
            self._latest = max(self._latest, notice.time)
            self._news.set()
            self._tell_turns(self._turns.seen()[:-1])

    def _tell_turns(self, turns: Sequence[Turn]) -> None:
        if self._on_turn is not None:
            for turn in turns[self._told :]:
                self._on_turn(turn)
        self._told = len(turns)

    async def _send(self, message: Object) -> None:
        await self._socket.send(json.dumps(message))
