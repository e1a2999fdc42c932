"""Chromium with speech for a microphone, and servers for it to talk to."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from fastrtc.serve import Server
from fastrtc_core import Stream

FLAGS = [
    "--no-sandbox",  # tests may run as root
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]

RATE = 22050
"""Of espeak-ng's recordings, in Hz."""


@dataclass
class Visit:
    """The page in a tab of its own, and what went wrong in it."""

    page: Page
    faults: list[str] = field(default_factory=list)
    """Uncaught errors, errors on the console (broken CSP rules among them), outside requests."""

    def read(self, name: str) -> object:
        """Return one of the things that `fastrtcPage.read` tells."""
        return self.page.evaluate(f"fastrtcPage.read().{name}")

    def wait(self, condition: str) -> None:
        """Wait for a JavaScript expression of ``now``, which is what `fastrtcPage.read` gives."""
        self.page.wait_for_function(f"(now => {condition})(fastrtcPage.read())", timeout=20_000)


@dataclass
class Demo:
    """``python -m fastrtc.demo`` in a process of its own."""

    url: str
    process: subprocess.Popen[str]

    def end(self, by: signal.Signals) -> None:
        """Send it a signal and wait until it has ended."""
        self.process.send_signal(by)
        self.process.wait(10)


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Path:
    """A sentence, a second one that interrupts the echo of the first, and time for its own."""
    espeak, folder = require("espeak-ng"), tmp_path_factory.mktemp("speech")

    def say(text: str) -> bytes:
        file = folder / "sentence.wav"
        subprocess.run([espeak, "-v", "en-us", "-w", file, text], check=True)
        with wave.open(str(file)) as recording:
            assert recording.getframerate() == RATE
            return recording.readframes(recording.getnframes())

    def silence(seconds: float) -> bytes:
        return bytes(np.zeros(int(seconds * RATE), np.int16))

    sentences = say("Hello there, this is my first sentence."), say("And here comes the next one.")
    path = folder / "microphone.wav"
    with wave.open(str(path), "wb") as recording:
        recording.setparams((1, 2, RATE, 0, "NONE", ""))
        recording.writeframes(
            b"".join([silence(0.5), sentences[0], silence(1.6), sentences[1], silence(4.5)])
        )
    return path


@pytest.fixture(scope="module")  # its event loop would be in the way of other modules' tests
def browser(require: Callable[[str], str], speech: Path) -> Iterator[Browser]:
    chromium = require("chromium")
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={speech}"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=flags) as browser,
    ):
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Give a function that opens a page; its options are those of Playwright's `new_context`."""
    with ExitStack() as contexts:

        def open_page(url: str, *, microphone: bool = True, **options: object) -> Visit:
            context = contexts.enter_context(
                browser.new_context(permissions=["microphone"] if microphone else [], **options)  # type: ignore[arg-type] # as its caller says
            )
            seen = Visit(context.new_page())

            def on_console(message: ConsoleMessage) -> None:
                if message.type == "error":
                    seen.faults.append(message.text)

            def on_request(request: Request) -> None:
                if not request.url.startswith(url):
                    seen.faults.append(f"asked for {request.url}")

            seen.page.on("pageerror", lambda error: seen.faults.append(str(error)))
            seen.page.on("console", on_console)
            seen.page.on("request", on_request)
            seen.page.goto(url)
            return seen

        yield open_page


@pytest.fixture
def demo() -> Iterator[Demo]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "fastrtc.demo", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert f"127.0.0.1:{port}" in process.stdout.readline()  # said once it answers
            yield Demo(f"http://127.0.0.1:{port}/", process)
        finally:
            process.kill()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Give a function that serves a stream under a path, and returns the page's URL."""
    with ExitStack() as servers:
        yield lambda stream, path="": servers.enter_context(_served(stream, path))


@contextmanager
def _served(stream: Stream, path: str) -> Iterator[str]:
    server = Server(stream, port=0, path=path)
    ready, loop, done = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        async with server.running():
            ready.set()
            await done.wait()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(10)
        yield server.url
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
