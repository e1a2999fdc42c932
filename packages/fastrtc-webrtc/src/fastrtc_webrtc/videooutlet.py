"""A session's outgoing pictures: the latest one wins, encoded once for however many peers.

Theory of operation. A picture that is sent is converted at once, in a thread, and waits until it is
due, which is as late as the sound that was sent before it. Then the channel of every codec in
demand takes it, see `fastrtc_webrtc.videochannel`. So only pictures that are not due yet can pile
up, and of these there is a bound, at which the producer is held.
"""

import asyncio
from collections import deque
from concurrent.futures import Executor
from typing import Final

from fastrtc_core import VideoFrame
from fastrtc_webrtc.encoded import EncodedSink, MediaClock
from fastrtc_webrtc.pictures import PlanarPicture
from fastrtc_webrtc.settings import PixelFormat
from fastrtc_webrtc.videochannel import Due, Picture, PictureWork, VideoChannel, VideoCounters
from fastrtc_webrtc.videocodecs import create_encoder
from fastrtc_webrtc.videoparameters import VideoParameters

MOST_WAITING: Final = 16
"""Pictures that wait for their time: half a second at 30 a second, more than sound is ahead."""

LEAST_DISTANCE: Final = 0.005
"""Seconds between two pictures, if the sound that they belong to was shortened."""

EARLY: Final = 0.001
"""Seconds before its time that a picture may go: timers are no better."""


class VideoOutlet:
    """Takes pictures and gives them, encoded, to any number of sinks. Belongs to one event loop.

    Args:
        clock: The session's, shared with its sound.
        pixel_format: Order of the pictures' channels.
        parameters: Bounds of bit rate and rate of pictures.
        executor: Where pictures are converted and encoded; a few at a time.

    """

    def __init__(
        self,
        clock: MediaClock,
        *,
        pixel_format: PixelFormat,
        parameters: VideoParameters,
        executor: Executor,
    ) -> None:
        self._clock = clock
        self._parameters = parameters
        self._work = PictureWork(executor, pixel_format)
        self._loop = asyncio.get_running_loop()
        self._channels: dict[str, VideoChannel] = {}
        self._last: Picture | None = None
        self._waiting: deque[Due] = deque()
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._next_due = float("-inf")
        self._closed = False

    @property
    def counters(self) -> VideoCounters:
        """What became of the pictures."""
        return self._work.counters

    # Peers

    def subscribe(self, sink: EncodedSink, mime_type: str) -> None:
        """Give a sink what comes from now on, beginning with a key frame soon.

        A sink that had another codec changes it.

        Args:
            sink: Told apart from others by identity.
            mime_type: The codec.

        Raises:
            ValueError: The codec is none of ``video/VP8`` and ``video/H264``.

        """
        name = mime_type.lower()
        channel = self._channels.get(name)
        if self._closed or (channel is not None and sink in channel):
            return
        if channel is None:
            encoder = create_encoder(mime_type, self._parameters)
            channel = VideoChannel(self._work, self._clock, encoder, lambda: self._last)
        self.unsubscribe(sink)
        self._channels[name] = channel
        channel.add(sink)

    def unsubscribe(self, sink: EncodedSink) -> None:
        """Give a sink nothing more; without effect on one that had nothing."""
        for name, channel in tuple(self._channels.items()):
            if sink in channel:
                channel.remove(sink)
                if not len(channel):
                    del self._channels[name]
                    channel.close()

    def request_key_frame(self, of: EncodedSink | str) -> None:
        """Make a key frame soon, for a sink or a codec; one for all who ask meanwhile."""
        for name, channel in self._channels.items():
            if (name == of.lower()) if isinstance(of, str) else (of in channel):
                channel.want_key_frame()

    def limit_bitrate(self, sink: EncodedSink, bitrate: int | None) -> None:
        """Say how much a sink's network takes, in bits per second; None if that is not known.

        The least of all sinks with the same codec counts, within the bounds of the parameters. As
        long as no sink has a limit it is what one begins with.
        """
        for channel in self._channels.values():
            if sink in channel:
                channel.limit(sink, bitrate)

    # Pictures

    async def send(self, frame: VideoFrame, delay: float = 0.0) -> None:
        """Send a picture; wait while too many wait to be due.

        Its array may be changed once this has returned, if anybody is subscribed.

        Args:
            frame: What to send.
            delay: Seconds until it is to be seen: how far the sound is ahead.

        """
        due = self._loop.time() + delay
        if self._closed or self._too_soon(due):
            return
        self.counters.taken += 1
        if not self._channels:
            self._drop_waiting()
            self._last = frame
            return
        async with self._turn:
            await self._make_room()
            picture = await self._convert(frame)
            if picture is not None and not self._closed:
                self._wait_until(due, picture)

    def clear(self) -> None:
        """Drop the pictures that wait: the sound that they belong to was dropped."""
        self.counters.dropped += len(self._waiting)
        self._drop_waiting()

    def close(self) -> None:
        """End; what is being encoded goes nowhere. May be called again."""
        self._closed = True
        self._drop_waiting()
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()
        self._last = None

    def _too_soon(self, due: float) -> bool:
        if self._parameters.max_framerate is None:
            return False
        distance = 1 / self._parameters.max_framerate
        if due < self._next_due - EARLY:
            self.counters.skipped += 1
            return True
        self._next_due = max(self._next_due, due - distance) + distance
        return False

    async def _make_room(self) -> None:
        while len(self._waiting) >= MOST_WAITING:
            self._room.clear()
            await self._room.wait()

    async def _convert(self, frame: VideoFrame) -> PlanarPicture | None:
        try:
            return await self._work.run(self._work.planar, frame)
        except Exception as error:  # noqa: BLE001 - one bad picture is not the end of a session
            self._work.note_failure("a picture could not be converted", error)
            return None

    def _wait_until(self, due: float, picture: PlanarPicture) -> None:
        if self._waiting:
            due = max(due, self._waiting[-1][0] + LEAST_DISTANCE)
        self._waiting.append((due, picture))
        if self._timer is None:
            self._play()

    def _play(self) -> None:
        self._timer = None
        now = self._loop.time() + EARLY
        newest: Due | None = None
        while self._waiting and self._waiting[0][0] <= now:
            self.counters.dropped += newest is not None
            newest = self._waiting.popleft()
            self._room.set()
        if newest is not None:
            self._last = newest[1]
            for channel in self._channels.values():
                channel.take(newest)
        if self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._play)

    def _drop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        self._room.set()
