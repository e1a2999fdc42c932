"""Type or talk: both go to the same language model, whose answers are read.

`OPENAI_API_KEY`, `OPENAI_BASE_URL` and `STT_MODEL` as in `llm_voice_chat.py`.
"""

import os
from collections.abc import Iterator
from typing import Any

import gradio as gr
from openai import OpenAI, OpenAIError

from fastrtc import (
    AdditionalOutputs,
    ReplyOnPause,
    WebRTC,
    WebRTCData,
    WebRTCError,
    get_stt_model,
)

MODEL = os.environ.get("CHAT_MODEL", "gpt-5-nano")

stt = get_stt_model(os.environ.get("STT_MODEL", "moonshine/base"))
client: Any = OpenAI(timeout=30)

Talk = list[dict[str, str]]


def answer(data: WebRTCData, talk: Talk) -> Iterator[AdditionalOutputs]:
    """Called with what you typed, or with what you said when you pause."""
    said = data.textbox if data.audio is None else stt.stt(data.audio)
    if not said:
        return
    talk = [*talk, {"role": "user", "content": said}]
    yield AdditionalOutputs(talk)
    try:
        reply = client.chat.completions.create(model=MODEL, messages=talk)
    except OpenAIError as error:
        raise WebRTCError(f"The language model did not answer: {error}") from error
    yield AdditionalOutputs(
        [*talk, {"role": "assistant", "content": reply.choices[0].message.content}]
    )


with gr.Blocks(title="Type or talk") as demo:
    talk = gr.State([])
    chatbot = gr.Chatbot(label="Conversation", height=420)
    rtc = WebRTC(mode="send", modality="audio", variant="textbox", full_screen=False)
    rtc.stream(ReplyOnPause(answer), inputs=[rtc, talk], outputs=[rtc], concurrency_limit=20)
    rtc.on_additional_outputs(lambda new: (new, new), outputs=[talk, chatbot])

if __name__ == "__main__":
    demo.launch()
