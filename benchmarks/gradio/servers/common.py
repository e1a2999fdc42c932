"""What both servers do alike: the same handler, made of either library's base, on a Gradio page."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import gradio as gr
from starlette.routing import Route

from benchmarks.gradio.settings import BUTTONS, RATE
from benchmarks.servers.replies import Heard, Reply
from benchmarks.servers.serve import arguments, stats

AS_IT_IS: Final = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}
"""Constraints on the microphone: what a browser does for speech takes a tone away."""

OPTIONS: Final[dict[str, Any]] = {
    "modality": "audio",
    "mode": "send-receive",
    "track_constraints": AS_IT_IS,
    "concurrency_limit": 100,
}
"""Of both streams."""


def echo(base: Any) -> Any:
    """A handler that sends back what it hears.

    Args:
        base: The library's AsyncStreamHandler.

    """

    class Echo(base):  # type: ignore[misc]  # of either library
        def __init__(self) -> None:
            super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
            self.queue: asyncio.Queue[Reply] = asyncio.Queue()

        async def receive(self, frame: Heard) -> None:
            self.queue.put_nowait(frame)

        async def emit(self) -> Reply:
            return await self.queue.get()

        def copy(self) -> Any:
            return Echo()

    return Echo()


def serve(page: Callable[[], Any]) -> None:
    """Serve a page as people do, on the loopback interface, until killed.

    Args:
        page: The stream's; one with nothing but a button where the command line says ``bare``.

    """
    name, port, _ = arguments()
    blocks = _bare() if name == "bare" else page()
    routes = [Route("/stats", stats)]
    blocks.launch(
        server_name="127.0.0.1", server_port=port, quiet=True, app_kwargs={"routes": routes}
    )


def _bare() -> Any:
    with gr.Blocks() as blocks:
        gr.Button(BUTTONS[0])
    return blocks
