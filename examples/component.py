"""The component by itself, in a page of your own: an icon, colours, words for its button.

What you say comes back when you pause, for a minute at most.
"""

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fastrtc import ReplyOnPause, WebRTC

Audio = tuple[int, NDArray[np.int16]]


def echo(audio: Audio) -> Iterator[Audio]:
    """Called with everything you said, when you pause."""
    yield audio


with gr.Blocks(title="Echo") as demo:
    gr.Markdown("# Echo\nPress the button, and say something.")
    rtc = WebRTC(
        label="Echo",
        mode="send-receive",
        modality="audio",
        icon=str(Path(__file__).with_name("component.svg")),
        icon_button_color="#134e4a",
        pulse_color="#14b8a6",
        icon_radius=50,  # percent: a circle
        button_labels={"start": "Talk to me", "stop": "Enough", "waiting": "One moment"},
        track_constraints={  # the browser's own work on the sound
            "echoCancellation": True,  # off if your voice sounds muffled while you listen
            "noiseSuppression": {"ideal": True},
            "autoGainControl": {"ideal": True},
            "channelCount": {"ideal": 1},
        },
    )
    rtc.stream(ReplyOnPause(echo), inputs=[rtc], outputs=[rtc], time_limit=60)

if __name__ == "__main__":
    demo.launch()
