"""The way from a session to its peers."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from aiortc import RTCDataChannel

from fastrtc_core import AudioFrame, VideoFrame
from fastrtc_webrtc.audiooutlet import AudioOutlet
from fastrtc_webrtc.encoded import MediaClock
from fastrtc_webrtc.peerconnection import PeerConnection
from fastrtc_webrtc.rtpsender import RtpSender
from fastrtc_webrtc.videooutlet import VideoOutlet

logger = logging.getLogger("fastrtc_webrtc")

LEAD: Final = 0.2
"""Seconds of sound made ahead. An interruption drops them here, none of them were sent."""

FRAME: Final = 0.04

CHANNEL_TIMEOUT: Final = 5.0
"""Seconds for a data channel to open once a message waits for it."""

READY_TIMEOUT: Final = 1.0
"""Seconds for which a handler waits for the data channel."""

BUFFERED: Final = 1 << 18
"""Bytes that may wait in a data channel before the next message does."""

FINISH_TIMEOUT: Final = 0.5
"""Seconds for the last messages to arrive before a connection is closed."""

Subscribe = Callable[[RtpSender], None]


class Outlets:
    """What a session sends, encoded once for all who watch it.

    Args:
        clock: Of both.
        audio: The sound.
        video: The pictures, if there are any.

    """

    def __init__(self, clock: MediaClock, audio: AudioOutlet, video: VideoOutlet | None) -> None:
        self.clock: Final = clock
        self.audio: Final = audio
        self.video: Final = video

    def attach(self, peer: PeerConnection) -> None:
        """Send to a peer what it listens to, from when its connection stands."""
        listening = (*peer.senders("audio"), *peer.senders("video"))
        self._detach(sender for sender in peer.all_senders if sender not in listening)
        for sender in peer.senders("audio"):
            sender.feedback.loss = self.audio.report_loss
            self._when_started(sender, self._subscribe_audio)
        video = self.video
        for sender in peer.senders("video") if video is not None else ():
            assert video is not None
            sender.feedback.key_frame = partial(video.request_key_frame, sender)
            sender.feedback.bitrate = partial(video.limit_bitrate, sender)
            self._when_started(sender, self._subscribe_video)

    def detach(self, peer: PeerConnection) -> None:
        """Send nothing more to a peer."""
        self._detach(peer.all_senders)

    def _detach(self, senders: Iterable[RtpSender]) -> None:
        for sender in senders:
            self.audio.unsubscribe(sender)
            if self.video is not None:
                self.video.unsubscribe(sender)

    def clear(self) -> None:
        """Drop the sound that waits for its time; pictures never do."""
        self.audio.clear()

    def close(self) -> None:
        """Send nothing more to anybody."""
        self.audio.close()
        if self.video is not None:
            self.video.close()

    def _when_started(self, sender: RtpSender, subscribe: Subscribe) -> None:
        if sender.live:
            subscribe(sender)
        else:
            sender.feedback.started = partial(subscribe, sender)

    def _subscribe_audio(self, sender: RtpSender) -> None:
        self.audio.subscribe(sender, sender.mime_type)

    def _subscribe_video(self, sender: RtpSender) -> None:
        assert self.video is not None
        self.video.subscribe(sender, sender.mime_type)


class PeerWire:
    """The way from a session to a WebRTC client, see `fastrtc_core.transport.Wire`.

    Args:
        outlets: Where media go.
        channels: Channels of sound that the peer wants.
        has_messages: Whether the peer has offered a data channel. One that has not gets no
            messages, and everything else.

    """

    def __init__(self, outlets: Outlets, *, channels: int, has_messages: bool) -> None:
        self.outlets: Final = outlets
        self.rate: Final = None
        self.channels: Final = channels
        self.lead: Final = LEAD
        self.frame: Final = FRAME
        self.connected: Final = asyncio.Event()
        """Set once the peer can be reached for the first time."""
        self._has_messages = has_messages
        self._channel: RTCDataChannel | None = None
        self._channel_open = asyncio.Event()
        self._room = asyncio.Event()

    async def ready(self) -> None:
        """Wait until the connection stands, and, if the peer wants messages, until it has them.

        A connection that is closed before that, by a handler that has nothing to say, may not be
        known to the peer yet, who would wait for it in vain.
        """
        await self.connected.wait()
        if self._has_messages:
            with suppress(TimeoutError):
                async with asyncio.timeout(READY_TIMEOUT):
                    await self._channel_open.wait()

    async def send_audio(self, frame: AudioFrame) -> None:
        """Send sound."""
        await self.connected.wait()
        self.outlets.audio.write(frame)

    async def send_video(self, frame: VideoFrame) -> None:
        """Send a picture."""
        await self.connected.wait()
        if self.outlets.video is not None:
            await self.outlets.video.send(frame)

    async def send_message(self, text: str) -> None:
        """Send a control message, JSON text, to a peer that has a data channel."""
        while (channel := await self._open_channel()) is not None:
            if channel.readyState != "open":
                self._lose_channel(channel)
                continue
            if channel.bufferedAmount <= BUFFERED:
                channel.send(text)
                return
            self._room.clear()
            await self._room.wait()
        logger.debug("a client without a data channel gets no message %.60s", text)

    async def clear(self) -> None:
        """Drop what waits here: nothing that was sent waits at the peer."""
        self.outlets.clear()

    def use_channel(self, channel: RTCDataChannel) -> None:
        """Send messages over a data channel, which takes the place of an earlier one."""
        self._channel = channel
        self._has_messages = True
        channel.bufferedAmountLowThreshold = BUFFERED // 2
        channel.on("bufferedamountlow", self._room.set)
        channel.on("close", partial(self._lose_channel, channel))
        self._channel_open.set()

    def _lose_channel(self, channel: RTCDataChannel) -> None:
        self._room.set()
        if self._channel is channel:
            self._channel = None
            self._channel_open.clear()

    async def finish(self) -> None:
        """Let the last messages arrive: close the data channel, which it does after them."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        channel.close()
        try:
            async with asyncio.timeout(FINISH_TIMEOUT):
                while self._channel is channel:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            logger.debug("the last messages did not arrive in time")

    async def _open_channel(self) -> RTCDataChannel | None:
        """Wait for the data channel; None if there is none."""
        await self.connected.wait()
        if self._has_messages and not self._channel_open.is_set():
            try:
                async with asyncio.timeout(CHANNEL_TIMEOUT):
                    await self._channel_open.wait()
            except TimeoutError:
                logger.warning("the client offered a data channel and opened none")
                self._has_messages = False
        return self._channel
