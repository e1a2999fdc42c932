"""Watching what another session sends: one generator for many viewers, a publisher's output.

A viewer has a session of its own, with an id and limits, but no handler of the stream's. What it is
sent are the frames that the watched session has encoded already.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from fastrtc_core import AudioFrame, CloseReason, ConnectionRequest, Session, Stream, VideoFrame
from fastrtc_core.handlers import StreamHandlerBase
from fastrtc_core.outputs import Output
from fastrtc_webrtc.supervisor import Supervisor
from fastrtc_webrtc.wire import FRAME, LEAD, Outlets

logger = logging.getLogger("fastrtc_webrtc")

TRANSPORT: Final = "webrtc-source"

ENDED: Final = "The stream has ended."


class WatchHandler(StreamHandlerBase):
    """Serves somebody who watches another session: its outputs are passed on, and its end.

    Args:
        watched: Gives the session, once it is there.

    """

    def __init__(self, watched: "asyncio.Future[Session]") -> None:
        super().__init__()
        self._watched = watched

    async def run_session(self, session: Session) -> None:
        """Pass on what the watched session has beside its media, until it ends."""
        await asyncio.wait([self._watched])
        if not self._watched.cancelled():  # as it is if the session never begins
            async for outputs in self._watched.result().outputs.listen():
                await session.dispatch(Output(additional=outputs))
        session.close(CloseReason.HANDLER, ENDED)


class SourceWire:
    """The way of a session that nobody calls: its media go to whoever watches.

    Args:
        outlets: Where they go.

    """

    def __init__(self, outlets: Outlets, channels: int = 1) -> None:
        self._outlets = outlets
        self.rate: Final = None
        self.channels: Final = channels
        self.lead: Final = LEAD
        self.frame: Final = FRAME

    async def ready(self) -> None:
        """Return: there is somebody who watches."""

    async def send_audio(self, frame: AudioFrame) -> None:
        """Send sound."""
        self._outlets.audio.write(frame)

    async def send_video(self, frame: VideoFrame) -> None:
        """Send a picture."""
        if self._outlets.video is not None:
            await self._outlets.video.send(frame)

    async def send_message(self, text: str) -> None:
        """Send nothing: viewers have messages of their own sessions."""

    async def clear(self) -> None:
        """Drop what waits."""
        self._outlets.clear()


class Source:
    """What is watched.

    Args:
        outlets: What it sends.
        session: Whose; there once it has begun.

    """

    def __init__(self, outlets: Outlets, session: "asyncio.Future[Session]") -> None:
        self.outlets: Final = outlets
        self.session: Final = session
        self.viewers = 0
        """Who watches, if it runs for them alone."""

    @property
    def over(self) -> bool:
        """Whether it has ended or is about to."""
        return self.session.done() and (
            self.session.cancelled()
            or self.session.exception() is not None
            or self.session.result().closed
        )


class SharedSource:
    """The one source of a stream whose viewers share its generator.

    Args:
        stream: Whose generator.
        make_outlets: Makes the outlets of one run.
        supervisor: Where the source runs.

    """

    def __init__(
        self, stream: Stream, make_outlets: Callable[[], Outlets], supervisor: Supervisor
    ) -> None:
        self._stream = stream
        self._make_outlets = make_outlets
        self._supervisor = supervisor
        self._source: Source | None = None

    def join(self) -> Source:
        """Count a viewer and return the source, begun if nobody watched; `leave` it in the end."""
        source = self._source
        if source is None or source.over:
            future: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
            source = self._source = Source(self._make_outlets(), future)
            self._supervisor.start(self._run(source), "a shared source")
        source.viewers += 1
        return source

    def leave(self, source: Source) -> None:
        """Count a viewer less; the source ends with the last."""
        if source is self._source:
            source.viewers -= 1
            if not source.viewers:
                self.close()

    def close(self) -> None:
        """End the source."""
        source = self._source
        if source is not None and source.session.done() and not source.over:
            source.session.result().close(CloseReason.CLIENT_LEFT)

    async def _run(self, source: Source) -> None:
        request = ConnectionRequest(TRANSPORT)
        wire = SourceWire(source.outlets)
        try:
            async with self._stream.connect(request, wire, internal=True) as session:
                source.session.set_result(session)
                if source.viewers:
                    await session.wait_closed()
        except Exception as error:
            if source.session.done():
                raise
            source.session.set_exception(error)
            raise
        finally:
            source.outlets.close()
