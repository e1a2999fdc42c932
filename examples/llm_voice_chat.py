"""A voice chat with a language model: what you say is understood, answered, and spoken.

The answer is spoken clause by clause while the model still writes it, and it stops when you speak.
`OPENAI_API_KEY` and `OPENAI_BASE_URL` say who writes it: OpenAI, or whoever has its chat interface,
such as Ollama on this machine (``http://127.0.0.1:11434/v1``). Speech is understood and made here.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray
from openai import OpenAI, OpenAIError
from openai.types.chat import ChatCompletionMessageParam
from starlette.applications import Starlette

from fastrtc import (
    Event,
    ReplyOnPause,
    Session,
    SessionClosed,
    Stream,
    WebRTCError,
    get_current_context,
    get_stt_model,
    get_tts_model,
)
from fastrtc_core.speech import Spoken, Synthesizer

MODEL = os.environ.get("CHAT_MODEL", "gpt-5-nano")
REMEMBERED = 20  # messages
SYSTEM: ChatCompletionMessageParam = {
    "role": "system",
    "content": "You are spoken to and heard. Answer in one or two short sentences, without lists.",
}

stt = get_stt_model(os.environ.get("STT_MODEL", "moonshine/base"))
voice = get_tts_model(os.environ.get("TTS_MODEL", "kokoro"))
assert isinstance(voice, Synthesizer)  # which speaks what is still being written
tts: Synthesizer[Any] = voice
client = OpenAI(timeout=30)
talks: dict[str, list[ChatCompletionMessageParam]] = {}


def answer(audio: tuple[int, NDArray[np.int16]]) -> Iterator[Spoken]:
    """Called with what you said, when you pause."""
    said = stt.stt(audio)
    if not said:
        return
    talk = talks.setdefault(get_current_context().webrtc_id, [])
    talk.append({"role": "user", "content": said})
    try:
        yield from tts.stream_tts_sync(written(talk))
    except OpenAIError as error:
        raise WebRTCError(f"The language model did not answer: {error}") from error


def written(talk: list[ChatCompletionMessageParam]) -> Iterator[str]:
    """Yield the answer's parts as they come, and remember them."""
    messages = [SYSTEM, *talk[-REMEMBERED:]]
    text = ""
    with client.chat.completions.create(model=MODEL, messages=messages, stream=True) as parts:
        try:
            for part in parts:
                new = part.choices[0].delta.content if part.choices else None
                text += new or ""
                yield new or ""
        finally:  # you may have interrupted it
            talk.append({"role": "assistant", "content": text})


def forget(session: Session, event: Event) -> None:
    """Called with everything that happens in a session."""
    if isinstance(event, SessionClosed):
        talks.pop(session.id, None)


stream = Stream(ReplyOnPause(answer), modality="audio", mode="send-receive", on_event=forget)

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
