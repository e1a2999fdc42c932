"""This library as its wheels install it. Its defaults, but for one: a thousand clients have one
address here, so the limit of requests per address is lifted.
"""

import asyncio
from typing import Final

from starlette.applications import Starlette
from starlette.routing import Route

from benchmarks.servers.replies import Heard, Reply
from benchmarks.servers.serve import arguments, serve
from benchmarks.settings import RATE
from benchmarks.webrtc.servers.shared import SKIPS, endpoints, negative, slow
from fastrtc_core import AsyncStreamHandler, Stream, VideoStreamHandler
from fastrtc_webrtc import WebRTCSettings

SETTINGS: Final = {"webrtc": WebRTCSettings(requests_per_minute=1_000_000)}


class Echo(AsyncStreamHandler):
    """Sends back what it hears."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self.queue: asyncio.Queue[Reply] = asyncio.Queue()

    async def receive(self, frame: Heard) -> None:
        self.queue.put_nowait(frame)

    async def emit(self) -> Reply:
        return await self.queue.get()

    def copy(self) -> "Echo":
        return Echo()


def echo() -> Stream:
    """A stream that sends sound back."""
    return Stream(
        Echo(),
        modality="audio",
        mode="send-receive",
        concurrency_limit=10_000,
        transport_settings=SETTINGS,
    )


def pictures(handler: str) -> Stream:
    """A stream that sends pictures back."""
    function = slow if handler in SKIPS else negative
    return Stream(
        VideoStreamHandler(function, skip_frames=SKIPS.get(handler, False)),
        modality="video",
        mode="send-receive",
        concurrency_limit=10_000,
        transport_settings=SETTINGS,
    )


def main() -> None:
    handler, port, _ = arguments()
    app = Starlette(routes=[Route(path, one) for path, one in endpoints().items()])
    if handler == "echo":
        echo().mount(app)
    else:
        echo().mount(app, path="/audio")
        pictures(handler).mount(app)
    serve(app, port)


if __name__ == "__main__":
    main()
