"""The built-in page over WebSocket in a real browser: real clicks, real sound, a real server."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import AsyncStreamHandler, Stream
from fastrtc_vad import ReplyOnPause

if TYPE_CHECKING:
    from tests.browser.conftest import Visit

Audio = tuple[int, NDArray[np.int16]]


@dataclass
class Demo:
    """``python -m fastrtc.demo`` in a process of its own."""

    url: str
    process: subprocess.Popen[str]

    def end(self, by: signal.Signals) -> None:
        """Send it a signal and wait until it has ended."""
        self.process.send_signal(by)
        self.process.wait(10)


Open = Callable[..., "Visit"]
Serve = Callable[..., str]


@pytest.fixture
def visit(visit: Open) -> Open:
    """Give a function that opens a page, which is to connect over WebSocket."""

    def open_page(url: str, **options: object) -> "Visit":
        seen = visit(url, **options)
        seen.page.get_by_label("Connection").select_option("websocket")
        return seen

    return open_page


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


class Silent(AsyncStreamHandler):
    """Takes what is said and says nothing."""

    async def receive(self, frame: Audio) -> None:
        pass

    async def emit(self) -> None:
        await self.wait_for_args()  # never come

    def copy(self) -> "Silent":
        return Silent()


def watch_reports(seen: "Visit") -> list[float]:
    """Give the list to which the positions are added that the page reports as played."""
    positions: list[float] = []

    def on_sent(data: str | bytes) -> None:
        if isinstance(data, str) and (message := json.loads(data))["event"] == "played":
            positions.append(message["position"])

    seen.page.on("websocket", lambda socket: socket.on("framesent", on_sent))
    return positions


def painted(seen: "Visit", name: str) -> int:
    """Count the timeline's pixels of a colour that the style sheet names, translucent or not."""
    count = seen.page.evaluate(
        """(name) => {
          const hex = getComputedStyle(timeline).getPropertyValue(`--${name}`).trim();
          const wanted = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
          const { width, height } = timeline;
          const { data } = timeline.getContext("2d").getImageData(0, 0, width, height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4) {
            const near = wanted.every((value, channel) => Math.abs(value - data[i + channel]) < 8);
            if (near && data[i + 3] > 0) count += 1;
          }
          return count;
        }""",
        name,
    )
    assert isinstance(count, int)
    return count


def test_a_conversation(visit: Open, demo: Demo) -> None:
    seen = visit(demo.url)
    assert seen.page.get_by_role("status").inner_text().startswith("Ready")
    idle = {name: painted(seen, name) for name in ("you", "reply", "speech")}

    seen.start()
    seen.wait("now.marks.some(({ kind }) => kind === 'response_finished')")

    marks = seen.page.evaluate("fastrtcPage.read().marks.map(({ kind }) => kind)")
    assert marks[:7] == [
        "started_talking",
        "pause_detected",
        "response_starting",
        "interrupted",
        "started_talking",
        "pause_detected",
        "response_starting",
    ]
    entries = seen.log()
    for words in ("You started talking", "Pause detected", "You interrupted", "is finished"):
        assert words in entries
    assert seen.read("counts.clears") == 1
    assert seen.read("counts.framesDropped") == 0
    assert seen.read("loudest > 0.05")
    assert seen.read("counts.speechWindows * 0.032") == pytest.approx(seen.read("seconds"), abs=0.5)
    for name, before in idle.items():  # labels and marks are fewer than 1000 pixels
        assert painted(seen, name) > before + 3000, name

    seen.stop()
    assert seen.page.get_by_role("button", name="Start").is_enabled()
    assert seen.faults == []


def test_what_was_cleared_is_not_heard(visit: Open, serve: Serve) -> None:
    played: list[float] = []

    def minute(audio: Audio) -> Iterator[Audio]:
        yield 24000, np.full((1, 60 * 24000), 1000, np.int16)

    stream = Stream(
        ReplyOnPause(minute),
        modality="audio",
        mode="send-receive",
        on_event=lambda session, event: played.append(session.played),
    )
    seen = visit(serve(stream))
    reports = watch_reports(seen)
    seen.start()
    seen.wait("now.counts.clears === 1 && now.pending === 0")
    position = seen.page.evaluate("fastrtcPage.read().position")
    heard = seen.page.evaluate(
        "fastrtcPage.read().marks[3].time - fastrtcPage.read().marks[2].time"
    )
    assert 0.5 < position < heard + 0.1
    assert max(played) == pytest.approx(position, abs=0.2)
    assert max(np.diff(reports)) < 0.3
    assert min(np.diff(reports)) >= 0
    assert reports[-1] == position


