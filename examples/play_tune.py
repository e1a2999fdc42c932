"""Sound from the server, started by a button; warnings and errors that the page shows."""

from collections.abc import Iterator

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fastrtc import Warning as Warn
from fastrtc import WebRTC, WebRTCError

RATE = 24000
SCALE = (262, 294, 330, 349, 392, 440, 494, 523)  # C4 to C5, in Hz


def tune(notes: float) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Called with the slider's value, when somebody presses the button."""
    if notes > len(SCALE):
        Warn(f"I know {len(SCALE)} notes.")  # goes on
    times = np.arange(RATE // 4) / RATE
    for hertz in SCALE[: int(notes)]:
        yield RATE, 0.3 * np.sin(2 * np.pi * hertz * times) * np.hanning(times.size)
    if notes > len(SCALE):
        raise WebRTCError(f"There is no note number {len(SCALE) + 1}.")  # does not


with gr.Blocks(title="A tune") as demo:
    rtc = WebRTC(label="A tune", mode="receive", modality="audio")
    notes = gr.Slider(1, 10, value=3, step=1, label="Notes")
    button = gr.Button("Play", variant="primary")
    rtc.stream(tune, inputs=[notes], outputs=[rtc], trigger=button.click)

if __name__ == "__main__":
    demo.launch()
