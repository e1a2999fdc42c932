"""Handlers: the classes that users derive from, and how a session drives them.

A session calls `StreamHandlerBase.run_session` once. The base class runs `receive`, `emit` and
their video forms side by side for as long as the session lives, sync ones in threads of their
own, and `start_up` beside them. A handler that wants the conversation as one coroutine overrides
`run_session` itself.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from queue import Full, Queue, SimpleQueue
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.errors import ArgumentsTimeoutError, HandlerError
from fastrtc_core.frames import Layout
from fastrtc_core.messages import SEND_INPUT
from fastrtc_core.outputs import NOTHING, AdditionalOutputs, CloseStream, audio_output, video_output
from fastrtc_core.pacing import Pace
from fastrtc_core.transport import TELEPHONE

if TYPE_CHECKING:
    from fastrtc_core.session import Session

logger = logging.getLogger("fastrtc_core")

NOT_SET: Final = "not_set"
"""What `latest_args` is before the client has sent inputs."""

FIRST_ARG: Final = "__webrtc_value__"
"""Stands in `latest_args` where the media would be."""

ARGS_TIMEOUT: Final = 60.0
"""Seconds to wait for a client's inputs unless the caller says otherwise."""

FRAME: Final = 0.02
"""Seconds after which an `emit` that had nothing is asked again, at first; also its least pace."""

DATA_PAUSE: Final = 0.005
"""Seconds after an `emit` that gave no sound to be paced by: it need not wait itself."""

LONGEST_IDLE: Final = 0.1
"""Seconds after which an `emit` that keeps having nothing is asked again if no sound comes in."""

LEEWAY: Final = 1.001
"""How much faster than `fps` `video_emit` is asked.

The pictures it gives may come from a camera, whose clock is not the server's: asked at the same
rate, it would fall behind by ever more pictures if that clock is the faster one. Quartz is off by
less than a thousandth.
"""

EmitType = (
    tuple[int, NDArray[np.int16 | np.float32 | np.float64]]
    | tuple[int, NDArray[np.int16 | np.float32 | np.float64], Layout]
    | AdditionalOutputs
    | CloseStream
    | tuple[object, AdditionalOutputs | CloseStream]
    | None
)
"""What `emit` may return, see `fastrtc_core.outputs`."""

AudioEmitType = EmitType

VideoEmitType = (
    NDArray[np.uint8]
    | AdditionalOutputs
    | CloseStream
    | tuple[NDArray[np.uint8], AdditionalOutputs | CloseStream]
    | None
)
"""What `video_emit` may return, see `fastrtc_core.outputs`."""


class DataChannel(Protocol):
    """Where a handler's messages go."""

    def send(self, message: str) -> None:
        """Queue a message for the client."""
        ...


class TurnInput(ABC):
    """Comes before the inputs of a client whose turns are more than sound: typed text, for example.

    A reply function gets what it makes of a turn in place of the sound.
    """

    @abstractmethod
    def of_turn(self, audio: tuple[int, NDArray[np.int16]]) -> object:
        """Return the turn.

        Args:
            audio: What was said, Hz and int16 ``(channels, samples)``; no samples if nothing was.

        """


