"""One connection, whatever its transport.

A session is an asynchronous context manager. Inside the block the transport feeds it (`push_audio`,
`push_video`, `receive_message`); the handler runs in tasks of the session's own. Everything that
ends a session goes through `close`: tasks are cancelled, the block's body too if it still runs,
then the handler's `shutdown` is called and what was queued for the client is sent.
"""

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import context
from fastrtc_core.bridge import Bridge
from fastrtc_core.broadcast import Broadcast
from fastrtc_core.errors import FastRTCError, ProtocolError, SessionClosedError
from fastrtc_core.events import CloseReason, Event, HandlerFailed, SessionClosed
from fastrtc_core.frames import AudioFrame, LazyVideoFrame, VideoFrame
from fastrtc_core.inbox import AudioInbox, VideoInbox
from fastrtc_core.messages import FETCH_OUTPUT, JSON, Message
from fastrtc_core.observer import Observer
from fastrtc_core.outbox import Outbox, Settle
from fastrtc_core.outputs import AdditionalOutputs, Output, audio_output
from fastrtc_core.replies import Convert, pull
from fastrtc_core.signatures import is_async
from fastrtc_core.speaker import Speaker, Utterance
from fastrtc_core.transport import ConnectionRequest, Wire
from fastrtc_core.workers import Lane, WorkerPool

if TYPE_CHECKING:
    from fastrtc_core.handlers import StreamHandlerBase

T = TypeVar("T")

Mode = Literal["send-receive", "send", "receive"]
"""Directions as the client sees them."""

logger = logging.getLogger("fastrtc_core")

SHUTDOWN_TIMEOUT: Final = 5.0
"""Seconds a handler's `shutdown` may take before it is left to itself."""

MAX_FAILURES: Final = 10
"""Failures of one method in a row, without a success between them, that end a session."""

KEPT: Final = 256
"""Outputs, events and messages kept for readers that are behind."""


class _SessionEndError(Exception):
    """Raised inside a session's task group to end it."""


@dataclass(slots=True)
class Counters:
    """What went through a session."""

    audio_in: float = 0.0
    """Seconds of sound received."""

    audio_out: float = 0.0
    """Seconds of sound sent."""

    messages_in: int = 0
    failures: int = 0


