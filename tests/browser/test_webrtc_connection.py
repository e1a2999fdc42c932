"""WebRTC connections of the built-in page: begun, changed, lost, refused; in words."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc import demo
from fastrtc_core import (
    ConnectionRequest,
    Session,
    SessionClosed,
    Stream,
    UnauthorizedError,
)
from fastrtc_vad import ReplyOnPause

if TYPE_CHECKING:
    from playwright.sync_api import Route
    from tests.browser.conftest import Visit

pytest.importorskip("fastrtc_webrtc")

Audio = tuple[int, NDArray[np.int16]]
Open = Callable[..., "Visit"]
Serve = Callable[..., str]
Make = Callable[..., Stream]

BOTH = ("microphone", "camera")

# Connections


def test_ice_restart(visit: Open, serve: Serve, echo: Make) -> None:
    stream = echo()
    seen = visit(serve(stream), sound="tone")
    seen.start()
    seen.wait("now.state === 'listening'")
    before = [session.id for session in stream.sessions]
    found = seen.page.evaluate(
        """async () => {
          const { client } = fastrtcPage;
          const ufrag = () => /ice-ufrag:(.*)/.exec(client.connection.localDescription.sdp)[1];
          const before = ufrag();
          return { done: await client.restartIce(), changed: ufrag() !== before };
        }"""
    )
    assert found == {"done": True, "changed": True}
    seen.wait("now.counts.packetsReceived > 100")
    assert seen.hear()[0] == pytest.approx(440, abs=8)
    assert seen.read("state") == "listening"
    assert [session.id for session in stream.sessions] == before
    seen.stop()
    assert seen.faults == []


def test_a_new_connection_keeps_the_session(visit: Open, serve: Serve, echo: Make) -> None:
    stream = echo()
    seen = visit(serve(stream), sound="tone")
    seen.start()
    seen.wait("now.state === 'listening'")
    before = [session.id for session in stream.sessions]
    assert before == [seen.page.evaluate("fastrtcPage.client.id")]
    assert seen.page.evaluate("fastrtcPage.client.reconnect()") is True
    assert seen.read("counts.reconnections") == 1
    seen.wait("!sound.paused && sound.currentTime > 0.3")
    assert seen.hear()[0] == pytest.approx(440, abs=8)
    assert [session.id for session in stream.sessions] == before
    assert "the conversation goes on" in seen.log()
    assert isinstance(seen.page.evaluate("fastrtcPage.client.ping()"), int | float)
    seen.stop()
    assert seen.faults == []


def test_leaving_ends_the_session(visit: Open, serve: Serve, echo: Make) -> None:
    left = threading.Event()

    def note(session: Session, event: object) -> None:
        if isinstance(event, SessionClosed):
            left.set()

    url = serve(echo(on_event=note))
    ways: list[Callable[[Visit], object]] = [
        lambda seen: seen.stop(),
        lambda seen: seen.page.goto("about:blank"),
    ]
    for leave in ways:
        left.clear()
        seen = visit(url)
        seen.start()
        seen.wait("now.state === 'listening'")
        leave(seen)
        assert left.wait(2)  # long before it would be missed


def test_start_again_after_stop(visit: Open, serve: Serve, echo: Make) -> None:
    seen = visit(serve(echo()))
    for _ in range(3):
        seen.start()
        seen.wait("now.state === 'listening'")
        seen.stop()
    assert seen.faults == []


@pytest.mark.parametrize("state", ["asking", "connecting", "connected"])
def test_closed_at_any_moment(state: str, visit: Open, serve: Serve, echo: Make) -> None:
    stream = echo()
    seen = visit(serve(stream))
    outcome = seen.page.evaluate(
        """async (state) => {
          const { WebRTCClient } = await import("./webrtc/fastrtc-webrtc.js");
          const client = new WebRTCClient();
          const states = [];
          client.addEventListener("state", ({ detail }) => {
            states.push(detail.state);
            if (detail.state === state) client.close();
          });
          const connected = await client.connect();
          await new Promise((resolve) => setTimeout(resolve, 300));
          const tracks = [...client.local.getTracks(), ...client.stream.getTracks()];
          return { connected, last: states.at(-1), tracks: tracks.length };
        }""",
        state,
    )
    assert outcome == {"connected": False, "last": "ended", "tracks": 0}
    while len(stream.sessions):
        seen.page.wait_for_timeout(20)
    assert seen.faults == []


@contextmanager
def mirror(port: int) -> Iterator[subprocess.Popen[str]]:
    """Run the demo in a process of its own; it answers when this returns."""
    command = [sys.executable, "-m", "fastrtc.demo", "--modality", "video", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert f"127.0.0.1:{port}" in process.stdout.readline()
            yield process
        finally:
            process.kill()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free: int = taken.getsockname()[1]
        return free


def test_the_server_is_gone_and_back(port: int, visit: Open) -> None:
    with mirror(port):
        seen = visit(f"http://127.0.0.1:{port}/", devices=["camera"])
        seen.start()
        seen.wait("now.state === 'running' && now.pictures.remote")
    seen.wait("now.state === 'reconnecting'")  # SIGKILL: it has not said goodbye
    assert "being restored" in seen.page.get_by_role("status").inner_text()
    with mirror(port) as server:
        seen.wait("now.state === 'running' && now.counts.reconnections === 1")
        assert "the server has begun a new conversation" in seen.log()
        assert isinstance(seen.page.evaluate("fastrtcPage.client.ping()"), int | float)
        server.send_signal(signal.SIGTERM)
        seen.wait("now.state === 'ended'")
        assert "The server is shutting down" in str(seen.read("text"))
    seen.start()
    seen.wait("now.state === 'failed'")
    assert "cannot be reached" in seen.alert()


# Words


def test_refused_by_the_limit(visit: Open, serve: Serve, echo: Make) -> None:
    url = serve(echo(concurrency_limit=1))
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


def test_unauthorized(visit: Open, serve: Serve, echo: Make) -> None:
    def authorize(request: ConnectionRequest) -> None:
        raise UnauthorizedError

    seen = visit(serve(echo(authorize=authorize)))
    seen.start()
    seen.wait("now.state === 'failed'")
    assert "you are not authorized" in seen.alert()


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        (["microphone"], "The camera was refused"),
        (["camera"], "The microphone was refused"),
        ([], "The microphone or the camera was refused"),
    ],
)
def test_a_device_is_refused(devices: list[str], words: str, visit: Open, serve: Serve) -> None:
    url = serve(Stream(demo.Echo(), modality="audio-video", mode="send-receive"))
    seen = visit(url, devices=devices)
    seen.start()
    seen.wait("now.state === 'failed'")
    assert words in seen.alert()
    assert seen.faults == []


def test_insecure_page(visit: Open, serve: Serve) -> None:
    url = serve(Stream(demo.mirror, modality="video", mode="send-receive"))
    seen = visit(url.replace("127.0.0.1", "voice.test"), devices=[])
    seen.start()
    seen.wait("now.state === 'failed'")
    assert "camera only to pages from https://" in seen.alert()


def test_time_limit(visit: Open, serve: Serve, echo: Make) -> None:
    seen = visit(serve(echo(time_limit=0.5)))
    seen.start()
    seen.wait("now.state === 'ended'")
    assert "The server ended the conversation: " in str(seen.read("text"))
    assert seen.faults == []


def test_failing_function(visit: Open, serve: Serve) -> None:
    def fail(audio: Audio) -> Iterator[Audio]:
        raise LookupError

    seen = visit(serve(Stream(ReplyOnPause(fail), modality="audio", mode="send-receive")))
    seen.start()
    seen.wait("now.entries.some(({ kind }) => kind === 'error') && now.state === 'listening'")
    assert "LookupError" in seen.log()
    assert seen.faults == []


def test_no_network_path(visit: Open, serve: Serve, echo: Make) -> None:
    """Candidates that lead nowhere: relays only, without a relay."""
    relayed = {"iceServers": [], "iceTransportPolicy": "relay"}

    def only_relays(route: "Route") -> None:
        config = route.fetch().json()
        route.fulfill(json=config | {"rtcConfiguration": relayed})

    seen = visit(serve(echo()))
    seen.page.route("**/webrtc/config", only_relays)
    seen.page.clock.install()
    seen.start()
    seen.wait("now.state === 'connecting'")
    for _ in range(25):
        seen.page.clock.run_for(1000)
    seen.wait("now.state === 'failed'")
    assert "a TURN server is needed" in seen.alert()
