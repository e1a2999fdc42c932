"""Your own routes beside the stream's: inputs come by POST, outputs go by server-sent events."""

import json
from collections.abc import AsyncIterator, Iterator

import numpy as np
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from fastrtc import AdditionalOutputs, ReplyOnPause, Stream

Audio = tuple[int, NDArray[np.int16]]


def quieter(audio: Audio, gain: float = 1.0) -> Iterator[Audio | AdditionalOutputs]:
    """Say it back at the volume that was asked for, and tell the page how loud it was."""
    rate, said = audio
    yield AdditionalOutputs({"gain": gain, "peak": int(np.abs(said.astype(int)).max())})
    yield rate, (said * gain).astype(np.int16)


stream = Stream(ReplyOnPause(quieter), modality="audio", mode="send-receive")

app = FastAPI()
stream.mount(app, tags=["voice"])


class InputData(BaseModel):
    """What the page sends."""

    webrtc_id: str
    gain: float = Field(ge=0, le=1)


@app.post("/input_hook")
async def input_hook(data: InputData) -> None:
    """Set the inputs of one session's function, from its next call on."""
    stream.set_input(data.webrtc_id, data.gain)


@app.get("/updates")
async def updates(webrtc_id: str) -> StreamingResponse:
    """Stream what one session's function yields beside sound."""

    async def events() -> AsyncIterator[str]:
        async for output in stream.output_stream(webrtc_id):
            yield f"data: {json.dumps(output.args[0])}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
