"""What you said comes back when you pause."""

from collections.abc import Iterator

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import ReplyOnPause, Stream

Audio = tuple[int, NDArray[np.int16]]


def echo(audio: Audio) -> Iterator[Audio]:
    """Called with everything you said, when you pause."""
    yield audio


stream = Stream(ReplyOnPause(echo), modality="audio", mode="send-receive")

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
