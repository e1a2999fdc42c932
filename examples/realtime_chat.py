"""Talk to a realtime API that hears you, and sees your webcam once a second.

Speaks OpenAI's realtime protocol; `REALTIME_URL` may name another service that does. Needs
``websockets``.
"""

import asyncio
import base64
import contextlib
import io
import json
import math
import os
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from fastrtc import (
    AdditionalOutputs,
    AsyncAudioVideoStreamHandler,
    CloseStream,
    EmitType,
    Stream,
    VideoEmitType,
    WebRTCError,
)

URL = os.environ.get("REALTIME_URL", "wss://api.openai.com/v1/realtime?model=gpt-realtime")
RATE = 24000  # Hz, both ways
MINUTES = 5 * 60 * 50  # of an answer, which comes faster than it is heard
FORMAT = {"type": "audio/pcm", "rate": RATE}
SETTINGS = {
    "type": "realtime",
    "instructions": "You hear and see somebody. Answer in a sentence or two.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {"format": FORMAT, "turn_detection": {"type": "server_vad"}},
        "output": {"format": FORMAT, "voice": "marin"},
    },
}

Picture = NDArray[np.uint8]


def jpeg_url(picture: Picture) -> str:
    """Return a picture, RGB, as a ``data:`` URL."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


class Realtime(AsyncAudioVideoStreamHandler):
    """One visitor's conversation."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self.answers: asyncio.Queue[EmitType] = asyncio.Queue(MINUTES)
        self.pictures: asyncio.Queue[Picture] = asyncio.Queue(1)
        self.socket: ClientConnection | None = None
        self.seen = -math.inf

    async def start_up(self) -> None:
        """Get key and image from the page, and do what the service says until one of us leaves."""
        await self.wait_for_args()
        key, image = self.latest_args[1], self.latest_args[2]  # what is at 0 stands for the media
        if not key:
            raise WebRTCError("Enter an API key, then start again.")
        headers = {"Authorization": f"Bearer {key}"}
        try:
            async with connect(URL, additional_headers=headers) as socket:
                await socket.send(json.dumps({"type": "session.update", "session": SETTINGS}))
                self.socket = socket  # from now on it hears and sees
                if isinstance(image, np.ndarray):
                    await self.show(image)
                async for message in socket:
                    self.take(json.loads(message))
        except InvalidStatus as refusal:
            status = refusal.response.status_code
            raise WebRTCError(f"The service refuses this key (status {status}).") from refusal
        except OSError as error:
            raise WebRTCError(f"The service can't be reached: {error}") from error
        self.answers.put_nowait(CloseStream("The service has ended the conversation."))

    def take(self, event: dict[str, Any]) -> None:
        """Do what a message of the service says."""
        match event["type"]:
            case "response.output_audio.delta":
                samples = np.frombuffer(base64.b64decode(event["delta"]), "<i2")
                self.answers.put_nowait((RATE, samples.astype(np.int16)))
            case "response.output_audio_transcript.done":
                self.answers.put_nowait(AdditionalOutputs(event["transcript"]))
            case "input_audio_buffer.speech_started":  # you interrupt
                while not self.answers.empty():
                    self.answers.get_nowait()
                self.clear_queue()
            case "error":
                raise WebRTCError(event["error"]["message"])

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        """Have the service hear you."""
        sound = base64.b64encode(frame[1].astype("<i2").tobytes()).decode()
        await self.send("input_audio_buffer.append", audio=sound)

    async def emit(self) -> EmitType:
        """Return what the service says."""
        return await self.answers.get()

    async def video_receive(self, frame: Picture) -> None:
        """Keep the newest picture, and have the service see one a second."""
        with contextlib.suppress(asyncio.QueueEmpty):
            self.pictures.get_nowait()
        self.pictures.put_nowait(frame)
        if self.loop.time() - self.seen >= 1:
            self.seen = self.loop.time()
            await self.show(frame[..., ::-1])

    async def video_emit(self) -> VideoEmitType:
        """Return what your webcam sees."""
        return await self.pictures.get()

    async def show(self, picture: Picture) -> None:
        """Have the service see a picture, RGB."""
        image = {"type": "input_image", "image_url": await asyncio.to_thread(jpeg_url, picture)}
        item = {"type": "message", "role": "user", "content": [image]}
        await self.send("conversation.item.create", item=item)

    async def send(self, kind: str, **content: object) -> None:
        """Tell the service something, if it is there."""
        if self.socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self.socket.send(json.dumps({"type": kind, **content}))


stream = Stream(
    Realtime,
    modality="audio-video",
    mode="send-receive",
    additional_inputs=[
        gr.Textbox(label="API key", type="password"),
        gr.Image(label="An image to talk about", type="numpy"),
    ],
    additional_outputs=[gr.Textbox(label="What was answered")],
    additional_outputs_handler=lambda old, new: new,
    ui_args={"title": "Realtime chat"},
    concurrency_limit=5,
    time_limit=120,
)

if __name__ == "__main__":
    stream.ui.launch()
