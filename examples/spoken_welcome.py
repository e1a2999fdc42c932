"""A welcome that is spoken when somebody connects, and text to speech in its three forms.

`TTS_MODEL` names the model: ``kokoro`` loads its weights when it first speaks, ``espeak`` is small
and sounds like it.
"""

import os
from collections.abc import AsyncIterator, Iterator

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import EspeakTTSOptions, KokoroTTSOptions, ReplyOnPause, Stream, get_tts_model
from fastrtc_core.speech import Spoken

NAME = os.environ.get("TTS_MODEL", "kokoro")
VOICES = {
    "kokoro": KokoroTTSOptions(voice="af_heart", speed=1.0, lang="en-us"),
    "espeak": EspeakTTSOptions(voice="en-gb", speed=1.1),
}

tts = get_tts_model(NAME)
voice = VOICES.get(NAME)


async def welcome() -> AsyncIterator[Spoken]:
    """Called when somebody connects; async code takes the speech as it is made."""
    async for piece in tts.stream_tts("Welcome! Say something, and I will tell how long it took."):
        yield piece


def answer(audio: tuple[int, NDArray[np.int16]]) -> Iterator[Spoken]:
    """Called when you pause; in sync code there is the whole, or piece after piece."""
    rate, said = audio
    yield tts.tts("You spoke", voice)
    yield from tts.stream_tts_sync(f"for {said.shape[1] / rate:.0f} seconds.", voice)


stream = Stream(
    ReplyOnPause(answer, startup_fn=welcome),
    modality="audio",
    mode="send-receive",
    ui_args={"title": "A spoken welcome"},
)

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
