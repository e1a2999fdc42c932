"""The least handler: every frame of sound goes back as it came."""

from queue import Queue

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import Stream, StreamHandler

Audio = tuple[int, NDArray[np.int16]]


class EchoHandler(StreamHandler):
    """Its methods run in threads, so they may block."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=24000)
        self.queue: Queue[Audio] = Queue()

    def receive(self, frame: Audio) -> None:
        """Take a frame of sound from the client."""
        self.queue.put(frame)

    def emit(self) -> Audio:
        """Return the next frame for the client."""
        return self.queue.get()

    def copy(self) -> "EchoHandler":
        """Return a handler for one more client."""
        return EchoHandler()


stream = Stream(EchoHandler(), modality="audio", mode="send-receive")

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
