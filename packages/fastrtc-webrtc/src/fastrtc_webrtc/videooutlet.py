"""A session's outgoing pictures: the latest one wins, encoded once for however many peers.

Theory of operation. A picture that is sent is converted at once, in a thread, one at a time. Then
the channel of every codec in demand takes it, see `fastrtc_webrtc.videochannel`. Nothing piles up:
of the pictures that are sent while one is converted only the newest is converted next, and of those
that come while one is encoded only the newest is encoded next.
"""

import asyncio
from concurrent.futures import Executor
from typing import Final

from fastrtc_core import VideoFrame
from fastrtc_webrtc.encoded import EncodedSink, MediaClock
from fastrtc_webrtc.settings import PixelFormat
from fastrtc_webrtc.videochannel import Picture, PictureWork, VideoChannel, VideoCounters
from fastrtc_webrtc.videocodecs import create_encoder
from fastrtc_webrtc.videoparameters import VideoParameters

EARLY: Final = 0.001
"""Seconds by which a picture may come too soon for the highest rate: timers are no better."""


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
        self._channels: dict[str, VideoChannel] = {}
        self._last: Picture | None = None
        self._turn = asyncio.Lock()
        self._next_allowed = float("-inf")
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

    async def send(self, frame: VideoFrame) -> None:
        """Send a picture, to be seen now; wait until it is converted.

        Its array may be changed once this has returned, if anybody is subscribed.
        """
        time = self._work.loop.time()
        if self._closed or self._too_soon(time):
            return
        self.counters.taken += 1
        number = self.counters.taken
        async with self._turn:
            if number != self.counters.taken:
                self.counters.dropped += 1
                return
            picture = await self._convert(frame) if self._channels else frame
            if picture is None or self._closed:
                return
            self._last = picture
            for channel in self._channels.values():
                channel.take((time, picture))

    def close(self) -> None:
        """End; what is being encoded goes nowhere. May be called again."""
        self._closed = True
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()
        self._last = None

    def _too_soon(self, time: float) -> bool:
        if self._parameters.max_framerate is None:
            return False
        distance = 1 / self._parameters.max_framerate
        if time < self._next_allowed - EARLY:
            self.counters.skipped += 1
            return True
        self._next_allowed = max(self._next_allowed, time - distance) + distance
        return False

    async def _convert(self, frame: VideoFrame) -> Picture | None:
        try:
            return await self._work.run(self._work.planar, frame)
        except Exception as error:  # noqa: BLE001 - one bad picture is not the end of a session
            self._work.note_failure("a picture could not be converted", error)
            return None
