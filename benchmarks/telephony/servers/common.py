"""What both servers do when they are rung: the same handlers, made of either library's base."""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse

from benchmarks.servers.replies import Heard, Reply
from benchmarks.sound import amplitude, to_int16
from benchmarks.telephony.settings import HANDLER_RATE, LINE_RATE, TONE_DBFS, TONE_HZ

GREETING_SECONDS: Final = 3.0
TONE_SECONDS: Final = 4.0


class Notes:
    """What happened in the handlers of a server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shutdowns: list[float] = []

    async def answer(self, _: Request) -> JSONResponse:
        """When `shutdown` was called, on `time.monotonic`'s clock."""
        return JSONResponse({"shutdowns": self.shutdowns})

    def keep(self, heard: list[np.ndarray[Any, np.dtype[np.int16]]]) -> None:
        """Write what a handler heard."""
        samples = np.concatenate([one.ravel() for one in heard]) if heard else np.zeros(0, np.int16)
        name = f"00000-{time.monotonic_ns()}-{HANDLER_RATE}.s16"
        (self.folder / name).write_bytes(samples.tobytes())


def sine(rate: int, seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The tone, ``(1, n)``."""
    times = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * TONE_HZ * times) * amplitude(TONE_DBFS)
    return to_int16(wave.astype(np.float32)).reshape(1, -1)


def handlers(base: Any, notes: Notes) -> dict[str, Any]:  # noqa: C901 - two classes, each simple
    """Classes of handlers by name.

    Args:
        base: The library's AsyncStreamHandler.
        notes: Of the server.

    """

    class Greeting(base):  # type: ignore[misc]  # of either library
        """Speaks first."""

        def __init__(self) -> None:
            super().__init__(input_sample_rate=LINE_RATE, output_sample_rate=LINE_RATE)
            sound = sine(LINE_RATE, GREETING_SECONDS)
            # Frames: FastRTC drops what comes before the stream's first message, a whole greeting.
            self.frames = iter(np.split(sound, round(GREETING_SECONDS / 0.02), axis=1))

        def copy(self) -> Any:
            return type(self)()

        async def receive(self, frame: Heard) -> None: ...

        async def emit(self) -> Reply | None:
            frame = next(self.frames, None)
            if frame is None:
                await asyncio.sleep(0.02)
                return None
            return LINE_RATE, frame

        async def shutdown(self) -> None:
            notes.shutdowns.append(time.monotonic())

    class Tone(base):  # type: ignore[misc]
        """Plays the tone at its own rate, and keeps what it hears."""

        def __init__(self) -> None:
            super().__init__(input_sample_rate=HANDLER_RATE, output_sample_rate=HANDLER_RATE)
            self.heard: list[Any] = []
            self.frames = iter(np.split(sine(HANDLER_RATE, TONE_SECONDS), 200, axis=1))

        def copy(self) -> Any:
            return type(self)()

        async def receive(self, frame: Heard) -> None:
            self.heard.append(frame[1].copy())
            if len(self.heard) == 200:
                notes.keep(self.heard)

        async def emit(self) -> Reply | None:
            frame = next(self.frames, None)
            if frame is None:
                await asyncio.sleep(0.02)
                return None
            return HANDLER_RATE, frame

    return {"greeting": Greeting, "tone": Tone}
