"""Chromium with a sound for a microphone, and somebody at a page."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from benchmarks.gradio.settings import BUTTONS, RATE, SCREEN, TONE_DBFS, TONE_HZ
from benchmarks.settings import CACHE
from benchmarks.sound import amplitude, to_int16
from fastrtc_core.audio import write_wav

FLAGS: Final = (
    "--no-sandbox",  # benchmarks may run as root
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",  # a script presses the button
    "--allow-loopback-in-peer-connection",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves the machine
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)

VISITOR: Final = Path(__file__).with_name("visitor.js").read_text()

PATIENCE: Final = 15.0
"""Seconds until a visitor gives up."""


@asynccontextmanager
async def browsing(*, silent: bool = False) -> AsyncIterator[Browser]:
    """A browser that hears a tone in its microphone, or silence.

    Raises:
        RuntimeError: There is none.

    """
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("Pages are visited by Chromium: apt-get install chromium")
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={_sound(silent=silent)}"]
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=chromium, args=flags) as browser,
    ):
        yield browser


@asynccontextmanager
async def person(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Somebody who was never here before, and has allowed the microphone."""
    width, height = SCREEN
    screen: Any = {"width": width, "height": height}
    async with await browser.new_context(permissions=["microphone"], viewport=screen) as context:
        yield context


@asynccontextmanager
async def visiting(context: BrowserContext, url: str, *does: str) -> AsyncIterator[Page]:
    """A page in a tab of its own.

    Args:
        context: Who visits it.
        url: The page's.
        does: What the visitor does, as `visitor.js` calls it: ``press``, ``listen``.

    """
    async with await context.new_page() as page:
        await page.add_init_script("\n".join([VISITOR, *map(_call, does)]))
        await page.goto(url, wait_until="commit")
        yield page


async def marked(page: Page, name: str) -> dict[str, float]:
    """What the visitor noted, once this is there: milliseconds since the navigation began.

    Raises:
        playwright.async_api.TimeoutError: It did not come in `PATIENCE`.

    """
    await page.wait_for_function(f"visitor.marks.{name}", timeout=1000 * PATIENCE, polling=50)
    marks: dict[str, float] = await page.evaluate("visitor.marks")
    return marks


def _call(name: str) -> str:
    return f"visitor.{name}({list(BUTTONS) if name == 'press' else ''});"


def _sound(*, silent: bool) -> Path:
    """Two seconds in whole periods: Chromium plays the file over and over."""
    times = np.arange(2 * RATE) / RATE
    level = 0.0 if silent else amplitude(TONE_DBFS)
    wave = (level * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)
    path = CACHE / "sounds" / ("silence.wav" if silent else "tone.wav")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, (RATE, to_int16(wave)[np.newaxis]))
    return path
