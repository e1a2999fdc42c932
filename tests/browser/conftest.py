"""Chromium with speech or a tone for a microphone and colours for a camera; pages; servers."""

import asyncio
import subprocess
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from fastrtc.serve import Server
from fastrtc_core import AsyncStreamHandler, Stream
from fastrtc_core.audio import write_wav

FLAGS = [
    "--no-sandbox",  # tests may run as root
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",  # WebRTC over 127.0.0.1
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP voice.test 127.0.0.1",  # a page that is not from this machine
]

PATIENCE = 20.0
"""Seconds; the longest wait is for two sentences and their echo."""

RATE = 22050
"""Of espeak-ng's recordings, in Hz."""

HEAR = """async (loud) => {
  const context = new AudioContext();
  const tap = new AnalyserNode(context, { fftSize: 8192 });
  context.createMediaStreamSource(fastrtcPage.client.stream).connect(tap);
  const wave = new Float32Array(tap.fftSize);
  const bins = new Float32Array(tap.frequencyBinCount);
  const measure = async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    tap.getFloatTimeDomainData(wave);
    tap.getFloatFrequencyData(bins);
    const hz = (bins.indexOf(Math.max(...bins)) * context.sampleRate) / tap.fftSize;
    return { hz, rms: Math.hypot(...wave) / Math.sqrt(wave.length) };
  };
  for (const end = performance.now() + 10000; performance.now() < end; ) {
    if ((await measure()).rms > loud) break;
  }
  const found = [];
  while (found.length < 11) found.push(await measure());
  await context.close();
  return ["hz", "rms"].map((name) => found.map((one) => one[name]).sort((a, b) => a - b)[5]);
}"""
"""Give frequency and level of what comes over WebRTC, once it is loud: medians of a second."""

LOOK = """(id) => {
  const video = document.getElementById(id);
  const [width, height] = [video.videoWidth, video.videoHeight];
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(video, 0, 0);
  return [0.25, 0.75].map((part) =>
    Array.from(context.getImageData(part * width, height / 2, 1, 1).data).slice(0, 3));
}"""
"""Give the colours in the middle of the left and right halves of a video."""


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Path:
    """A sentence, a second one that interrupts the echo of the first, and time for its own."""
    espeak, folder = require("espeak-ng"), tmp_path_factory.mktemp("speech")

    def say(text: str) -> bytes:
        file = folder / "sentence.wav"
        subprocess.run([espeak, "-v", "en-us", "-w", file, text], check=True)
        with wave.open(str(file)) as recording:
            assert recording.getframerate() == RATE
            frames: bytes = recording.readframes(recording.getnframes())
            return frames

    def silence(seconds: float) -> bytes:
        return bytes(2 * int(seconds * RATE))

    sentences = say("Hello there, this is my first sentence."), say("And here comes the next one.")
    path = folder / "microphone.wav"
    with wave.open(str(path), "wb") as recording:
        recording.setparams((1, 2, RATE, 0, "NONE", ""))
        recording.writeframes(
            b"".join([silence(0.5), sentences[0], silence(1.6), sentences[1], silence(4.5)])
        )
    return path


