"""Your webcam, mirrored: a function of pictures."""

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import Stream


def mirror(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Called with the newest picture, (height, width, 3), in BGR as OpenCV has it."""
    return np.flip(picture, axis=1)


stream = Stream(mirror, modality="video", mode="send-receive")

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
