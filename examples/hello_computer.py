"""Nothing is answered but what follows "hello computer"; works without a network.

pocketsphinx is quick because it knows a few sentences and no others. To be understood in whatever
you say, leave out ``stt_model`` (then it is Moonshine), and ask a language model for the answer:
see `llm_voice_chat.py`.
"""

import datetime
from collections.abc import Iterator

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import ReplyOnStopWords, Stream, get_stt_model, get_tts_model
from fastrtc_core.speech import Spoken

ANSWERS = {
    "what time is it": "It is {time}.",
    "tell me a joke": "Why was the computer cold? It had left its windows open.",
    "turn on the kitchen light": "The kitchen light is on.",
}
WAKE = "hello computer"

sentences = [WAKE, *ANSWERS, *(f"{WAKE} {sentence}" for sentence in ANSWERS)]
stt = get_stt_model("pocketsphinx", phrases=sentences)
tts = get_tts_model("espeak")


def welcome() -> Iterator[Spoken]:
    """Called when somebody connects."""
    yield from tts.stream_tts_sync("Say: hello computer, what time is it?")


def answer(audio: tuple[int, NDArray[np.int16]]) -> Iterator[Spoken]:
    """Called with what followed the stop word: in the same breath, or in the next."""
    reply = ANSWERS.get(stt.stt(audio), "I did not understand that.")
    time = datetime.datetime.now().strftime("%H:%M")
    yield from tts.stream_tts_sync(reply.format(time=time))


stream = Stream(
    ReplyOnStopWords(answer, stop_words=[WAKE], startup_fn=welcome, stt_model=stt),
    modality="audio",
    mode="send-receive",
)

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
