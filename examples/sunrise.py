"""A generator of pictures: made and encoded once, for however many viewers."""

from collections.abc import Iterator

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import Stream, VideoStreamHandler, WebRTCSettings

FPS = 25
SECONDS = 20


def sunrise() -> Iterator[NDArray[np.uint8]]:
    """The sky from dark to light, top to bottom."""
    height = np.linspace(0, 1, 360)[:, np.newaxis]
    for number in range(FPS * SECONDS):
        light = number / (FPS * SECONDS)
        picture = np.zeros((360, 640, 3), np.uint8)
        picture[..., 0] = 255 * light * (1 - height)  # blue
        picture[..., 1] = 160 * light
        picture[..., 2] = 255 * light * height  # red
        yield picture


stream = Stream(
    VideoStreamHandler(sunrise, fps=FPS),
    modality="video",
    mode="receive",
    transport_settings={"webrtc": WebRTCSettings(shared=True)},
)

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
