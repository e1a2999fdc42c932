"""Who is measured, and their servers: processes of their own, pinned to one core."""

import asyncio
import json
import os
import shutil
import socket
import time
import urllib.request
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from benchmarks import environments
from benchmarks.process import Usage, cores, usage
from benchmarks.settings import CACHE, ROOT
from benchmarks.sound import Samples, from_int16
from benchmarks.wire import Documented, Negotiated, Wire

Handler = Literal["instant", "short", "long-sync", "long-async", "long-paced", "echo"]

START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """One column of a table."""

    key: str
    title: str
    server: str
    """The module that serves it."""
    python: Callable[[], Path]


@dataclass(frozen=True, slots=True)
class Subject(Contestant):
    """Somebody measured over the WebSocket."""

    wire: Wire


OURS: Final = Subject("ours", "ours", "benchmarks.servers.ours", environments.ours, Documented())
NEGOTIATED: Final = Subject(
    "negotiated", "ours, negotiated", "benchmarks.servers.ours", environments.ours, Negotiated()
)
FASTRTC: Final = Subject(
    "fastrtc",
    "FastRTC 0.0.34",
    "benchmarks.servers.fastrtc_0_0_34",
    environments.fastrtc,
    Documented(),
)
SUBJECTS: Final = (OURS, NEGOTIATED, FASTRTC)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a subject's reply function."""

    number: int
    at: float
    """When, on `time.monotonic`'s clock, which all processes of a machine share."""
    rate: int
    audio: Samples
    """What the function was given."""


class Server:
    """A running server. Use `serving` to get one."""

    def __init__(self, process: Process, port: int, calls: Path) -> None:
        self.url = f"ws://127.0.0.1:{port}/websocket/offer"
        self.http = f"http://127.0.0.1:{port}"
        self._process = process
        self._calls = calls

    def usage(self) -> Usage:
        """What the process holds now."""
        return usage(self._process.pid)

    async def tasks(self) -> int:
        """How many asyncio tasks the process has."""
        return int((await self.asked("/stats"))["tasks"])

    async def asked(self, path: str) -> dict[str, Any]:
        """What the server answers at the path: an object of JSON."""

        def read() -> dict[str, Any]:
            with urllib.request.urlopen(f"{self.http}{path}", timeout=10) as response:
                answer: dict[str, Any] = json.load(response)
                return answer

        return await asyncio.to_thread(read)

    async def ready(self) -> None:
        """Return when the server answers.

        Raises:
            RuntimeError: it ended instead, or took longer than `START_SECONDS`.
        """
        deadline = time.monotonic() + START_SECONDS
        while self._process.returncode is None and time.monotonic() < deadline:
            try:
                await self.tasks()
            except OSError:
                await asyncio.sleep(0.1)
            else:
                return
        raise RuntimeError(f"The server did not start; see {self._calls / 'log'}")

    def calls(self) -> list[Call]:
        """The calls of the reply function so far, in order."""
        found = []
        for path in sorted(self._calls.glob("*.s16")):
            number, at, rate = path.stem.split("-")
            audio = from_int16(np.fromfile(path, np.int16))
            found.append(Call(int(number), int(at) / 1e9, int(rate), audio))
        return found


@asynccontextmanager
async def serving(subject: Contestant, handler: str) -> AsyncIterator[Server]:
    """A fresh server of the subject, ended with the block."""
    folder = CACHE / "calls" / subject.key
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = free_port()
    words = ["-m", subject.server, handler, str(port), str(folder)]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            subject.python(), *words, cwd=ROOT, stdout=log, stderr=log, env=environment()
        )
    try:
        os.sched_setaffinity(process.pid, {cores()[0]})
        server = Server(process, port, folder)
        await server.ready()
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def environment() -> dict[str, str]:
    """The variables of a server: no telemetry, no network, the bytecode of ordinary use."""
    dropped = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    offline = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    return kept | offline | {"BENCHMARK_SILERO": str(environments.silero())}


def free_port() -> int:
    """A port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
