"""Your own page as the stream's, below a path of your own application, beside the stream's routes.

So whoever has a browser opens ``/ui``, and whoever has a client of his own connects to
``/webrtc/offer`` or ``/websocket/offer``.
"""

from collections.abc import Iterator

import gradio as gr
import numpy as np
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray

from fastrtc import AdditionalOutputs, ReplyOnPause, Stream, WebRTC

Audio = tuple[int, NDArray[np.int16]]


def measure(audio: Audio, told: int = 0) -> Iterator[Audio | AdditionalOutputs]:
    """Say it again, and count the turns."""
    yield AdditionalOutputs(told + 1)
    yield audio


stream = Stream(ReplyOnPause(measure), modality="audio", mode="send-receive")

with gr.Blocks(title="My own page") as page:
    gr.Markdown("# My own page")
    with gr.Tabs():
        with gr.Tab("Talk"):
            rtc = WebRTC(label="Talk", mode="send-receive", modality="audio")
        with gr.Tab("About"):
            gr.Markdown("A conversation goes on while you look at this.")
    turns = gr.Number(0, label="Turns", precision=0)
    rtc.stream(stream, inputs=[rtc, turns], outputs=[rtc])
    rtc.on_additional_outputs(lambda new: new, outputs=[turns], queue=False)

stream.ui = page

app = FastAPI()
stream.mount(app)
app = gr.mount_gradio_app(app, stream.ui, path="/ui")

if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=8000, timeout_graceful_shutdown=3
    )  # open pages never end