class Session:
    """A live connection between one client and one handler.

    Made by `Stream.connect`; `say`, `send`, `close`, `interrupt` and `flush` may be called from
    any thread.
    """

    def __init__(  # noqa: PLR0913 - made in one place, by keyword
        self,
        *,
        session_id: str,
        request: ConnectionRequest,
        user: object,
        handler: "StreamHandlerBase",
        wire: Wire,
        pool: WorkerPool,
        mode: Mode = "send-receive",
        time_limit: float | None = None,
        observer: Callable[["Session", Event], object] | None = None,
    ) -> None:
        self.id: Final = session_id
        self.request: Final = request
        self.user: Final = user
        self.handler: Final = handler
        self.mode: Final = mode
        self.counters: Final = Counters()
        self.outputs: Final[Broadcast[AdditionalOutputs]] = Broadcast(KEPT)
        self.events: Final[Broadcast[Event]] = Broadcast(KEPT)
        self.messages: Final[Broadcast[JSON]] = Broadcast(KEPT)
        self.audio_in: Final = AudioInbox(handler.input_sample_rate, handler.expected_layout)
        self.video_in: Final = VideoInbox(handler.video_backlog)
        self.activity: Final = asyncio.Event()
        self.reason: CloseReason | None = None
        self.loop: Final = asyncio.get_running_loop()
        self._wire: Final = wire
        self._pool = pool
        self._time_limit = time_limit
        self._tasks = asyncio.TaskGroup()
        self._ending = asyncio.Event()
        self._failures_in_a_row: Counter[str] = Counter()
        self._bridge = Bridge(self._tasks, self._closed_error)
        self._outbox = Outbox(wire, self._lose)
        self._speaker = Speaker(wire, handler.output_sample_rate, self._outbox.deliver)
        self._observer = Observer(partial(self.call, observer, self)) if observer else None
        self._lanes = pool.lanes_for(handler.lanes)

    def __repr__(self) -> str:
        state = self.reason or "open"
        return f"<session {self.id} over {self.request.transport}, {state}>"

    @property
    def metadata(self) -> dict[str, JSON]:
        """What the client said of itself when it opened the stream."""
        return dict(self.request.metadata)

    # Life

    async def __aenter__(self) -> Self:
        context.enter(self)
        if self._observer is not None:
            await self._observer.start()
        await self._tasks.__aenter__()
        self.handler.bind(self)
        self._tasks.create_task(self._end_when_asked())
        self.start(self._outbox.run(), "messages")
        self.start(self._run_handler(), "handler")
        if self._time_limit is not None:
            message = f"The time limit of {self._time_limit:g} s is reached."
            self._timer = self.loop.call_later(
                self._time_limit, self.close, CloseReason.TIME_LIMIT, message
            )
        logger.info("session %s opened over %s", self.id, self.request.transport)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        cancelled = isinstance(exc, asyncio.CancelledError)
        if not cancelled:
            self.close(_reason_of(exc))
            exc_type, traceback = None, None
        try:
            await self._tasks.__aexit__(exc_type, exc if cancelled else None, traceback)
        except* _SessionEndError:
            pass
        finally:
            self.close(CloseReason.SHUTDOWN)  # unless there is a reason already
            await self._clean_up()
        return exc is None or cancelled or isinstance(exc, ConnectionError)

    async def _run_handler(self) -> None:
        await self._wire.ready()
        await self.handler.run_session(self)

    def close(self, reason: CloseReason, message: str = "") -> None:
        """End the session; the first reason counts.

        Args:
            reason: Why.
            message: Text for the client, sent as `end_stream`; none is sent if it has left.

        """
        self._bridge.do(self._close, reason, message)

    def _close(self, reason: CloseReason, message: str) -> None:
        if self.closed:
            return
        self.reason = reason
        if reason is not CloseReason.CLIENT_LEFT:
            self._outbox.put_last(Message("end_stream", message or str(reason)).to_json())
        self.publish(SessionClosed(reason, message))
        self._ending.set()
        logger.info("session %s closed: %s %s", self.id, reason, message)

    @property
    def closed(self) -> bool:
        """Whether the session has ended or is about to."""
        return self.reason is not None

    async def wait_closed(self) -> CloseReason:
        """Wait for the end and return its reason."""
        await self._ending.wait()
        assert self.reason is not None
        return self.reason

    def _lose(self, reason: CloseReason) -> SessionClosedError:
        self._close(reason, "")
        return self._closed_error()

    def _closed_error(self) -> SessionClosedError:
        return SessionClosedError(self.id, self.reason or "closing")

    async def _end_when_asked(self) -> None:
        await self._ending.wait()
        raise _SessionEndError

    async def _clean_up(self) -> None:
        if self._time_limit is not None:
            self._timer.cancel()
        for lane in self._lanes.values():
            lane.close()
        await self._shut_down_handler()
        for channel in (self.outputs, self.events, self.messages):
            channel.close()
        if await self._is_reachable():
            await self._outbox.finish()
        if self._observer is not None:
            await self._observer.finish()

    async def _is_reachable(self) -> bool:
        """Whether the peer can be reached now: it never could where it has not connected at all."""
        try:
            async with asyncio.timeout(0):
                await self._wire.ready()
        except (TimeoutError, ConnectionError):
            return False
        return True

    async def _shut_down_handler(self) -> None:
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                with self.guarded("shutdown"):
                    await self.call(self.handler.shutdown)
        except TimeoutError:
            logger.warning("session %s: shutdown() takes more than %g s", self.id, SHUTDOWN_TIMEOUT)
        finally:
            self.handler.release_blocked()

    # Running user code

    def start(self, work: Coroutine[object, object, None], where: str) -> asyncio.Task[None]:
        """Run a coroutine as long as the session lives.

        Its failure is reported and ends the session. Whoever calls, it is this session's.
        """
        here = copy_context()
        here.run(context.enter, self)
        task = self._tasks.create_task(self._supervise(work, where), context=here)
        task.add_done_callback(lambda _: work.close())  # it may be cancelled before it began
        return task

    async def _supervise(self, work: Coroutine[object, object, None], where: str) -> None:
        try:
            await work
        except SessionClosedError:
            logger.debug("session %s: %s ended with it", self.id, where)
        except Exception as error:  # noqa: BLE001 - a bug of a handler's own run_session
            self.report(error, where)
            self.close(CloseReason.HANDLER_FAILED, f"{where} failed")

    async def call(self, function: Callable[..., object], *args: object) -> object:
        """Call user code that must run, sync or async, off the event loop if it is sync."""
        if is_async(function):
            result: object = function(*args)
        else:
            lane = self._pool.lane(even_if_full=True)
            try:
                result = await lane.run(function, *args)
            finally:
                lane.close()
        return await result if inspect.isawaitable(result) else result

    def lane(self, name: str) -> Lane:
        """Return the thread that the handler asked for by this name in its `lanes`."""
        return self._lanes[name]

    def report(self, error: Exception, where: str) -> None:
        """Tell the log, the application and the client that user code failed.

        The session ends after `MAX_FAILURES` of one method in a row.
        """
        if isinstance(error, SessionClosedError):
            return
        logger.error("session %s: %s failed", self.id, where, exc_info=error)
        self.counters.failures += 1
        self._failures_in_a_row[where] += 1
        self.publish(HandlerFailed(where, error))
        text = str(error) if isinstance(error, FastRTCError) else type(error).__name__
        self.send(Message("error", f"{where} failed: {text}"))
        if self._failures_in_a_row[where] >= MAX_FAILURES:
            self.close(CloseReason.HANDLER_FAILED, f"{where} failed {MAX_FAILURES} times in a row")

    @contextmanager
    def guarded(self, where: str) -> Iterator[None]:
        """Run user code in the block; report what it raises, and go on after the block."""
        try:
            yield
        except SessionClosedError:
            raise
        except Exception as error:  # noqa: BLE001 - user code may raise anything
            self.report(error, where)
        else:
            self._failures_in_a_row[where] = 0

    def publish(self, event: Event) -> None:
        """Tell the application of an event."""
        self.events.put(event)
        if self._observer is not None:
            self._observer.put(event)

    # From the client

    async def push_audio(self, samples: NDArray[np.int16], rate: int) -> None:
        """Take sound from the client, ``(channels, samples)`` int16."""
        self.counters.audio_in += samples.shape[1] / rate
        await self.audio_in.put(samples, rate)
        self.activity.set()

    def offer_audio(self, samples: NDArray[np.int16], rate: int) -> None:
        """Take sound from a client that can't be made to wait: if there is no room the oldest goes.

        Otherwise as `push_audio`.
        """
        self.counters.audio_in += samples.shape[1] / rate
        self.audio_in.put_nowait(samples, rate)
        self.activity.set()

    def push_video(self, frame: VideoFrame | LazyVideoFrame) -> None:
        """Take a picture from the client; a lazy one is loaded if the handler comes to see it."""
        self.video_in.put(frame)
        self.activity.set()

    def receive_message(self, data: JSON) -> None:
        """Take a message of the application's from the client; it goes to `messages`."""
        self.counters.messages_in += 1
        self.messages.put(data)

    def acknowledge(self, position: float) -> None:
        """Take the client's word for how many seconds of sound it has played."""
        self._speaker.acknowledge(position)

    # To the client

    def send(self, message: Message | str) -> None:
        """Queue a control message, or JSON text of the application's own."""
        text = message if isinstance(message, str) else message.to_json()
        self._bridge.do(self._enqueue, text)

    def _enqueue(self, item: str | Settle) -> None:
        if not self.closed:
            self._outbox.put(item)

    # Speaking

    @property
    def speaking(self) -> bool:
        """Whether something is being said: from its request until its last sample was heard."""
        return self._speaker.busy

    @property
    def played(self) -> float:
        """Seconds of sound that the client has heard since the session began."""
        return self._speaker.played

    def say(self, source: object) -> Utterance:
        """Say something after what is being said now.

        Args:
            source: Audio as a handler returns it; an iterator of such, sync or async; or a callable
                without arguments that returns either. `AdditionalOutputs` and `CloseStream` among
                the items work as in a handler.

        Raises:
            SessionClosedError: The session has ended.
            RuntimeError: Too many utterances are waiting already.

        """
        return self._bridge.get(self._say, source)

    def _say(self, source: object) -> Utterance:
        if self.closed:
            raise self._closed_error()
        utterance = self._speaker.join()
        utterance.task = self.start(self._utter(source, utterance), "reply")
        return utterance

    async def _utter(self, source: object, utterance: Utterance) -> None:
        try:
            with self.guarded("reply"):
                async with aclosing(self.pull(source, audio_output)) as outputs:
                    async for output in outputs:
                        if utterance.cancelled:
                            break
                        await self.dispatch(output, utterance)
            if utterance.started:
                await self._speaker.end(utterance)
                await self._speaker.drain()
        finally:
            self._speaker.leave(utterance)
            if utterance.cancelled:
                self._enqueue(self._speaker.settle)

    def interrupt(self) -> float:
        """Stop everything that is being said or waits for it.

        Returns:
            Seconds that were heard of what was being said.

        """
        return self._bridge.get(self._interrupt)

    def _interrupt(self) -> float:
        heard = self._speaker.cancel_all()
        self._enqueue(self._speaker.settle)
        return heard

    def flush(self) -> None:
        """Drop the sound that was sent and not heard yet, here and at the client."""
        self._bridge.do(self._flush)

    def _flush(self) -> None:
        self._speaker.flush()
        self._enqueue(self._speaker.settle)

    def pull(self, source: object, convert: Convert) -> AsyncGenerator[Output, None]:
        """Yield what a source makes, see `fastrtc_core.replies`."""
        return pull(source, convert, self._pool)

    async def finish(self, message: str) -> None:
        """End the session once all that was sent was heard."""
        await self._speaker.drain()
        self.close(CloseReason.HANDLER, message)

    async def dispatch(self, output: Output, by: Utterance | None = None) -> None:
        """Send one item of a handler's to where it belongs."""
        if output.additional is not None:
            self.outputs.put(output.additional)
            self.handler.note_outputs(output.additional)
            self.send(FETCH_OUTPUT)
        if isinstance(output.media, AudioFrame) and self.mode != "send":
            self.counters.audio_out += output.media.duration
            await self._speaker.write(output.media, by)
        elif isinstance(output.media, VideoFrame) and self.mode != "send":
            await self._outbox.deliver(self._wire.send_video(output.media))
        if output.close is not None:
            await self.finish(output.close.msg)

    def set_args(self, *args: object) -> None:
        """Give the handler its inputs; see `Stream.set_input`."""
        self._bridge.do(self._set_args, list(args))

    def _set_args(self, args: list[object]) -> None:
        self.handler.set_args(args)
        self.activity.set()

    async def idle(self, pause: float, longest: float) -> float:
        """Wait until something comes from the client, or for a pause.

        Returns:
            The pause to make next time: twice as long, up to `longest`, if nothing came.

        """
        self.activity.clear()
        try:
            async with asyncio.timeout(pause):
                await self.activity.wait()
        except TimeoutError:
            return min(2 * pause, longest)
        return pause

    def run_from_thread(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the session's loop, for a thread that waits for its result.

        Raises:
            SessionClosedError: The session ended before.
            RuntimeError: Called on the event loop, which it would block.

        """
        return self._bridge.wait(work)


def _reason_of(exc: BaseException | None) -> CloseReason:
    if exc is None or isinstance(exc, ConnectionError):
        return CloseReason.CLIENT_LEFT
    if isinstance(exc, ProtocolError):
        return CloseReason.PROTOCOL_ERROR
    return CloseReason.TRANSPORT_FAILED
