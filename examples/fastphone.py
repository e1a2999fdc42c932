"""The echo on a temporary telephone number, from the FastPhone service.

Needs a token of Hugging Face in `HF_TOKEN`, and a tunnel through which the service reaches this
machine: that of Gradio, or a URL or a command in `FASTRTC_TUNNEL`. The number and a code to type
are printed.
"""

import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fastrtc import ReplyOnPause, Stream

Audio = tuple[int, NDArray[np.int16]]


def echo(audio: Audio) -> Iterator[Audio]:
    """Called with everything that was said, at a pause."""
    yield audio


stream = Stream(ReplyOnPause(echo), modality="audio", mode="send-receive")

if __name__ == "__main__":
    stream.fastphone(
        token=os.environ.get("HF_TOKEN"), host="127.0.0.1", port=int(os.environ.get("PORT", "8000"))
    )
