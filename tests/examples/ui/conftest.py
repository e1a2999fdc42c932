"""Chromium with a spoken question for a microphone and coloured squares for a camera."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page, Request, sync_playwright

from fastrtc_core.audio import write_wav

EXAMPLES = Path(__file__).parents[3] / "examples"

FLAGS = [
    "--no-sandbox",  # tests may run as root
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",  # WebRTC over 127.0.0.1
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]

PATIENCE = 40.0
"""Seconds, for a page to show what it should."""

START_TIMEOUT = 60

Audio = tuple[int, NDArray[np.int16]]

LISTEN = """() => {
  const heard = (window.heard = { loudest: 0, hz: 0 });
  const connect = RTCPeerConnection.prototype;
  const set = connect.setRemoteDescription;
  connect.setRemoteDescription = function (...description) {
    this.addEventListener("track", ({ track }) => {
      if (track.kind !== "audio") return;
      const context = new AudioContext();
      const tap = new AnalyserNode(context, { fftSize: 4096 });
      context.createMediaStreamSource(new MediaStream([track])).connect(tap);
      const wave = new Float32Array(tap.fftSize);
      const bins = new Float32Array(tap.frequencyBinCount);
      setInterval(() => {
        tap.getFloatTimeDomainData(wave);
        const rms = Math.hypot(...wave) / Math.sqrt(wave.length);
        if (rms < heard.loudest) return;
        tap.getFloatFrequencyData(bins);
        heard.loudest = rms;
        heard.hz = (bins.indexOf(Math.max(...bins)) * context.sampleRate) / tap.fftSize;
      }, 50);
    }, { once: true });
    return set.apply(this, description);
  };
}"""
"""Note how loud what comes over WebRTC was at its loudest, and its strongest frequency then."""

LOOK = """([x, y]) => {
  const video = [...document.querySelectorAll("video")].find((one) => one.videoWidth);
  if (!video) return null;
  const context = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext("2d");
  context.drawImage(video, 0, 0);
  const at = [x * video.videoWidth, y * video.videoHeight];
  return Array.from(context.getImageData(...at, 1, 1).data).slice(0, 3);
}"""
"""Give the colour at a place of the video that is shown, which is told in parts of its size."""


@dataclass
class Visit:
    """A page in a tab of its own, and what went wrong in it."""

    page: Page
    faults: list[str] = field(default_factory=list)
    """Uncaught errors, and requests to elsewhere."""

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def leave(self) -> None:
        """Close the page."""
        self.page.context.close()

    def until(self, what: Callable[[], Any], why: str = "") -> Any:
        """Wait until something is so, and return it."""
        end = time.monotonic() + PATIENCE
        while not (found := what()):
            if time.monotonic() > end:
                text = self.page.locator("body").inner_text()
                pytest.fail(f"waited {PATIENCE} s for {why or what}; the page says: {text}")
            self.page.wait_for_timeout(50)
        return found

    def shows(self, text: str | re.Pattern[str]) -> None:
        """Wait until a text can be seen."""
        self.page.get_by_text(text).first.wait_for()

    def hears(self, level: float = 0.02) -> float:
        """Wait until something was loud enough; return its frequency in Hz."""
        self.until(lambda: self.page.evaluate("heard.loudest") > level, "sound")
        return float(self.page.evaluate("heard.hz"))

    def sees(self, color: tuple[int, int, int], x: float, y: float) -> None:
        """Wait until the video that is shown has a colour at a place."""

        def alike() -> bool:
            seen = self.page.evaluate(LOOK, [x, y])
            return seen is not None and bool(np.allclose(seen, color, atol=40))

        self.until(alike, f"the colour {color}; there is {self.page.evaluate(LOOK, [x, y])}")


@pytest.fixture(scope="session")
def microphone(say: Callable[[str], Audio], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question that pocketsphinx's dictation understands, then quiet for a while."""
    path = tmp_path_factory.mktemp("microphone") / "question.wav"
    rate, spoken = say("where are you from")
    write_wav(path, (rate, np.pad(spoken, ((0, 0), (0, 2 * rate)))))
    return path


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two strong squares, red above and blue below, and a pale one; on grey, 320x240 (YUV4MPEG2).

    The picture says what is up and down, left and right.
    """
    path = tmp_path_factory.mktemp("camera") / "squares.y4m"
    planes = np.full((240, 320, 3), (128, 128, 128), np.uint8)
    planes[40:100, 60:120] = (81, 90, 240)  # red, ITU-R BT.601
    planes[140:200, 60:120] = (41, 240, 110)  # blue
    planes[80:140, 200:260] = (128, 118, 150)  # a pale red
    frame = planes[..., 0].tobytes() + b"".join(planes[::2, ::2, at].tobytes() for at in (1, 2))
    head = b"YUV4MPEG2 W320 H240 F30:1 Ip A1:1 C420jpeg\n"
    path.write_bytes(head + 2 * (b"FRAME\n" + frame))
    return path


@pytest.fixture(scope="module")  # its event loop would be in the way of other modules' tests
def browser(require: Callable[[str], str], microphone: Path, camera: Path) -> Iterator[Browser]:
    """Start Chromium."""
    flags = [
        *FLAGS,
        f"--use-file-for-fake-audio-capture={microphone}",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=require("chromium"), args=flags) as launched,
    ):
        yield launched


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[str], Visit]]:
    """Give a function that opens a page."""
    with ExitStack() as contexts:

        def open_page(url: str) -> Visit:
            origin = "/".join(url.split("/")[:3])
            context = contexts.enter_context(
                browser.new_context(permissions=["microphone", "camera"])
            )
            context.set_default_timeout(PATIENCE * 1000)
            context.add_init_script(f"({LISTEN})()")
            seen = Visit(context.new_page())

            def on_request(request: Request) -> None:
                if not request.url.startswith((origin, "data:", "blob:")):
                    seen.faults.append(f"asked for {request.url}")

            seen.page.on("pageerror", lambda error: seen.faults.append(str(error)))
            seen.page.on("request", on_request)
            seen.page.goto(url)
            return seen

        yield open_page


class Program:
    """An example as a program.

    Args:
        name: Of the example.
        env: Added to the environment.

    """

    def __init__(self, name: str, env: Mapping[str, str]) -> None:
        path = EXAMPLES / f"{name}.py"
        command = [sys.executable, str(path)]
        if "\napp = " in path.read_text():  # an application, whose program has a port in it
            command = [sys.executable, "-m", "uvicorn", f"{name}:app", "--app-dir", str(EXAMPLES)]
            command += ["--port", "0", "--no-use-colors", "--timeout-graceful-shutdown", "2"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = {"GRADIO_SERVER_PORT": str(free.getsockname()[1])}
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **port, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._said: list[str] = []
        self._url: str | None = None
        self._known = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def url(self) -> str:
        """Wait until it serves."""
        assert self._known.wait(START_TIMEOUT)
        assert self._url is not None, "".join(self._said)
        return self._url

    def end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(START_TIMEOUT)
        finally:
            self._process.kill()
            self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._said.append(line)
                if found := re.search(r"unning on .*?(http://127.0.0.1:\d+)", line):
                    self._url = found[1]
                    self._known.set()
        self._known.set()


class Programs:
    """Examples as programs, each for the length of a block; the next two start meanwhile.

    Args:
        names: In the order in which they are asked for.
        env: Added to the environment of all.

    """

    def __init__(self, names: Sequence[str], env: Mapping[str, str]) -> None:
        self._names = list(names)
        self._env = {"PYTHONUNBUFFERED": "1", "GRADIO_ANALYTICS_ENABLED": "False", **env}
        self._running: dict[str, Program] = {}

    @contextmanager
    def serving(self, name: str) -> Iterator[str]:
        """Give the URL of an example."""
        try:
            url = self._started(name).url()
            at = self._names.index(name) + 1
            for soon in self._names[at : at + 2]:
                self._started(soon)
            yield url
        finally:
            self._running.pop(name).end()

    def _started(self, name: str) -> Program:
        if name not in self._running:
            self._running[name] = Program(name, self._env)
        return self._running[name]

    def end(self) -> None:
        for program in self._running.values():
            program.end()


@pytest.fixture(scope="module")
def programs() -> Iterator[Callable[[Sequence[str], Mapping[str, str]], Programs]]:
    """Give a function that makes `Programs`, which end with the module."""
    with ExitStack() as made:

        def make(names: Sequence[str], env: Mapping[str, str]) -> Programs:
            found = Programs(names, env)
            made.callback(found.end)
            return found

        yield make
