"""A function that is slower than the webcam: it gets the newest picture and never falls behind."""

import time

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import Stream, VideoStreamHandler

SECONDS = 0.2  # a picture; a webcam has 30 a second


def slow(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Called with a picture, (height, width, 3); takes its time, in a thread."""
    time.sleep(SECONDS)
    return np.flip(picture, axis=0)


stream = Stream(
    VideoStreamHandler(slow, skip_frames=True),
    modality="video",
    mode="send-receive",
)

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
