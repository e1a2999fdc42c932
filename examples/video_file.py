"""A film from a file, sent to whoever starts it; the page shows how many pictures a second it gets.

The film is made when the program starts. Whatever PyAV opens can be sent, also a URL.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import av
import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fastrtc import AdditionalOutputs, Stream, VideoStreamHandler

FPS, SECONDS = 30, 6
WIDTH, HEIGHT, BALL = 640, 360, 80  # pixels

Picture = NDArray[np.uint8]


def make_film(path: Path) -> None:
    """Write a ball that crosses the picture, as an MP4."""
    with av.open(str(path), "w") as film:
        video = film.add_stream("mpeg4", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(FPS * SECONDS):
            picture = np.full((HEIGHT, WIDTH, 3), (60, 30, 20), np.uint8)
            left = round((WIDTH - BALL) * number / (FPS * SECONDS))
            picture[HEIGHT // 2 - 40 : HEIGHT // 2 + 40, left : left + BALL] = (40, 200, 250)
            film.mux(video.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        film.mux(video.encode(None))


def show() -> Iterator[Picture | tuple[Picture, AdditionalOutputs]]:
    """Called when somebody presses Start; it is asked for pictures as they are due."""
    count, since = 0, time.monotonic()
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            picture = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            count += 1
            passed = time.monotonic() - since
            if passed < 1:
                yield picture
            else:
                yield picture, AdditionalOutputs(round(count / passed, 1))
                count, since = 0, time.monotonic()


folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "film.mp4"
make_film(path)

stream = Stream(
    VideoStreamHandler(show, fps=FPS, skip_frames=True),
    modality="video",
    mode="receive",
    additional_outputs=[gr.Number(label="Pictures per second")],
    additional_outputs_handler=lambda old, new: new,
    ui_args={"title": "A film"},
)

if __name__ == "__main__":
    stream.ui.launch()
