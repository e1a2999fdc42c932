"""The doctor's page in a real browser: what it finds, and how it says so."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fastrtc import demo
from fastrtc_core import Stream

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.browser.conftest import Visit

pytest.importorskip("fastrtc_webrtc")

Open = Callable[..., "Visit"]
Serve = Callable[..., str]

BOTH = ("microphone", "camera")
LOCAL = "127.0.0.1"
SECRET = "north-by-northwest"
PATIENCE = 40_000
"""Milliseconds for all checks; a TURN server that is silent has 12 s of them."""


def echo(**options: Any) -> Stream:
    return Stream(demo.Echo(), modality="audio-video", mode="send-receive", **options)


def relays(*urls: str, credential: str = SECRET) -> dict[str, Any]:
    """Relays for browsers; the server goes directly."""
    server = {"urls": list(urls), "username": "anna", "credential": credential}
    return {
        "rtc_configuration": {"iceServers": [server]},
        "server_rtc_configuration": {"iceServers": []},
    }


def finish(page: "Page") -> None:
    page.locator("main[aria-busy=false]").wait_for(timeout=PATIENCE)


def findings(page: "Page", level: str = "") -> list[str]:
    """Return what was found, as it is read out; of one level, or all."""
    found = page.locator(f"li[data-level{f'={level}' if level else ''}]").all()
    return [" ".join(one.locator("p").all_text_contents()) for one in found]


def having(page: "Page", words: str) -> str:
    """Return the one finding that has these words."""
    (finding,) = [finding for finding in findings(page) if words in finding]
    return finding


def summary(page: "Page") -> str:
    return page.get_by_role("heading", level=2).first.inner_text()


@pytest.fixture
def look(visit: Open) -> Callable[..., "Visit"]:
    """Give a function that opens the doctor's page of a server, and waits for the last check."""

    def look_at(url: str, **options: Any) -> "Visit":
        seen = visit(url, **options)
        seen.page.goto(f"{url}doctor.html")
        finish(seen.page)
        return seen

    return look_at


