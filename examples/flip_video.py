"""Your webcam upside down, on the automatic page; what is chosen there is an argument."""

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fastrtc import Stream

AXES = {"Upside down": 0, "Mirrored": 1}


def flip(picture: NDArray[np.uint8], how: str = "Upside down") -> NDArray[np.uint8]:
    """Called with each picture, (height, width, 3), and with what is chosen by then."""
    return np.flip(picture, axis=AXES[how])


stream = Stream(
    flip,
    modality="video",
    mode="send-receive",
    additional_inputs=[gr.Radio(list(AXES), value="Upside down", label="How")],
    ui_args={"title": "Flip", "subtitle": "Start, and choose how you see yourself."},
)

if __name__ == "__main__":
    stream.ui.launch()
