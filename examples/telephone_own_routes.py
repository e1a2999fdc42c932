"""Calls by routes of your own, into a handler that serves pages as well as telephones.

A page is asked for a pitch and sends it; a telephone has none to send, so there `phone_mode` says
to do without. Needs ``fastrtc[telephony,websocket]`` and ``twilio``; the account's token is read
from `TWILIO_AUTH_TOKEN`.
"""

import asyncio

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from twilio.twiml.voice_response import Connect, VoiceResponse

from fastrtc import AsyncStreamHandler, EmitType, Stream

RATE = 8000  # what a telephone has

Audio = tuple[int, NDArray[np.int16]]


class Hum(AsyncStreamHandler):
    """Hums for as long as it is listened to."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self.samples = 0

    async def receive(self, frame: Audio) -> None:
        """Pay no attention."""

    async def emit(self) -> EmitType:
        """Return a tenth of a second, once it is known at which pitch."""
        if self.phone_mode:
            self.set_args([330.0])
        else:
            await self.wait_for_args()
        hertz = self.latest_args[1]  # the one at 0 stands for the sound
        assert isinstance(hertz, float)
        times = np.arange(self.samples, self.samples + RATE // 10) / RATE
        self.samples += times.size
        await asyncio.sleep(0)  # sound is taken as fast as it is heard, not as fast as it is made
        return RATE, (6000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)


stream = Stream(Hum, modality="audio", mode="send-receive")
app = FastAPI()
stream.mount(app)


@app.api_route("/incoming-call", methods=["GET", "POST"])
async def incoming_call(request: Request) -> Response:
    """Tell Twilio what to do with a call; the carrier signs the media stream that follows."""
    answer = VoiceResponse()
    answer.say("One moment, please.")
    scheme = "wss" if request.url.scheme == "https" else "ws"  # the latter while you try it out
    connect = Connect()
    connect.stream(url=f"{scheme}://{request.url.netloc}/media-stream")
    answer.append(connect)
    return Response(str(answer), media_type="application/xml")


@app.websocket("/media-stream")
async def media_stream(websocket: WebSocket) -> None:
    """Take the call's sound."""
    await stream.telephone_handler(websocket)


class Pitch(BaseModel):
    """What a page sends when it gets the message `send_input`."""

    webrtc_id: str
    hertz: float = Field(ge=100, le=1000)


@app.post("/input_hook")
async def input_hook(pitch: Pitch) -> None:
    """Take what a page sends."""
    stream.set_input(pitch.webrtc_id, pitch.hertz)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
