"""Chromium with speech for a microphone."""

import subprocess
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

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
    "--host-resolver-rules=MAP voice.test 127.0.0.1",  # a page that is not from this machine
]

RATE = 22050
"""Of espeak-ng's recordings, in Hz."""


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


@pytest.fixture(scope="module")  # its event loop would be in the way of other modules' tests
def browser(require: Callable[[str], str], speech: Path) -> Iterator[Browser]:
    chromium = require("chromium")
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={speech}"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=flags) as browser,
    ):
        yield browser
