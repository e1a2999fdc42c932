"""FastRTC 0.0.34 as published, run by the Python of its own environment."""

import asyncio
import importlib
from typing import Any

from aioice import ice
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benchmarks.servers.replies import Heard, Reply
from benchmarks.servers.serve import arguments, serve
from benchmarks.settings import RATE
from benchmarks.webrtc.loopback import addresses
from benchmarks.webrtc.servers.shared import SKIPS, endpoints, negative, slow

# The type checker would look into this project's own package of the same name.
fastrtc: Any = importlib.import_module("fastrtc")


class Echo(fastrtc.AsyncStreamHandler):  # type: ignore[misc]  # untyped: see above
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


def stream(handler: Any, modality: str) -> Any:
    """A stream that serves anybody, without servers of the internet."""
    return fastrtc.Stream(
        handler,
        modality=modality,
        mode="send-receive",
        concurrency_limit=10_000,
        server_rtc_configuration={"iceServers": []},
    )


def main() -> None:
    handler, port, _ = arguments()
    ice.get_host_addresses = addresses
    app = FastAPI()
    if handler == "echo":
        main_stream = stream(Echo(), "audio")
    else:
        function = slow if handler in SKIPS else negative
        skip = SKIPS.get(handler, False)
        main_stream = stream(fastrtc.VideoStreamHandler(function, skip_frames=skip), "video")
        stream(Echo(), "audio").mount(app, path="/audio")

    async def inputs(request: Request) -> Response:
        """FastRTC calls a function of pictures once its other inputs are known, even if none."""
        main_stream.set_input(request.query_params["webrtc_id"], None)
        return JSONResponse({})

    for path, endpoint in endpoints(inputs).items():
        app.add_route(path, endpoint)
    main_stream.mount(app)
    serve(app, port)


if __name__ == "__main__":
    main()
