"""The built-in page in a real browser: real clicks, real sound, a real server."""

import signal
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page

from fastrtc_core import AsyncStreamHandler, CloseStream, Stream
from fastrtc_vad import ReplyOnPause

Audio = tuple[int, NDArray[np.int16]]


class Visit(Protocol):
    page: Page
    faults: list[str]

    def read(self, name: str) -> object: ...
    def wait(self, condition: str) -> None: ...


class Demo(Protocol):
    url: str

    def end(self, by: signal.Signals) -> None: ...


Open = Callable[..., Visit]
Serve = Callable[..., str]


class Silent(AsyncStreamHandler):
    """Takes what is said and says nothing."""

    async def receive(self, frame: Audio) -> None:
        pass

    async def emit(self) -> None:
        await self.wait_for_args()  # never come

    def copy(self) -> "Silent":
        return Silent()


def start(seen: Visit) -> None:
    seen.page.get_by_role("button", name="Start").click()


def alert(seen: Visit) -> str:
    return seen.page.get_by_role("alert").inner_text()


def colors(page: Page) -> int:
    """Count the colours on the timeline that are no shade of its grid."""
    count = page.evaluate("""() => {
      const canvas = document.getElementById("timeline");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] === 255) seen.add(data.slice(i, i + 3).join());
      }
      return seen.size;
    }""")
    assert isinstance(count, int)
    return count


def test_a_conversation(visit: Open, demo: Demo) -> None:
    seen = visit(demo.url)
    assert seen.page.get_by_role("status").inner_text().startswith("Ready")
    idle = colors(seen.page)

    start(seen)
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
    entries = seen.page.get_by_role("log").inner_text()
    for words in ("You started talking", "Pause detected", "You interrupted", "is finished"):
        assert words in entries
    assert seen.read("counts.clears") == 1
    assert seen.read("counts.framesDropped") == 0
    assert seen.read("loudest > 0.05")
    assert seen.read("counts.speechWindows * 0.032") == pytest.approx(
        seen.read("seconds"), abs=0.5
    )
    assert colors(seen.page) > idle

    seen.page.get_by_role("button", name="Stop").click()
    seen.wait("now.state === 'ended'")
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
    start(seen)
    seen.wait("now.counts.clears === 1 && now.pending === 0")
    position = seen.page.evaluate("fastrtcPage.read().position")
    heard = seen.page.evaluate(
        "fastrtcPage.read().marks[3].time - fastrtcPage.read().marks[2].time"
    )
    assert 0.5 < position < heard + 0.1
    assert max(played) == pytest.approx(position, abs=0.2)


def test_start_again_after_stop(visit: Open, serve: Serve) -> None:
    seen = visit(serve(Stream(Silent(), modality="audio", mode="send-receive")))
    for _ in range(3):
        start(seen)
        seen.wait("now.state === 'listening' && now.counts.framesSent > 5")
        seen.page.get_by_role("button", name="Stop").click()
        seen.wait("now.state === 'ended'")
    assert seen.faults == []


def test_mute(visit: Open, serve: Serve) -> None:
    heard: list[int] = []

    class Meter(Silent):
        async def receive(self, frame: Audio) -> None:
            heard.append(int(np.abs(frame[1]).max()))

        def copy(self) -> "Meter":
            return Meter()

    seen = visit(serve(Stream(Meter(), modality="audio", mode="send-receive")))
    start(seen)
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
    start(seen)
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
    start(seen)
    seen.wait("now.state === 'listening'")
    demo.end(by)
    seen.wait("now.state === 'failed'")
    assert words in alert(seen)

    start(seen)
    seen.wait("now.state === 'failed'")
    assert "cannot be reached" in alert(seen)


def test_refused_by_the_limit(visit: Open, serve: Serve) -> None:
    url = serve(Stream(Silent(), modality="audio", mode="send-receive", concurrency_limit=1))
    first, second = visit(url), visit(url)
    start(first)
    first.wait("now.state === 'listening'")
    start(second)
    second.wait("now.state === 'failed'")
    assert "The server is full: 1 person is connected" in alert(second)

    first.page.get_by_role("button", name="Stop").click()
    start(second)
    second.wait("now.state === 'listening'")
    assert first.faults == second.faults == []


def test_microphone_refused(visit: Open, serve: Serve) -> None:
    url = serve(Stream(Silent(), modality="audio", mode="send-receive"))
    seen = visit(url, microphone=False)
    start(seen)
    seen.wait("now.state === 'failed'")
    assert "The microphone was refused" in alert(seen)
    assert seen.faults == []


def test_time_limit(visit: Open, serve: Serve) -> None:
    url = serve(Stream(Silent(), modality="audio", mode="send-receive", time_limit=0.5))
    seen = visit(url)
    start(seen)
    seen.wait("now.state === 'ended'")
    assert "The server ended the conversation" in str(seen.read("text"))


def test_failing_reply(visit: Open, serve: Serve) -> None:
    def fail(audio: Audio) -> Iterator[Audio]:
        raise LookupError
        yield audio

    seen = visit(serve(Stream(ReplyOnPause(fail), modality="audio", mode="send-receive")))
    start(seen)
    seen.wait("now.entries.some(({ kind }) => kind === 'error') && now.state === 'listening'")
    assert "LookupError" in seen.page.get_by_role("log").inner_text()
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
