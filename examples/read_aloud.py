"""A text that is read to everybody who listens, by a hosted voice, while its sound is still made.

`TEXT` is what is read; `OPENAI_API_KEY` and `OPENAI_BASE_URL` say by whom.
"""

import os
from collections.abc import AsyncIterator

import httpx
import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import Stream, WebRTCError, async_aggregate_bytes_to_16bit

RATE = 24000  # Hz, of the sound that comes
URL = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
HEADERS = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', '')}"}
TEXT = os.environ.get("TEXT", "Once upon a time there was a program that could speak.")


async def read() -> AsyncIterator[tuple[int, NDArray[np.int16]]]:
    """Called for each listener. Bytes come in parts that may end within a sample."""
    body = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": TEXT, "response_format": "pcm"}
    async with (
        httpx.AsyncClient(headers=HEADERS, timeout=30) as client,
        client.stream("POST", f"{URL}/audio/speech", json=body) as answer,
    ):
        if answer.is_error:
            raise WebRTCError(f"Nobody reads: the voice's server says {answer.status_code}.")
        async for samples in async_aggregate_bytes_to_16bit(answer.aiter_bytes(4096)):
            yield RATE, samples


stream = Stream(read, modality="audio", mode="receive")

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
