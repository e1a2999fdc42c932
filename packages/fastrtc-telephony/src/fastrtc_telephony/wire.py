"""The way from a session to a telephone, see `fastrtc_core.transport.Wire`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from fastrtc_core import AudioFrame, Session, VideoFrame
from fastrtc_telephony.chunks import Chunks
from fastrtc_telephony.marks import Marks
from fastrtc_telephony.media import MediaProtocol, Outgoing
from fastrtc_telephony.settings import LEAD_KEPT

logger = logging.getLogger("fastrtc_telephony")

FRAME: Final = 0.04
"""Seconds of sound in a message, where the carrier leaves it open."""

Send = Callable[[str | bytes], Awaitable[None]]


class CallWire:
    """One call's wire.

    Args:
        protocol: Of a stream that has started.
        send: Sends a message.
        lead: Seconds of sound in advance, where the carrier can clear.

    """

    def __init__(self, protocol: MediaProtocol, send: Send, lead: float) -> None:
        self._protocol = protocol
        self._send = send
        self._line = protocol.line
        self._marks = Marks()
        self._session: Session | None = None
        self._rest = asyncio.Event()
        chunk = protocol.chunk
        self._chunks = None if chunk is None else Chunks(self._line.size(chunk))
        self._chunk = chunk or 0.0
        self.channels: Final = 1
        self.rate: Final = self._line.rate
        if protocol.lead is not None:
            lead = protocol.lead
        elif not protocol.clears:
            lead = LEAD_KEPT
        self.lead: Final = lead + self._chunk  # what waits for a chunk to become whole is ahead too
        self.frame: Final = chunk or FRAME

    def serve(self, session: Session) -> None:
        """Take the session that this is the wire of."""
        self._session = session
        if self._chunks is not None:
            session.start(self._fill_up(self._chunks), "wire")

    def reached(self, name: str) -> None:
        """Take word of the carrier that a mark was reached."""
        position = self._marks.reached(name)
        if position is not None and self._session is not None:
            self._session.acknowledge(position)

    async def ready(self) -> None:
        """Return: the stream has started."""

    async def send_audio(self, frame: AudioFrame) -> None:
        """Send sound at `rate`."""
        data = self._line.codec.encode(frame.samples)
        if self._chunks is None:
            await self._send_all(self._protocol.send_audio(data))
        else:
            for piece in self._chunks.push(data):
                await self._send_all(self._protocol.send_audio(piece))
            self._rest.set()
        mark = self._marks.sent(frame.duration)
        if mark is not None:
            await self._send_all(self._protocol.send_mark(mark))

    async def send_video(self, frame: VideoFrame) -> None:
        """Refuse: there are no pictures here."""
        raise TypeError(f"a telephone carries no pictures, such as {frame}")

    async def send_message(self, text: str) -> None:
        """Drop a control message: a telephone has nothing to show it on."""
        logger.debug("not told to a telephone: %s", text)

    async def clear(self) -> None:
        """Make the carrier drop the sound that it has not played yet."""
        if self._chunks is not None:
            self._chunks.clear()
        if self._session is not None:
            self._marks.cleared(self._session.played)
        await self._send_all(self._protocol.send_clear())

    async def press(self, keys: str) -> bool:
        """Have the carrier press keys, and return whether it can."""
        messages = self._protocol.send_keys(keys)
        await self._send_all(messages)
        return bool(messages)

    async def _fill_up(self, chunks: Chunks) -> None:
        """Send what is left of what was said, when nothing follows it."""
        while True:
            await self._rest.wait()
            self._rest.clear()
            await asyncio.sleep(self._chunk)
            if chunks and not self._rest.is_set():
                piece = chunks.padded(self._line.codec.silence)
                await self._send_all(self._protocol.send_audio(piece))

    async def _send_all(self, messages: Outgoing) -> None:
        for message in messages:
            await self._send(message)
