"""Two visitors at a time, five minutes each; and whoever says nothing is sent away before that."""

import asyncio

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import AsyncStreamHandler, CloseStream, EmitType, Stream

PATIENCE = 2.0  # seconds of silence
LOUD = 500  # of 32767

Audio = tuple[int, NDArray[np.int16]]


class Impatient(AsyncStreamHandler):
    """Sends back what it hears, and ends the conversation when that is nothing."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=24000)
        self.heard: asyncio.Queue[Audio] = asyncio.Queue(50)
        self.quiet = 0.0

    async def receive(self, frame: Audio) -> None:
        """Take sound, and count how long it has been quiet."""
        rate, samples = frame
        loud = np.abs(samples).max() > LOUD
        self.quiet = 0.0 if loud else self.quiet + samples.shape[1] / rate
        await self.heard.put(frame)

    async def emit(self) -> EmitType:
        """Return sound, or the end with what is to be told about it."""
        if self.quiet > PATIENCE:
            return CloseStream(f"Nobody has spoken for {PATIENCE:g} seconds.")
        return await self.heard.get()


stream = Stream(
    Impatient,
    modality="audio",
    mode="send-receive",
    concurrency_limit=2,  # the third is refused
    time_limit=300,  # seconds
)

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
