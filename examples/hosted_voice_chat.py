"""A voice chat of hosted parts, on a page and on the telephone, by OpenAI's API or one like it.

The page is at ``/``, the telephone's webhook at ``/telephone/incoming``. `OPENAI_API_KEY` and
`OPENAI_BASE_URL` say whose API it is; for calls, `TWILIO_AUTH_TOKEN` is the account's.
"""

import os
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray
from openai import OpenAI

from fastrtc import (
    AdditionalOutputs,
    ReplyOnPause,
    Stream,
    aggregate_bytes_to_16bit,
    audio_to_bytes,
)

RATE = 24000  # Hz, of the API's speech
SYSTEM = {"role": "system", "content": "You are spoken to and heard. Answer in a sentence or two."}

client: Any = OpenAI(timeout=30)

Audio = tuple[int, NDArray[np.int16]]
Messages = list[dict[str, Any]]


def answer(audio: Audio, messages: Messages | None = None) -> Iterator[Audio | AdditionalOutputs]:
    """Called when you pause.

    The conversation comes from the page's Chatbot. A telephone has no page: there the argument is
    what was yielded as `AdditionalOutputs` last, and at first its default.
    """
    messages = messages or []
    sound = ("speech.wav", audio_to_bytes(audio, "wav"), "audio/wav")
    heard = client.audio.transcriptions.create(model="gpt-4o-mini-transcribe", file=sound)
    messages = [*messages, {"role": "user", "content": heard.text}]
    yield AdditionalOutputs(messages)

    plain = [{"role": message["role"], "content": text_of(message)} for message in messages]
    reply = client.chat.completions.create(
        model=os.environ.get("CHAT_MODEL", "gpt-5-nano"), messages=[SYSTEM, *plain]
    )
    text = reply.choices[0].message.content
    yield AdditionalOutputs([*messages, {"role": "assistant", "content": text}])

    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input=text, response_format="pcm"
    ) as speech:
        for samples in aggregate_bytes_to_16bit(speech.iter_bytes(4096)):
            yield RATE, samples


def text_of(message: dict[str, Any]) -> str:
    """Return a message's text, which a Chatbot gives in parts."""
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


chatbot = gr.Chatbot(label="Conversation")
stream = Stream(
    ReplyOnPause(answer, input_sample_rate=16000),
    modality="audio",
    mode="send-receive",
    additional_inputs=[chatbot],
    additional_outputs=[chatbot],
    additional_outputs_handler=lambda old, new: new,
    ui_args={"title": "Voice chat", "subtitle": "Start, and say something. Or call."},
    concurrency_limit=20,
    time_limit=300,
)

app = FastAPI()
stream.mount(app)
app = gr.mount_gradio_app(app, stream.ui, path="/")

if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=8000, timeout_graceful_shutdown=3
    )  # open pages never end
