"""One codec of a session's outgoing pictures: encoded once, for every peer that has this codec.

Theory of operation. A channel that is idle encodes the picture it is given, one that is busy keeps
it until it is idle again and drops the one it kept before: a picture waits for one other at most.

A peer is given nothing before a key frame. A key frame that somebody wants is made of the next
picture; if none comes soon the last one is encoded again, so that one who joins a slide show sees
the present slide.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, TypeVar, TypeVarTuple

from fastrtc_core import VideoFrame
from fastrtc_webrtc.encoded import EncodedFrame, EncodedSink, MediaClock
from fastrtc_webrtc.pictures import PlanarPicture, to_planar
from fastrtc_webrtc.settings import PixelFormat
from fastrtc_webrtc.videocodecs import CLOCK, VideoEncoder

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Picture = PlanarPicture | VideoFrame
Sent = tuple[float, Picture]
"""When a picture was sent, on the event loop's clock, and the picture."""

Encoding = tuple[list[bytes], bool]

logger = logging.getLogger("fastrtc_webrtc")

KEY_INTERVAL: Final = 0.3
"""Seconds between two key frames, however many peers ask; libwebrtc's, too."""

PATIENCE: Final = 0.1
"""Seconds for which a key frame that may be made waits for a new picture."""


@dataclass(slots=True)
class VideoCounters:
    """What became of the pictures."""

    taken: int = 0
    """Sent by the handler."""

    encoded: int = 0
    """Given to peers, counted once per codec."""

    key_frames: int = 0
    """Of these."""

    dropped: int = 0
    """Overtaken by newer ones."""

    skipped: int = 0
    """Left out to keep the bit rate, or the highest rate of pictures."""

    failures: int = 0
    """Not converted, not encoded or not taken by a sink, because of an error."""


class PictureWork:
    """Has the work on one session's pictures done in threads, and counts what becomes of them.

    Args:
        executor: The threads.
        pixel_format: Order of the pictures' channels.

    """

    def __init__(self, executor: Executor, pixel_format: PixelFormat) -> None:
        self.counters: Final = VideoCounters()
        self.loop: Final = asyncio.get_running_loop()
        self._executor = executor
        self._pixel_format: PixelFormat = pixel_format
        self._seen: set[tuple[str, type[Exception]]] = set()

    def planar(self, picture: Picture) -> PlanarPicture:
        """Return a picture as encoders take it. To be called in a thread."""
        if isinstance(picture, PlanarPicture):
            return picture
        return to_planar(picture.pixels, self._pixel_format)

    def run(self, call: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Have a call made in a thread."""
        return self.loop.run_in_executor(self._executor, call, *args)

    def release(self, encoder: VideoEncoder) -> None:
        """Close an encoder in a thread, since it may be at work still."""
        try:
            self._executor.submit(encoder.close)
        except RuntimeError:
            logger.debug("the threads have ended before their encoder")

    def note_failure(self, what: str, error: Exception) -> None:
        """Count a failure, and log it if it is the first of its kind."""
        self.counters.failures += 1
        kind = (what, type(error))
        if kind not in self._seen:
            self._seen.add(kind)
            logger.error("%s; later failures of this kind are only counted", what, exc_info=error)


class VideoChannel:
    """What one codec encodes, and for whom.

    Args:
        work: Who does the work.
        clock: Of the session.
        encoder: Used by this channel alone, and closed with it.
        last: Returns the last picture, if there was one.

    """

    def __init__(
        self,
        work: PictureWork,
        clock: MediaClock,
        encoder: VideoEncoder,
        last: Callable[[], Picture | None],
    ) -> None:
        self._work = work
        self._clock = clock
        self._encoder = encoder
        self._last = last
        self._begun: dict[EncodedSink, bool] = {}  # whether it has had a key frame
        self._limits: dict[EncodedSink, int] = {}
        self._job: asyncio.Future[Encoding] | None = None
        self._next: Sent | None = None
        self._timestamp = -1
        self._key_wanted = False
        self._last_key = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, sink: EncodedSink) -> bool:
        return sink in self._begun

    def __len__(self) -> int:
        """How many sinks there are."""
        return len(self._begun)

    def add(self, sink: EncodedSink) -> None:
        """Give a sink all from the next key frame on, which is made soon."""
        self._begun[sink] = False
        self.want_key_frame()

    def remove(self, sink: EncodedSink) -> None:
        """Give a sink nothing more."""
        del self._begun[sink]
        self.limit(sink, None)

    def limit(self, sink: EncodedSink, bitrate: int | None) -> None:
        """Set a sink's bits per second; the least of all counts."""
        if bitrate is None:
            self._limits.pop(sink, None)
        else:
            self._limits[sink] = bitrate
        self._encoder.set_bitrate(min(self._limits.values(), default=None))

    def want_key_frame(self) -> None:
        """Make a key frame as soon as there may be one."""
        self._key_wanted = True
        if self._timer is None:
            allowed = max(self._work.loop.time(), self._last_key + KEY_INTERVAL)
            self._timer = self._work.loop.call_at(allowed + PATIENCE, self._lose_patience)

    def take(self, sent: Sent) -> None:
        """Encode a picture, now or as the next one."""
        if self._next is not None:
            self._work.counters.dropped += 1
        self._next = sent
        if self._job is None:
            self._encode_next()

    def close(self) -> None:
        """End; what is being encoded goes nowhere."""
        self._stop_wanting()
        job, self._job, self._next = self._job, None, None
        if job is not None:
            job.cancel()
        self._work.release(self._encoder)

    def _stop_wanting(self) -> None:
        self._key_wanted = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _lose_patience(self) -> None:
        self._timer = None
        last = self._last()
        if self._key_wanted and self._job is None and last is not None:
            self.take((self._work.loop.time(), last))

    def _encode_next(self) -> None:
        assert self._next is not None
        (time, picture), self._next = self._next, None
        self._timestamp = max(self._timestamp + 1, self._clock.ticks(time, CLOCK))
        key = self._key_wanted and self._work.loop.time() >= self._last_key + KEY_INTERVAL
        self._job = self._work.run(self._encode, picture, self._timestamp, key)
        self._job.add_done_callback(self._encoded)

    def _encode(self, picture: Picture, timestamp: int, key: bool) -> Encoding:
        return self._encoder.encode(self._work.planar(picture), timestamp, key=key)

    def _encoded(self, job: asyncio.Future[Encoding]) -> None:
        if job is not self._job or job.cancelled():
            return
        self._job = None
        error = job.exception()
        if isinstance(error, Exception):
            self._work.note_failure("a picture could not be encoded", error)
        elif error is None:
            payloads, key = job.result()
            self._deliver(payloads, key=key)
        if self._next is not None:
            self._encode_next()
        elif self._key_wanted and error is None:
            self.want_key_frame()

    def _deliver(self, payloads: list[bytes], *, key: bool) -> None:
        counters = self._work.counters
        if not payloads:
            counters.skipped += 1
            return
        counters.encoded += 1
        if key:
            counters.key_frames += 1
            self._last_key = self._work.loop.time()
            self._stop_wanting()
        frame = EncodedFrame(tuple(payloads), self._timestamp, key)
        for sink, begun in tuple(self._begun.items()):
            if begun or key:
                self._begun[sink] = True
                self._give(sink, frame)

    def _give(self, sink: EncodedSink, frame: EncodedFrame) -> None:
        try:
            sink.send_frame(frame)
        except Exception as error:  # noqa: BLE001 - the other sinks are to have it still
            self._work.note_failure("a picture could not be sent", error)
