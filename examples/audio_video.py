"""Sound and pictures together: both come back, the picture darker while you are quiet."""

import asyncio
import contextlib

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import AsyncAudioVideoStreamHandler, EmitType, Stream, VideoEmitType

QUIET = 500


class Dimmer(AsyncAudioVideoStreamHandler):
    """One per visitor: the stream is given the class."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=24000, output_sample_rate=24000)
        self.sound: asyncio.Queue[tuple[int, NDArray[np.int16]]] = asyncio.Queue()
        self.picture: asyncio.Queue[NDArray[np.uint8]] = asyncio.Queue(1)
        self.quiet = True

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        self.quiet = bool(np.abs(frame[1]).max() < QUIET)
        self.sound.put_nowait(frame)

    async def emit(self) -> EmitType:
        return await self.sound.get()

    async def video_receive(self, frame: NDArray[np.uint8]) -> None:
        with contextlib.suppress(asyncio.QueueEmpty):
            self.picture.get_nowait()  # the newest counts
        self.picture.put_nowait(frame // 2 if self.quiet else frame)

    async def video_emit(self) -> VideoEmitType:
        return await self.picture.get()


stream = Stream(Dimmer, modality="audio-video", mode="send-receive")

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
