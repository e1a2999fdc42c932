"""What you said as sound, as a picture and as text, in a Chatbot; nothing is said back.

Needs `STT_MODEL`, or what `get_stt_model` takes by default.
"""

import os
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from fastrtc import AdditionalOutputs, ReplyOnPause, WebRTC, get_stt_model

WINDOW = 256  # samples
RANGE = 60  # dB from the loudest to black

stt = get_stt_model(os.environ.get("STT_MODEL", "moonshine/base"))

Audio = tuple[int, NDArray[np.int16]]


def spectrogram(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Draw sound, ``(samples,)``: time from left to right, low at the bottom, RGB."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[:: WINDOW // 2]
    levels = 20 * np.log10(np.abs(np.fft.rfft(windows * np.hanning(WINDOW))) + 1)
    light = np.clip((levels - levels.max() + RANGE) / RANGE, 0, 1).T[::-1]
    picture = np.stack([255 * light, 255 * light**2, 120 * (1 - light)], axis=-1)
    return picture.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)


def listen(audio: Audio) -> Iterator[AdditionalOutputs]:
    """Called with what you said, when you pause."""
    rate, samples = audio
    yield AdditionalOutputs((rate, samples[0]), spectrogram(samples[0]), stt.stt(audio))


def show(
    messages: list[dict[str, Any]], said: Audio, picture: NDArray[np.uint8], text: str
) -> list[dict[str, Any]]:
    """Called by Gradio with the Chatbot's value, and with what `listen` has yielded."""
    return [
        *messages,
        {"role": "user", "content": gr.Audio(said)},
        {"role": "assistant", "content": gr.Image(picture, type="numpy")},
        {"role": "assistant", "content": f"You said: {text}" if text else "What was that?"},
    ]


with gr.Blocks(title="What you said") as demo:
    with gr.Row():
        rtc = WebRTC(label="You", mode="send", modality="audio")
        chatbot = gr.Chatbot(label="What you said")
    rtc.stream(
        ReplyOnPause(listen, input_sample_rate=16000),
        inputs=[rtc],
        outputs=[rtc],
        time_limit=90,
    )
    rtc.on_additional_outputs(show, inputs=[chatbot], outputs=[chatbot], show_progress="hidden")

if __name__ == "__main__":
    demo.launch()
