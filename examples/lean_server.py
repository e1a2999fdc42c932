"""A voice server without a web framework: fastrtc-core and fastrtc-vad are all it needs.

The protocol is the simplest there is: 16-bit little-endian mono samples at 16 kHz over TCP, both
ways, in real time. To talk to it with sox and netcat (use headphones)::

    rec -q -t raw -r 16k -c 1 -b 16 -e signed - | nc 127.0.0.1 9000 \\
        | play -q -t raw -r 16k -c 1 -b 16 -e signed -
"""

import asyncio
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import AudioFrame, ConnectionRequest, Stream, VideoFrame
from fastrtc_vad import ReplyOnPause

RATE = 16000
FRAME_BYTES = RATE // 50 * 2  # 20 ms

Audio = tuple[int, NDArray[np.int16]]


def echo(audio: Audio) -> Iterator[Audio]:
    """Called with everything that was said, at the pause."""
    yield audio


stream = Stream(ReplyOnPause(echo, input_sample_rate=RATE), modality="audio")


class SocketWire:
    """Sends a session's sound to a socket, from where it can't be taken back: a short lead."""

    rate = RATE
    channels = 1
    lead = 0.1
    frame = 0.02

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    async def ready(self) -> None:
        pass

    async def send_audio(self, frame: AudioFrame) -> None:
        """Send samples."""
        self.writer.write(frame.samples.astype("<i2").tobytes())
        await self.writer.drain()

    async def send_video(self, frame: VideoFrame) -> None:
        """Send nothing: there are no pictures in this protocol."""

    async def send_message(self, text: str) -> None:
        """Send nothing: there are no messages in this protocol."""

    async def clear(self) -> None:
        """Do nothing: what was sent is heard."""


async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection, from accept to close."""
    request = ConnectionRequest("tcp", client=writer.get_extra_info("peername")[0])
    try:
        async with stream.connect(request, SocketWire(writer)) as session:
            while frame := await reader.read(FRAME_BYTES):
                if len(frame) % 2:
                    frame += await reader.readexactly(1)
                await session.push_audio(np.frombuffer(frame, "<i2").reshape(1, -1), RATE)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client has left, which ends its session and nothing else
    finally:
        writer.close()


async def main(port: int = 9000) -> None:
    """Serve until interrupted."""
    server = await asyncio.start_server(serve_client, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
