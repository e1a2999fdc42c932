"""Everything you say becomes a file; nothing is said back."""

from collections.abc import Iterator

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import AdditionalOutputs, ReplyOnPause, Stream, audio_to_file


def keep(audio: tuple[int, NDArray[np.int16]]) -> Iterator[AdditionalOutputs]:
    """Called with what you said, when you pause. The file is yours: move it, or remove it."""
    path = audio_to_file(audio, "wav")  # "mp3" is smaller, and needs PyAV
    print(f"kept {audio[1].shape[1] / audio[0]:.1f} s in {path}", flush=True)
    yield AdditionalOutputs(path)


stream = Stream(ReplyOnPause(keep), modality="audio", mode="send")

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
