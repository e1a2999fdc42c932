"""The browser code of the page on front ends, in Chromium, with the server that the page shows."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

PAGE = Path(__file__).parents[1] / "docs" / "guide" / "front-ends.md"
PATIENCE = 30_000  # milliseconds
FLAGS = [
    "--no-sandbox",  # tests may run as root
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
]

SERVER = """
from app import app, stream
from fastapi.responses import FileResponse
from fastrtc_core.testing import ScriptedModel

stream.event_handler.model = ScriptedModel([(0.3, 1.5)])  # what the microphone has is no speech

for name in ("webrtc", "websocket"):
    app.add_api_route(f"/{name}", lambda name=name: FileResponse(f"{name}.html"))
"""

WEBRTC = "<audio id=sound autoplay></audio><script type=module>{}\n{}</script>"
WEBRTC_USE = """
start(document.querySelector("#sound"));
globalThis.hangUp = () => { stop(); return pc.connectionState; };
"""
WEBSOCKET = "<ul></ul><script type=module>{}\n{}</script>"
WEBSOCKET_USE = """
const note = (text) => document.querySelector("ul").insertAdjacentHTML("beforeend", `<li>${text}`);
socket.addEventListener("message", ({ data }) => note(data.byteLength ? "sound" : data));
socket.addEventListener("close", () => note("closed"));
socket.addEventListener("open", () => {
  let frames = 150;
  const timer = setInterval(() => {
    send(new Int16Array(RATE / 50).fill(3000));
    if (--frames === 0) clearInterval(timer);
  }, 20);
});
globalThis.hangUp = stop;
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve what the page shows."""
    blocks = re.findall(r"^```(\w+)[^\n]*\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    server, html = (next(code for kind, code in blocks if kind == k) for k in ("python", "html"))
    webrtc, websocket = (code for kind, code in blocks if kind == "js")
    folder = tmp_path_factory.mktemp("front_ends")
    files = {
        "app.py": server,
        "main.py": SERVER,
        "index.html": html,
        "webrtc.html": WEBRTC.format(webrtc, WEBRTC_USE),
        "websocket.html": WEBSOCKET.format(websocket, WEBSOCKET_USE),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port", "0", "--no-use-colors"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = ""
            for line in process.stderr:
                said += line
                if found := re.search(r"running on (\S+)", line):
                    yield found[1]
                    break
            else:
                pytest.fail(said)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def browser(require: Callable[[str], str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=require("chromium"), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors


def test_the_client_that_is_there(page: Page, url: str) -> None:
    page.goto(url)
    page.click("#talk")
    expect(page.locator("#state")).to_contain_text("connected", timeout=PATIENCE)
    page.wait_for_function("document.querySelector('#sound').srcObject?.active")
    page.click("#talk")
    expect(page.locator("#state")).to_contain_text("ended", timeout=PATIENCE)


def test_webrtc_without_it(page: Page, url: str) -> None:
    with page.expect_console_message(lambda message: "seconds" in message.text):
        page.goto(f"{url}/webrtc")
    page.wait_for_function("document.querySelector('#sound').srcObject?.active")
    assert page.evaluate("hangUp()") == "closed"


def test_websocket_without_it(page: Page, url: str) -> None:
    page.goto(f"{url}/websocket")
    items = page.locator("li")
    expect(items.filter(has_text="started_talking")).to_have_count(1, timeout=PATIENCE)
    expect(items.filter(has_text="response_finished")).to_have_count(1, timeout=PATIENCE)
    assert items.filter(has_text="sound").count() > 10
    page.evaluate("hangUp()")
    expect(items.filter(has_text="closed")).to_have_count(1, timeout=PATIENCE)
