"""A reply made piece by piece, a greeting, an input with a default, and data beside the sound."""

from collections.abc import AsyncIterator, Iterator

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import AdditionalOutputs, ReplyOnPause, Stream

RATE = 24000
Audio = tuple[int, NDArray[np.int16]]


def beep(hertz: float, seconds: float) -> Audio:
    """A soft tone."""
    times = np.arange(int(RATE * seconds)) / RATE
    envelope = np.sin(np.pi * times / seconds)
    return RATE, (6000 * envelope * np.sin(2 * np.pi * hertz * times)).astype(np.int16)


def greet() -> Iterator[Audio]:
    """Called once, when somebody connects."""
    yield beep(660, 0.15)
    yield beep(880, 0.25)


async def answer(audio: Audio, hertz: float = 440.0) -> AsyncIterator[Audio | AdditionalOutputs]:
    """One beep for every second you spoke; `hertz` comes from the page, if it sends any."""
    rate, said = audio
    seconds = said.shape[1] / rate
    yield AdditionalOutputs(f"You spoke for {seconds:.1f} s.")
    for _ in range(round(seconds) or 1):
        yield beep(hertz, 0.3)


stream = Stream(ReplyOnPause(answer, startup_fn=greet), modality="audio", mode="send-receive")

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
