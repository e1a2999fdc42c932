"""What the webcam is asked for, and what the browser may spoil of it; the page says what came."""

from weakref import WeakKeyDictionary

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fastrtc import AdditionalOutputs, Session, Stream, get_current_context

sizes: WeakKeyDictionary[Session, tuple[int, ...]] = WeakKeyDictionary()


def measure(picture: NDArray[np.uint8]) -> AdditionalOutputs | None:
    """Called with each picture; nothing goes back, as the mode is `send`."""
    session = get_current_context().session
    if sizes.get(session) == picture.shape:
        return None
    sizes[session] = picture.shape
    height, width, _ = picture.shape
    return AdditionalOutputs(f"{width} x {height}")


stream = Stream(
    measure,
    modality="video",
    mode="send",
    track_constraints={  # W3C's MediaTrackConstraints
        "width": {"ideal": 240},
        "height": {"ideal": 240},
        "frameRate": {"ideal": 15},
    },
    rtp_params={"degradationPreference": "maintain-resolution"},  # rather lose pictures than pixels
    additional_outputs=[gr.Textbox(label="Pictures that came")],
    ui_args={"title": "Webcam", "full_screen": False},
)

if __name__ == "__main__":
    stream.ui.launch()