class StreamHandlerBase:
    """What all handlers have.

    Args:
        expected_layout: Layout of the sound given to `receive`.
        output_sample_rate: Rate of the sound sent out, in Hz, where the transport leaves it open.
        output_frame_size: Deprecated, without effect.
        input_sample_rate: Rate of the sound given to `receive`, in Hz.
        fps: Pictures per second that `video_emit` is asked for. One that waits for its picture
            itself may give fewer.

    """

    video_backlog: ClassVar[int] = 1
    """Pictures that may wait for the handler; when there are more the oldest goes."""

    def __init__(
        self,
        expected_layout: Layout = "mono",
        output_sample_rate: int = 24000,
        output_frame_size: int | None = None,
        input_sample_rate: int = 48000,
        fps: int = 30,
    ) -> None:
        if not fps > 0:
            raise ValueError(f"fps must be positive, not {fps}")
        self.expected_layout: Layout = expected_layout
        self.output_sample_rate = output_sample_rate
        self.output_frame_size = output_frame_size or int(output_sample_rate * FRAME)
        self.input_sample_rate = input_sample_rate
        self.fps = fps
        self.latest_args: str | list[object] = NOT_SET
        self.args_set = asyncio.Event()
        self.channel_set = asyncio.Event()
        self._session: Session | None = None

    def copy(self) -> "StreamHandlerBase":
        """Return a new handler of the same kind, for one session.

        Not needed where the stream is given the class, or a `HandlerFactory`, instead of an
        instance.
        """
        name = type(self).__name__
        raise HandlerError(
            f"{name} has no copy() method: return a new {name} from it, "
            f"or pass the class itself: Stream({name}, ...)"
        )

    # The session's side

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of the methods that need a thread, because they are sync."""
        names = (*_MEDIA_METHODS, "start_up")
        methods = ((name, getattr(self, name, None)) for name in names)
        return tuple(
            name
            for name, method in methods
            if method is not None and not iscoroutinefunction(method) and not _is_base(method)
        )

    def bind(self, session: "Session") -> None:
        """Take the session that this handler serves; called once, before anything else of it."""
        self._session = session
        self.channel_set.set()

    @property
    def session(self) -> "Session":
        """The session that this handler serves.

        Raises:
            RuntimeError: It serves none yet.

        """
        if self._session is None:
            raise RuntimeError(f"{type(self).__name__} serves no session yet")
        return self._session

    async def run_session(self, session: "Session") -> None:
        """Serve a session: start what is to run for as long as it lives."""
        self.begin(session)
        for name, loop in _MEDIA_METHODS.items():
            if hasattr(self, name) and not (session.mode == "receive" and "receive" in name):
                session.start(loop(session, _caller(self, name), name), name)

    def begin(self, session: "Session") -> None:
        """Have `start_up` run beside the conversation; if it fails, the session ends."""
        session.start(self._start_up(), "start_up")

    async def _start_up(self) -> None:
        await _caller(self, "start_up")()

    def note_outputs(self, outputs: AdditionalOutputs) -> None:
        """Over the telephone, use additional outputs as the next inputs: no page sends any."""
        if self.phone_mode:
            self.set_args(list(outputs.args))

    def release_blocked(self) -> None:
        """Wake a thread of this handler's that blocks for ever in one of the handler's own queues.

        ``emit`` may be written as ``return self.queue.get()``; nothing else ends it when
        the client has left.
        """
        for value in vars(self).values():
            if isinstance(value, Queue | SimpleQueue):
                try:
                    value.put_nowait(None)
                except Full:  # then nobody blocks in it
                    logger.debug("a full queue needs no waking")

    # What handlers use

    @property
    def channel(self) -> DataChannel | None:
        """The way of messages to the client; None before the session has begun."""
        return self._session

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of the session."""
        return self.session.loop

    @property
    def phone_mode(self) -> bool:
        """Whether the client is a telephone, which sends no inputs."""
        return self._session is not None and self._session.request.transport == TELEPHONE

    def set_args(self, args: list[object]) -> None:
        """Take new inputs; `latest_args` holds them after a placeholder, or a `TurnInput`."""
        self.latest_args = args if args and isinstance(args[0], TurnInput) else [FIRST_ARG, *args]
        self.args_set.set()

    def turn_input(self, audio: tuple[int, NDArray[np.int16]]) -> object:
        """Return what a reply function gets of a turn: its sound, or what a `TurnInput` makes."""
        first = self.latest_args[0] if isinstance(self.latest_args, list) else None
        return first.of_turn(audio) if isinstance(first, TurnInput) else audio

    def current_args(self) -> list[object]:
        """Return the inputs as they are now, none before the client has sent any."""
        return self.latest_args[1:] if isinstance(self.latest_args, list) else []

    async def fetch_args(self) -> None:
        """Ask the client for its inputs."""
        self.session.send(SEND_INPUT)

    async def wait_for_args(self, timeout: float | None = ARGS_TIMEOUT) -> None:
        """Ask the client for its inputs and wait for them; over the telephone, don't.

        Raises:
            ArgumentsTimeoutError: None came within `timeout` seconds.

        """
        if self.phone_mode or self.args_set.is_set():
            self.args_set.set()
            return
        await self.fetch_args()
        try:
            async with asyncio.timeout(timeout):
                await self.args_set.wait()
        except TimeoutError:
            raise ArgumentsTimeoutError(timeout or 0.0) from None

    def wait_for_args_sync(self, timeout: float | None = ARGS_TIMEOUT) -> None:
        """Do as `wait_for_args`, from a sync method.

        Raises:
            ArgumentsTimeoutError: None came within `timeout` seconds.
            RuntimeError: Called on the event loop, which it would block.

        """
        self.session.run_from_thread(self.wait_for_args(timeout))

    async def send_message(self, msg: str) -> None:
        """Send JSON text to the client."""
        self.session.send(msg)

    def send_message_sync(self, msg: str) -> None:
        """Send JSON text to the client, from any thread."""
        self.session.send(msg)

    def clear_queue(self) -> None:
        """Drop the sound that was sent and not heard yet."""
        self.session.flush()

    def reset(self) -> None:
        """Forget that inputs have come, so that the next `wait_for_args` asks again."""
        self.args_set.clear()

    def start_up(self) -> object:
        """Do what is needed when a session begins, beside the conversation.

        May run as long as that.
        """

    def shutdown(self) -> object:
        """Clean up; called once at the end of every session, however it ends."""


