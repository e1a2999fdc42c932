"""A voice chat with a language model, and what is said on the page.

Like `llm_voice_chat.py`, of which the settings are; what was said is kept by the page, not here.
"""

import os
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from openai import OpenAI, OpenAIError

from fastrtc import (
    AdditionalOutputs,
    ReplyOnPause,
    WebRTC,
    WebRTCError,
    get_stt_model,
    get_tts_model,
)
from fastrtc_core.speech import Spoken

MODEL = os.environ.get("CHAT_MODEL", "gpt-5-nano")
SYSTEM = {"role": "system", "content": "You are spoken to and heard. Answer in a sentence or two."}

stt = get_stt_model(os.environ.get("STT_MODEL", "moonshine/base"))
tts = get_tts_model(os.environ.get("TTS_MODEL", "kokoro"))
client: Any = OpenAI(timeout=30)

Talk = list[dict[str, str]]


def answer(
    audio: tuple[int, NDArray[np.int16]], talk: Talk
) -> Iterator[Spoken | AdditionalOutputs]:
    """Called with what you said, when you pause, and with what was said before."""
    said = stt.stt(audio)
    if not said:
        return
    talk = [*talk, {"role": "user", "content": said}]
    yield AdditionalOutputs(talk)
    try:
        reply = client.chat.completions.create(model=MODEL, messages=[SYSTEM, *talk])
    except OpenAIError as error:
        raise WebRTCError(f"The language model did not answer: {error}") from error
    text = reply.choices[0].message.content
    yield AdditionalOutputs([*talk, {"role": "assistant", "content": text}])
    yield from tts.stream_tts_sync(text)


with gr.Blocks(title="Voice chat") as demo:
    gr.Markdown("# Voice chat")
    talk = gr.State([])
    with gr.Row():
        rtc = WebRTC(label="You", mode="send-receive", modality="audio")
        chatbot = gr.Chatbot(label="What was said")
    rtc.stream(ReplyOnPause(answer), inputs=[rtc, talk], outputs=[rtc], time_limit=300)
    rtc.on_additional_outputs(
        lambda newest: (newest, newest),
        outputs=[talk, chatbot],
        show_progress="hidden",
    )

if __name__ == "__main__":
    demo.launch()