@pytest.fixture(scope="session")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone of 440 Hz whose root mean square is 0.283, in whole periods so that it loops."""
    path = tmp_path_factory.mktemp("tone") / "microphone.wav"
    wave_form = 0.4 * np.sin(2 * np.pi * 440 * np.arange(2 * 48000) / 48000)
    write_wav(path, (48000, np.round(32767 * wave_form).astype(np.int16)[np.newaxis]))
    return path


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 320x240 whose left half is red and whose right half is blue, YUV4MPEG2."""
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    planes = b"".join(
        np.repeat([[left, right]], [width // 2, width // 2], axis=1)
        .repeat(height, axis=0)
        .astype(np.uint8)
        .tobytes()
        for left, right, width, height in [
            (81, 41, 320, 240),  # Y of red and blue, ITU-R BT.601
            (90, 240, 160, 120),  # U
            (240, 110, 160, 120),  # V
        ]
    )
    head = b"YUV4MPEG2 W320 H240 F30:1 Ip A1:1 C420jpeg\n"
    path.write_bytes(head + 2 * (b"FRAME\n" + planes))
    return path


@pytest.fixture(scope="module")  # its event loop would be in the way of other modules' tests
def browser(
    require: Callable[[str], str], speech: Path, tone: Path, camera: Path
) -> Iterator[Callable[[str], Browser]]:
    """Give a function that starts a browser which hears ``speech`` or a ``tone``.

    With ``screen`` it hears the tone, and shares its screen when it is asked to.
    """
    chromium = require("chromium")
    sounds = {"speech": speech, "tone": tone, "screen": tone}
    with sync_playwright() as playwright, ExitStack() as running:

        @cache
        def start(sound: str) -> Browser:
            flags = [
                *FLAGS,
                f"--use-file-for-fake-audio-capture={sounds[sound]}",
                f"--use-file-for-fake-video-capture={camera}",
                *(["--use-fake-ui-for-media-stream"] if sound == "screen" else []),
            ]
            launched = playwright.chromium.launch(executable_path=chromium, args=flags)
            return running.enter_context(launched)

        yield start


@dataclass
class Visit:
    """The page in a tab of its own, and what went wrong in it."""

    page: Page
    faults: list[str] = field(default_factory=list)
    """Uncaught errors and rejections, errors on the console (broken CSP rules among them),
    requests to elsewhere."""

    def read(self, name: str) -> object:
        """Return one of the things that `fastrtcPage.read` tells."""
        return self.page.evaluate(f"fastrtcPage.read().{name}")

    def wait(self, condition: str) -> None:
        """Wait for a JavaScript expression of ``now``, which is what `fastrtcPage.read` gives."""
        end = time.monotonic() + PATIENCE
        while not self.page.evaluate(f"(now => {condition})(fastrtcPage.read())"):
            state = self.page.evaluate("fastrtcPage.read()")
            assert time.monotonic() < end, f"waited {PATIENCE} s for {condition}; {state}"
            self.page.wait_for_timeout(50)  # wait_for_function evaluates text: CSP forbids that

    def start(self) -> None:
        """Press Start."""
        self.page.get_by_role("button", name="Start").click()

    def stop(self) -> None:
        """Press Stop."""
        self.page.get_by_role("button", name="Stop").click()
        self.wait("now.state === 'ended'")

    def alert(self) -> str:
        """Return what the page says went wrong."""
        return self.page.get_by_role("alert").inner_text()

    def log(self) -> str:
        """Return the log."""
        return self.page.get_by_role("log").inner_text()

    def hear(self) -> tuple[float, float]:
        """Return frequency in Hz, in steps of 6, and level (rms, 0 to 1) of what comes.

        Medians of a second, because a browser stretches sound while its buffer grows or shrinks.
        """
        hz, rms = self.page.evaluate(HEAR, 0.1)
        return hz, rms

    def look(self, video: str = "remote") -> list[tuple[int, int, int]]:
        """Return the colours of a picture's left and right halves."""
        return [(red, green, blue) for red, green, blue in self.page.evaluate(LOOK, video)]


@pytest.fixture
def visit(browser: Callable[[str], Browser]) -> Iterator[Callable[..., Visit]]:
    """Give a function that opens a page; its options are those of Playwright's `new_context`.

    The page may use ``devices``, and hears the ``sound`` in the microphone, see `browser`.
    """
    with ExitStack() as contexts:

        def open_page(
            url: str,
            *,
            devices: Sequence[str] = ("microphone",),
            sound: str = "speech",
            **options: object,
        ) -> Visit:
            context = contexts.enter_context(
                browser(sound).new_context(permissions=list(devices), **options)  # type: ignore[arg-type] # as its caller says
            )
            seen = Visit(context.new_page())

            def on_console(message: ConsoleMessage) -> None:
                if message.type == "error":
                    seen.faults.append(f"{message.text} ({message.location['url']})")

            def on_request(request: Request) -> None:
                if not request.url.removeprefix("blob:").startswith(url):
                    seen.faults.append(f"asked for {request.url}")

            seen.page.on("pageerror", lambda error: seen.faults.append(str(error)))
            seen.page.on("console", on_console)
            seen.page.on("request", on_request)
            seen.page.goto(url)
            return seen

        yield open_page


class Echo(AsyncStreamHandler):
    """Sends back what it hears."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=48_000, output_sample_rate=48_000)
        self._sound: asyncio.Queue[tuple[int, NDArray[np.int16]]] = asyncio.Queue(16)

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        await self._sound.put(frame)

    async def emit(self) -> tuple[int, NDArray[np.int16]]:
        return await self._sound.get()

    def copy(self) -> "Echo":
        return Echo()


@pytest.fixture
def echo() -> Callable[..., Stream]:
    """Give a function that makes a stream which sends back what it hears, as it is."""
    as_it_is = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}

    def make(**options: Any) -> Stream:
        settings: dict[str, Any] = {"track_constraints": as_it_is, **options}
        return Stream(Echo(), modality="audio", mode="send-receive", **settings)

    return make


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