@contextmanager
def _coturn(program: str, folder: Path, port: int) -> Iterator[None]:
    command = [
        *(program, "-n", "--no-cli", "--no-tls", "--no-dtls", "-L", LOCAL, "-E", LOCAL),
        *("--fingerprint", "--realm=test", "--log-file=stdout", "--simple-log", "--verbose"),
        *("--lt-cred-mech", f"--user=anna:{SECRET}", f"--listening-port={port}", "--pidfile="),
        *(f"--userdb={folder / 'turn.db'}", "--allow-loopback-peers", "--relay-threads=1"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    ) as process:
        ready = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if f"UDP listener opened on: {LOCAL}:{port}" in line:
                    ready.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            assert ready.wait(20)
            yield
        finally:
            process.terminate()
            reader.join()


@pytest.fixture
def coturn(require: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    """Run coturn on loopback and give its host and port."""
    program = require("turnserver")
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        port = int(probe.getsockname()[1])
    with ExitStack() as running:
        running.enter_context(_coturn(program, tmp_path, port))
        yield f"{LOCAL}:{port}"


def test_all_is_well(look: Open, serve: Serve) -> None:
    url = serve(echo(concurrency_limit=1), "/voice")
    seen = look(url, devices=BOTH, sound="tone")
    page = seen.page
    assert findings(page, "fault") == []
    assert findings(page, "note") == []
    origin = url.removesuffix("/voice/")
    assert having(page, "answers, in").startswith(f"Good: The server at {origin} answers, in ")
    assert having(page, "stream over WebRTC") == (
        "Good: It has a stream over WebRTC: audio-video, send-receive."
    )
    assert having(page, "pages of") == (
        f"Good: Browsers give pages of {origin} the microphone and the camera."
    )
    assert "Fake" in having(page, "The microphone may be used")
    assert "camera.y4m" in having(page, "The camera may be used")
    assert LOCAL in having(page, "This device can be reached at")
    assert "host" in having(page, "A connection works")
    assert summary(page) == "All that a conversation needs works."
    page.get_by_role("button", name="Check again").click()
    finish(page)  # the only place was free again
    assert findings(page, "fault") == []
    assert seen.faults == []


def test_the_microphone_is_heard(look: Open, serve: Serve) -> None:
    page = look(serve(echo()), devices=BOTH, sound="tone").page
    page.get_by_role("button", name="Test microphone").click()
    meter = page.get_by_role("meter", name="Level of the microphone")
    page.locator("#meter:not([aria-valuenow='0'])").wait_for()
    page.locator("#sound [data-level=ok]").wait_for()
    assert "hears something: −" in having(page, "hears something")
    assert meter.get_attribute("aria-valuenow") == "0"


def test_devices_are_refused(look: Open, serve: Serve) -> None:
    page = look(serve(echo()), devices=["camera"]).page
    (fault,) = findings(page, "fault")
    assert fault.startswith("Fault: This page may not use the microphone: it was refused. Allow")
    assert summary(page) == "1 fault is in the way."
    assert "A connection works" in having(page, "A connection")
    page.get_by_role("button", name="Test microphone").click()
    page.locator("#sound [data-level=fault]").wait_for()
    assert having(page, "The microphone was refused.").endswith("then test again.")
    assert summary(page) == "2 faults are in the way."


def test_a_relay_works(look: Open, serve: Serve, coturn: str) -> None:
    urls = [f"turn:{coturn}", f"turn:{coturn}?transport=tcp"]
    page = look(serve(echo(concurrency_limit=1, **relays(*urls))), devices=BOTH).page
    assert findings(page, "fault") == []
    assert having(page, f"{urls[0]} ") == f"Good: {urls[0]} relays, from {LOCAL}."
    assert having(page, urls[1]) == f"Good: {urls[1]} relays, from {LOCAL}, over TCP."
    assert having(page, "through the relay").startswith(
        f"Good: A connection through the relay works: relay {LOCAL}:"
    )


def test_a_relay_with_wrong_credentials(look: Open, serve: Serve, coturn: str) -> None:
    stream = echo(**relays(f"turn:{coturn}", credential="wrong"))
    page = look(serve(stream), devices=BOTH).page
    (fault,) = findings(page, "fault")
    assert fault.startswith(
        f"Fault: turn:{coturn} refuses the user name or the password (401, Unauthorized)."
    )
    assert "expired" in fault
    assert having(page, "A connection").startswith("Good: A connection works")


def test_a_relay_that_is_not_there(look: Open, serve: Serve) -> None:
    with socket.create_server((LOCAL, 0)) as probe:
        port = probe.getsockname()[1]
    url = f"turn:{LOCAL}:{port}?transport=tcp"
    (fault,) = findings(look(serve(echo(**relays(url))), devices=BOTH).page, "fault")
    assert fault.startswith(f"Fault: {url} cannot be reached (701")


def test_hidden_addresses_and_nothing_allowed(look: Open, serve: Serve) -> None:
    def silence() -> Iterator[Any]:
        yield (48_000, np.zeros((1, 48_000 * 30), np.int16))

    page = look(serve(Stream(silence, modality="audio", mode="receive")), devices=[]).page
    assert findings(page, "fault") == []
    assert "neither microphone nor camera" in having(page, "only sends")
    assert ".local" in having(page, "(mDNS)")
    assert having(page, "A connection works")
    assert page.get_by_role("button", name="Test microphone").is_hidden()


def test_a_stream_that_ends_at_once(look: Open, serve: Serve) -> None:
    def nothing() -> Iterator[Any]:
        yield from ()

    page = look(serve(Stream(nothing, modality="audio", mode="receive")), devices=[]).page
    assert findings(page, "fault") == []
    # Its end and the answer to the message are on the way at the same time.
    text = having(page, "A connection works")
    assert "; the stream ended it at once." in text or text.endswith("there and back.")


def test_the_server_is_full(look: Open, serve: Serve, visit: Open) -> None:
    url = serve(echo(concurrency_limit=1))
    talking = visit(url, devices=BOTH)
    talking.page.get_by_role("button", name="Start").click()
    talking.wait("now.state === 'running'")
    page = look(url, devices=BOTH).page
    (fault,) = findings(page, "fault")
    assert fault.startswith(
        "Fault: The server refuses to connect: concurrency_limit_reached, limit 1."
    )


def test_no_webrtc_on_the_server(visit: Open, serve: Serve) -> None:
    page = visit("about:blank").page
    page.route("**/transports.json", lambda route: route.fulfill(json=["websocket"]))
    page.goto(f"{serve(echo())}doctor.html")
    finish(page)
    (note,) = findings(page, "note")
    assert note.startswith("Note: This server has no WebRTC: its stream goes over WebSocket.")
    assert "pip install" in note
    assert summary(page) == "WebRTC is not in use here."
    assert page.get_by_role("heading", name="Connection to this server").is_hidden()


def test_a_page_without_its_stream(visit: Open, serve: Serve) -> None:
    seen = visit("about:blank")
    seen.page.route("**/webrtc/config", lambda route: route.fulfill(status=404, body="?"))
    seen.page.goto(f"{serve(echo(), '/voice')}doctor.html")
    finish(seen.page)
    assert having(seen.page, "Fault").startswith(
        "Fault: There is no stream over WebRTC at /voice/ (status 404)."
    )


def test_the_server_is_gone(look: Open, serve: Serve) -> None:
    page = look(serve(echo()), devices=BOTH).page
    page.route("**/transports.json", lambda route: route.abort())
    page.get_by_role("button", name="Check again").click()
    finish(page)
    assert "cannot be reached: no answer came." in having(page, "Fault")


def test_an_insecure_page(look: Open, serve: Serve) -> None:
    url = serve(echo()).replace(LOCAL, "voice.test")
    page = look(url, devices=[]).page
    (fault,) = findings(page, "fault")
    assert fault.startswith(f"Fault: Browsers give pages of {url.rstrip('/')} neither microphone")
    assert "https" in fault
    assert page.get_by_role("button", name="Test microphone").is_hidden()
    assert having(page, "A connection works")
    page.get_by_role("button", name="Copy report").click()  # such a page has no clipboard
    report = page.get_by_role("textbox", name="Report")
    assert fault.removeprefix("Fault: ") in report.input_value()


def test_the_report(look: Open, serve: Serve, coturn: str) -> None:
    url = serve(echo(**relays(f"turn:{coturn}")))
    page = look(url, devices=[*BOTH, "clipboard-read", "clipboard-write"]).page
    page.get_by_role("button", name="Copy report").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Copied.").wait_for()
    report = str(page.evaluate("navigator.clipboard.readText()"))
    for finding in findings(page):
        assert finding.removeprefix("Good: ") in report
    assert f"Page: {url}doctor.html" in report
    assert "[ok] A connection works" in report
    assert summary(page) in report
    assert SECRET not in report


def test_the_way_there_and_back(visit: Open, serve: Serve) -> None:
    page = visit(serve(echo(), "/voice"), devices=BOTH).page
    page.get_by_role("link", name="Connection check").click()
    finish(page)
    page.get_by_role("link", name="Back to the stream").click()
    page.get_by_role("button", name="Start").wait_for()


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_sticks_out(look: Open, serve: Serve, width: int) -> None:
    viewport = {"width": width, "height": 700}
    page = look(serve(echo()), devices=[], viewport=viewport).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
