"""Things of strong colour in the webcam's pictures: boxes, how many there are, and a threshold.

Needs ``opencv-python-headless``. Put a detector of your own in the place of `find`.
"""

from weakref import WeakKeyDictionary

import cv2
import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fastrtc import AdditionalOutputs, Session, Stream, get_current_context

SMALLEST = 0.005  # of the picture's area
GREEN = (80, 220, 80)

Picture = NDArray[np.uint8]
counts: WeakKeyDictionary[Session, int] = WeakKeyDictionary()


def find(picture: Picture, threshold: float) -> list[tuple[int, int, int, int]]:
    """Return left, top, width and height of whatever is more colourful than that, 0 to 1."""
    saturation = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)[..., 1]
    colourful = (cv2.medianBlur(saturation, 5) > 255 * threshold).astype(np.uint8)
    _, _, found, _ = cv2.connectedComponentsWithStats(colourful)
    least = SMALLEST * saturation.size
    return [(x, y, w, h) for x, y, w, h, area in found[1:].tolist() if area > least]


def detect(picture: Picture, threshold: float = 0.5) -> Picture | tuple[Picture, AdditionalOutputs]:
    """Called with each picture and the slider's value; BGR, as OpenCV has it."""
    boxes = find(picture, threshold)
    for x, y, width, height in boxes:
        cv2.rectangle(picture, (x, y), (x + width, y + height), GREEN, 3)
    session = get_current_context().session
    if counts.get(session) == len(boxes):
        return picture  # the number is there already: it need not be sent 30 times a second
    counts[session] = len(boxes)
    return picture, AdditionalOutputs(len(boxes))


stream = Stream(
    detect,
    modality="video",
    mode="send-receive",
    additional_inputs=[gr.Slider(0, 1, value=0.5, step=0.05, label="Threshold")],
    additional_outputs=[gr.Number(label="Things")],
    additional_outputs_handler=lambda old, new: new,
    ui_args={"title": "Colourful things", "subtitle": "Hold something red into the picture."},
    concurrency_limit=4,
    time_limit=300,
)

if __name__ == "__main__":
    stream.ui.launch()
