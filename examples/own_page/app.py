"""Pages of your own, in plain JavaScript: one over WebRTC, one over a WebSocket.

What you say comes back at the volume that the page's slider says, and the page shows how long it
was. Open ``/`` or ``/websocket``.
"""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse, StreamingResponse
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from fastrtc import AdditionalOutputs, ReplyOnPause, Stream

HERE = Path(__file__).parent

Audio = tuple[int, NDArray[np.int16]]


def quieter(audio: Audio, gain: float) -> Iterator[Audio | AdditionalOutputs]:
    """Called when you pause; `gain` has no default, so the page is asked for it."""
    rate, said = audio
    yield AdditionalOutputs({"seconds": said.shape[1] / rate, "gain": gain})
    yield rate, (said * gain).astype(np.int16)


stream = Stream(ReplyOnPause(quieter), modality="audio", mode="send-receive")

app = FastAPI()
stream.mount(app)


@app.get("/")
async def over_webrtc() -> FileResponse:
    """Serve the page that connects by WebRTC."""
    return FileResponse(HERE / "webrtc.html")


@app.get("/websocket")
async def over_websocket() -> FileResponse:
    """Serve the page that connects by a WebSocket."""
    return FileResponse(HERE / "websocket.html")


class InputData(BaseModel):
    """What a page sends when it gets the message `send_input`, and when its slider moves."""

    webrtc_id: str
    gain: float = Field(ge=0, le=1)


@app.post("/input_hook")
async def input_hook(data: InputData) -> None:
    """Set the inputs of one session."""
    stream.set_input(data.webrtc_id, data.gain)


@app.get("/outputs")
async def outputs(webrtc_id: str) -> StreamingResponse:
    """Stream one session's additional outputs as server-sent events."""

    async def events() -> AsyncIterator[str]:
        async for output in stream.output_stream(webrtc_id):
            yield f"event: output\ndata: {json.dumps(output.args[0])}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
