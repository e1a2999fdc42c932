"""The same as `stream_handler.py` for code that awaits, such as the client of a realtime API."""

import asyncio

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import AsyncStreamHandler, Stream, wait_for_item

Audio = tuple[int, NDArray[np.int16]]


class AsyncEchoHandler(AsyncStreamHandler):
    """Its methods share the event loop, so they must not block."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=24000)
        self.queue: asyncio.Queue[Audio] = asyncio.Queue()

    async def start_up(self) -> None:
        """Called when a client has connected: the place to connect to an API."""

    async def receive(self, frame: Audio) -> None:
        """Take a frame of sound from the client."""
        await self.queue.put(frame)

    async def emit(self) -> Audio | None:
        """Return the next frame for the client, or None if there is none yet."""
        return await wait_for_item(self.queue)

    async def shutdown(self) -> None:
        """Called when the client has left, whatever the reason."""


stream = Stream(AsyncEchoHandler, modality="audio", mode="send-receive")  # the class: one each

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