class StreamHandler(StreamHandlerBase, ABC):
    """A handler whose methods are sync; each runs in a thread of its own."""

    @abstractmethod
    def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        """Take sound: the rate in Hz, and samples shaped ``(channels, samples)``."""

    @abstractmethod
    def emit(self) -> EmitType:
        """Return what is to be sent next, or None.

        It is asked again when sound has come in, or soon.
        """


class AsyncStreamHandler(StreamHandlerBase, ABC):
    """A handler whose methods are async; they share the event loop."""

    @abstractmethod
    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        """Take sound: the rate in Hz, and samples shaped ``(channels, samples)``."""

    @abstractmethod
    async def emit(self) -> EmitType:
        """Return what is to be sent next, or None.

        It is asked again when sound has come in, or soon.
        """

    async def start_up(self) -> None:
        """Do what is needed when a session begins, beside the conversation.

        May run as long as that.
        """


class AudioVideoStreamHandler(StreamHandler):
    """A sync handler of sound and pictures."""

    @abstractmethod
    def video_receive(self, frame: NDArray[np.uint8]) -> None:
        """Take a picture, ``(height, width, 3)``."""

    @abstractmethod
    def video_emit(self) -> VideoEmitType:
        """Return the next picture, or None."""


class AsyncAudioVideoStreamHandler(AsyncStreamHandler):
    """An async handler of sound and pictures."""

    @abstractmethod
    async def video_receive(self, frame: NDArray[np.uint8]) -> None:
        """Take a picture, ``(height, width, 3)``."""

    @abstractmethod
    async def video_emit(self) -> VideoEmitType:
        """Return the next picture, or None."""


# Driving

Call = Callable[..., Awaitable[object]]


def _is_base(method: Callable[..., object]) -> bool:
    return getattr(method, "__func__", None) is StreamHandlerBase.start_up


def _caller(handler: StreamHandlerBase, name: str) -> Call:
    """Return an async form of a handler's method, whatever it is itself."""
    method: Call = getattr(handler, name)
    if iscoroutinefunction(method):
        return method
    if _is_base(method):
        return _nothing
    return partial(_in_lane, handler, name, method)


async def _nothing() -> None:
    pass


async def _in_lane(
    handler: StreamHandlerBase, name: str, method: Callable[..., object], *args: object
) -> object:
    result = await handler.session.lane(name).run(method, *args)
    return await result if isawaitable(result) else result


async def _receive_loop(session: "Session", receive: Call, name: str) -> None:
    while True:
        if name == "receive":
            sound = await session.audio_in.get()
            item: object = (sound.rate, sound.samples)
        else:
            item = (await session.video_in.get()).pixels
        with session.guarded(name):
            await receive(item)


async def _emit_loop(session: "Session", emit: Call, name: str) -> None:
    pause = FRAME
    while not session.closed:  # cancelled soon, but nothing more is to be heard of it
        asked = session.loop.time()
        output = NOTHING
        with session.guarded(name):
            output = audio_output(await emit())
        if output is not NOTHING:
            await session.dispatch(output)
            if output.media is None or session.mode == "send":
                await asyncio.sleep(DATA_PAUSE)
            pause = FRAME
        elif session.loop.time() - asked < FRAME:
            pause = await session.idle(pause, LONGEST_IDLE)


async def _video_emit_loop(session: "Session", emit: Call, name: str) -> None:
    pace = Pace(session.handler.fps * LEEWAY)
    pause = FRAME
    while not session.closed:
        asked = session.loop.time()
        output = NOTHING
        with session.guarded(name):
            output = video_output(await emit())
        if output is not NOTHING:
            await session.dispatch(output)
            pause = FRAME
        elif session.loop.time() - asked < FRAME:
            pause = await session.idle(pause, LONGEST_IDLE)
        await asyncio.sleep(pace.delay(session.loop.time()))


_MEDIA_METHODS: Final[
    dict[str, Callable[["Session", Call, str], Coroutine[object, object, None]]]
] = {
    "receive": _receive_loop,
    "emit": _emit_loop,
    "video_receive": _receive_loop,
    "video_emit": _video_emit_loop,
}
