"""This library as its wheels install it, with its defaults."""

import asyncio

from starlette.applications import Starlette
from starlette.routing import Route

from benchmarks.servers.replies import Heard, Replies, Reply
from benchmarks.servers.serve import arguments, serve, stats
from benchmarks.settings import RATE
from fastrtc_core import AsyncStreamHandler, Stream
from fastrtc_vad import ReplyOnPause


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


def main() -> None:
    handler, port, folder = arguments()
    stream = Stream(
        Echo()
        if handler == "echo"
        else ReplyOnPause(
            Replies(folder).named(handler),
            input_sample_rate=RATE,
            output_sample_rate=RATE,
        ),
        modality="audio",
        mode="send-receive",
        concurrency_limit=10_000,
    )
    app = Starlette(routes=[Route("/stats", stats)])
    stream.mount(app)
    serve(app, port)


if __name__ == "__main__":
    main()
