"""What the facade's tests share: speech, and streams to talk to."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import AsyncStreamHandler, Stream
from fastrtc_core.handlers import EmitType

RATE = 24000


class Echo(AsyncStreamHandler):
    """Sends back what it hears, and notes that it was shut down."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self.queue: asyncio.Queue[EmitType] = asyncio.Queue()
        self.ended = asyncio.Event()

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        self.queue.put_nowait(frame)

    async def emit(self) -> EmitType:
        return await self.queue.get()

    async def shutdown(self) -> None:
        self.ended.set()


@pytest.fixture
def echo() -> Stream:
    """Return a stream that sends back what it hears."""
    return Stream(Echo, modality="audio", mode="send-receive", concurrency_limit=1)


@pytest.fixture(scope="session")
def speech(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recording of a spoken sentence."""
    espeak = require("espeak-ng")
    path = tmp_path_factory.mktemp("speech") / "sentence.wav"
    command = [espeak, "-v", "en-us", "-w", str(path), "Good morning, can you hear me?"]
    subprocess.run(command, check=True)
    return path
