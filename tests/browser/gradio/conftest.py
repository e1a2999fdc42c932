"""Gradio pages in Chromium: served in this process, so that tests see both sides."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Locator, Page

if TYPE_CHECKING:
    import gradio as gr
    from tests.browser.conftest import Visit

PATIENCE = 20.0
"""Seconds; the longest wait is for a sentence and its echo."""

HEAR = """async (video, loud) => {
  while (!video.srcObject?.getAudioTracks().length) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const context = new AudioContext();
  const tap = new AnalyserNode(context, { fftSize: 8192 });
  context.createMediaStreamSource(video.srcObject).connect(tap);
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
  while (found.length < 7) found.push(await measure());
  await context.close();
  return ["hz", "rms"].map((name) => found.map((one) => one[name]).sort((a, b) => a - b)[3]);
}"""
"""Give frequency and level of what a video element plays, once it is loud: medians."""

LOOK = """(video) => {
  const [width, height] = [video.videoWidth, video.videoHeight];
  if (!width) return [[0, 0, 0], [0, 0, 0]];
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(video, 0, 0);
  return [0.25, 0.75].map((part) =>
    Array.from(context.getImageData(part * width, height / 2, 1, 1).data).slice(0, 3));
}"""
"""Give the colours in the middle of the left and right halves of a video."""


@dataclass
class Rtc:
    """A component on a page, as a person uses it."""

    page: Page
    root: Locator

    @property
    def state(self) -> str:
        """Return its state: idle, asking, connecting, connected, reconnecting, ended, failed."""
        return self.root.get_attribute("data-state") or ""

    @property
    def words(self) -> str:
        """Return what it says of its state."""
        return self.root.get_by_role("status").inner_text()

    def start(self) -> None:
        """Press Start, and wait for the connection."""
        self.root.get_by_role("button", name="Start").click()
        self.connected()

    def connected(self) -> None:
        """Wait for the connection."""
        self.wait(lambda: self.state == "connected")

    def stop(self) -> None:
        """Press Stop."""
        self.root.get_by_role("button", name="Stop").click()
        self.wait(lambda: self.state == "ended")

    def hear(self) -> tuple[float, float]:
        """Return frequency in Hz, in steps of 6, and level (rms, 0 to 1) of what is played."""
        hz, rms = self.root.locator("video").evaluate(HEAR, 0.1)
        return hz, rms

    def look(self) -> list[tuple[int, int, int]]:
        """Return the colours of the picture's left and right halves."""
        return [tuple(colour) for colour in self.root.locator("video").evaluate(LOOK)]

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"waited {PATIENCE} s; {self.state}: {self.words}"
            self.page.wait_for_timeout(50)

    @property
    def toasts(self) -> str:
        """Return what the toasts say."""
        return " ".join(self.page.locator(".toast-body").all_inner_texts())


@dataclass
class Tab:
    """A page in a browser of its own user."""

    page: Page
    faults: list[str]

    def rtc(self, number: int = 0) -> Rtc:
        """Return a component of the page's."""
        self.page.locator(".rtc[data-modality]").nth(number).wait_for(state="attached")
        return Rtc(self.page, self.page.locator(".rtc").nth(number))


@pytest.fixture(autouse=True)
def _gradio(close_event_loops: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")


@pytest.fixture
def launch() -> Iterator[Callable[..., str]]:
    """Give a function that serves a Gradio page and returns its URL."""
    with ExitStack() as servers:

        def start(blocks: "gr.Blocks", **options: Any) -> str:
            with socket.create_server(
                ("127.0.0.1", 0)
            ) as free:  # Gradio's own search leaks sockets
                port = free.getsockname()[1]
            _, url, _ = blocks.launch(
                prevent_thread_lock=True,
                quiet=True,
                server_name="127.0.0.1",
                server_port=port,
                **options,
            )
            servers.callback(blocks.close, verbose=False)
            return url

        yield start


@pytest.fixture
def open_tab(visit: Callable[..., "Visit"]) -> Callable[..., Tab]:
    """Give a function that opens a page as a user of its own; see `visit` for its options."""

    def open_page(url: str, **options: Any) -> Tab:
        options = {"sound": "tone", "devices": ("microphone", "camera"), **options}
        seen = visit(url, **options)
        return Tab(seen.page, seen.faults)

    return open_page


@pytest.fixture
def keep_screenshot(request: pytest.FixtureRequest) -> Callable[[Page], Path]:
    """Give a function that keeps a picture of a page in ``tests/browser/screenshots``."""
    folder = Path(__file__).parents[1] / "screenshots"

    def keep(page: Page, name: str = "") -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / f"{request.node.name}{name}.png"
        page.screenshot(path=path)
        return path

    return keep
