"""FastRTC 0.0.34 as published, with Silero v6 in the place of the weights it would download.

Run by the Python of FastRTC's environment, where `fastrtc` is the published package.
"""

import asyncio
import importlib
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from fastapi import FastAPI
from numpy.typing import NDArray

from benchmarks.servers.replies import Heard, Replies, Reply
from benchmarks.servers.serve import arguments, serve, stats
from benchmarks.settings import RATE

Float32 = NDArray[np.float32]
State = tuple[Float32, Float32]
"""The recurrent state and the context: the end of the previous window."""

WINDOW: Final = 512
CONTEXT: Final = 64

# The type checker would look into this project's own package of the same name.
fastrtc: Any = importlib.import_module("fastrtc")
silero: Any = importlib.import_module("fastrtc.pause_detection.silero")


class SileroV6(silero.SileroVADModel):  # type: ignore[misc]  # untyped: see above
    """FastRTC's own detector and segmentation over the current network.

    FastRTC asks for a probability every 1024 samples, a window which v6 does not have: each is two
    windows of 512 with the state carried on, and the greater probability counts.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        self.session: Any = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def get_initial_state(self, batch_size: int) -> State:
        return np.zeros((2, batch_size, 128), np.float32), np.zeros(
            (batch_size, CONTEXT), np.float32
        )

    def __call__(self, x: Float32, state: State, sr: int) -> tuple[float, State]:
        memory, context = state
        greatest = 0.0
        for window in x.reshape(-1, 1, WINDOW):
            feed = {
                "input": np.concatenate((context, window), axis=1),
                "state": memory,
                "sr": np.array(sr, np.int64),
            }
            probability, memory = self.session.run(None, feed)
            context = window[:, -CONTEXT:]
            greatest = max(greatest, float(probability[0, 0]))
        return greatest, (memory, context)


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


def main() -> None:
    handler, port, folder = arguments()
    model = SileroV6(Path(os.environ["BENCHMARK_SILERO"]))
    model.warmup()  # as FastRTC does when it loads its own
    stream = fastrtc.Stream(
        Echo()
        if handler == "echo"
        else fastrtc.ReplyOnPause(
            Replies(folder).named(handler),
            input_sample_rate=RATE,
            output_sample_rate=RATE,
            model=model,
        ),
        modality="audio",
        mode="send-receive",
        concurrency_limit=10_000,
    )
    app = FastAPI()
    app.add_route("/stats", stats)
    stream.mount(app)
    serve(app, port)


if __name__ == "__main__":
    main()