def test_start_again_after_stop(visit: Open, serve: Serve) -> None:
    seen = visit(serve(Stream(Silent(), modality="audio", mode="send-receive")))
    for _ in range(3):
        seen.start()
        seen.wait("now.state === 'listening' && now.counts.framesSent > 5")
        seen.stop()
    assert seen.faults == []


def test_mute(visit: Open, serve: Serve) -> None:
    heard: list[int] = []

    class Meter(Silent):
        async def receive(self, frame: Audio) -> None:
            heard.append(int(np.abs(frame[1]).max()))

        def copy(self) -> "Meter":
            return Meter()

    seen = visit(serve(Stream(Meter(), modality="audio", mode="send-receive")))
    seen.start()
    seen.wait("now.seconds > 1.5")
    assert max(heard) > 500
    mute = seen.page.get_by_role("button", name="Mute")
    mute.click()
    assert mute.get_attribute("aria-pressed") == "true"
    sent = seen.page.evaluate("fastrtcPage.read().counts.framesSent")
    seen.wait(f"now.counts.framesSent > {sent + 20}")
    del heard[:]
    seen.wait(f"now.counts.framesSent > {sent + 100}")
    assert max(heard) == 0


def test_under_a_path(visit: Open, serve: Serve) -> None:
    seen = visit(serve(Stream(Silent(), modality="audio", mode="send-receive"), "/voice"))
    seen.start()
    seen.wait("now.state === 'listening'")
    assert seen.faults == []


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (signal.SIGKILL, "The connection was lost"),
        (signal.SIGTERM, "The server is shutting down"),
    ],
)
def test_server_gone(by: signal.Signals, words: str, visit: Open, demo: Demo) -> None:
    seen = visit(demo.url)
    seen.start()
    seen.wait("now.state === 'listening'")
    demo.end(by)
    seen.wait("now.state === 'failed'")
    assert words in seen.alert()

    seen.start()
    seen.wait("now.state === 'failed'")
    assert "cannot be reached" in seen.alert()


def test_refused_by_the_limit(visit: Open, serve: Serve) -> None:
    url = serve(Stream(Silent(), modality="audio", mode="send-receive", concurrency_limit=1))
    first, second = visit(url), visit(url)
    first.start()
    first.wait("now.state === 'listening'")
    second.start()
    second.wait("now.state === 'failed'")
    assert "The server is full: 1 person is connected" in second.alert()

    first.stop()
    second.start()
    second.wait("now.state === 'listening'")
    assert first.faults == second.faults == []


def test_microphone_refused(visit: Open, serve: Serve) -> None:
    url = serve(Stream(Silent(), modality="audio", mode="send-receive"))
    seen = visit(url, devices=[])
    seen.start()
    seen.wait("now.state === 'failed'")
    assert "The microphone was refused" in seen.alert()
    assert seen.faults == []


def test_insecure_page(visit: Open, serve: Serve) -> None:
    url = serve(Stream(Silent(), modality="audio", mode="send-receive"))
    seen = visit(url.replace("127.0.0.1", "voice.test"), devices=[])
    seen.start()
    seen.wait("now.state === 'failed'")
    assert "only to pages from https://" in seen.alert()


def test_time_limit(visit: Open, serve: Serve) -> None:
    url = serve(Stream(Silent(), modality="audio", mode="send-receive", time_limit=0.5))
    seen = visit(url)
    seen.start()
    seen.wait("now.state === 'ended'")
    assert "The server ended the conversation" in str(seen.read("text"))


def test_failing_reply(visit: Open, serve: Serve) -> None:
    def fail(audio: Audio) -> Iterator[Audio]:
        raise LookupError

    seen = visit(serve(Stream(ReplyOnPause(fail), modality="audio", mode="send-receive")))
    seen.start()
    seen.wait("now.entries.some(({ kind }) => kind === 'error') && now.state === 'listening'")
    assert "LookupError" in seen.log()
    seen.wait("now.marks.filter(({ kind }) => kind === 'pause_detected').length > 1")
    assert seen.faults == []


@pytest.mark.parametrize("width", [360, 1280])
def test_fits_the_screen(width: int, visit: Open, serve: Serve) -> None:
    url = serve(Stream(Silent(), modality="audio", mode="send-receive"))
    seen = visit(url, viewport={"width": width, "height": 720}, device_scale_factor=2)
    size = seen.page.evaluate("[document.documentElement.scrollWidth, timeline.width]")
    assert size[0] == width
    assert size[1] == 2 * seen.page.evaluate("timeline.clientWidth")


def test_keyboard(visit: Open, serve: Serve) -> None:
    seen = visit(serve(Stream(Silent(), modality="audio", mode="send-receive")))
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Enter")
    seen.wait("now.state === 'listening'")
    seen.page.keyboard.press("Enter")
    seen.wait("now.state === 'ended'")
