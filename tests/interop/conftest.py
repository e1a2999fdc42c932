"""A real Asterisk, and a real telephone that rings it: see README.md for what they need.

    baresip -- SIP, RTP --> Asterisk -- AudioSocket or WebSocket --> the stream

The addresses are those of asterisk_chroot.sh.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = "FASTRTC_ASTERISK_ROOT"
WEBSOCKET, AUDIOSOCKET, SIP, PHONE = 8799, 9092, 5060, 5062
CALLER = "test"
RATE = 8000

STARTING = 30.0
"""Seconds that Asterisk has to start."""


def tone(seconds: float, hertz: float = 440.0) -> NDArray[np.int16]:
    times = np.arange(round(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run Asterisk, and return what has it obey a command of its console."""
    root = os.environ.get(ROOT)
    if not root:
        pytest.skip(f"{ROOT} names no folder with an Asterisk: see tests/interop/README.md")
    if shutil.which("baresip") is None:
        pytest.skip("there is no telephone: baresip is not on PATH")
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    inside = ["chroot", root, "asterisk"]

    def console(command: str) -> str:
        done = subprocess.run(
            [*inside, "-rx", command], capture_output=True, text=True, check=True, timeout=STARTING
        )
        return done.stdout

    log = tmp_path_factory.mktemp("asterisk") / "console"
    with log.open("wb") as output:
        running = subprocess.Popen(
            [*inside, "-f", "-U", "asterisk", "-G", "asterisk"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        if not wait_until_started(console, running):
            pytest.fail(f"Asterisk does not start: {log.read_text(errors='replace')[-2000:]}")
        yield console
    finally:
        running.terminate()
        running.wait(STARTING)


def wait_until_started(console: Callable[[str], str], running: subprocess.Popen[bytes]) -> bool:
    ends = time.monotonic() + STARTING
    while running.poll() is None and time.monotonic() < ends:
        try:
            console("core waitfullybooted")
            return True
        except subprocess.CalledProcessError:  # it does not listen yet
            time.sleep(0.1)
    return False


# The telephone

CONFIG = """\
sip_listen 127.0.0.1:{sip}
audio_source aufile,{said}
audio_player alsa,null
audio_alert aubridge,none
ausrc_srate 8000
auplay_srate 8000
snd_path {heard}
jitter_buffer_delay 0-0
ctrl_tcp_listen 127.0.0.1:{control}
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module alsa.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
"""

MODULES = "/usr/lib/baresip/modules"


class Phone:
    """A baresip that says a tone while it talks, and records what it hears."""

    def __init__(
        self, folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._folder = folder
        self._reader = reader
        self._writer = writer

    async def dial(self, extension: str) -> None:
        await self._command("dial", f"sip:{extension}@127.0.0.1:{SIP}")

    async def press(self, key: str) -> None:
        await self._command("sndcode", key)

    async def hang_up(self) -> None:
        await self._command("hangup")
        await self.until("CALL_CLOSED")

    async def until(self, event: str) -> None:
        """Wait for an event."""
        while True:
            message = await self._receive()
            if message.get("type") == event:
                return

    def heard(self) -> NDArray[np.int16]:
        """Return what was heard in the call, which must be over."""
        (path,) = self._folder.glob("*-dec.wav")
        with wave.open(str(path)) as file:
            assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
            return np.frombuffer(file.readframes(file.getnframes()), "<i2")

    async def _command(self, command: str, params: str = "") -> None:
        message = json.dumps({"command": command, "params": params}).encode()
        self._writer.write(b"%d:%b," % (len(message), message))  # a netstring
        await self._writer.drain()

    async def _receive(self) -> dict[str, Any]:
        size = await self._reader.readuntil(b":")
        data = await self._reader.readexactly(int(size[:-1]) + 1)
        message: dict[str, Any] = json.loads(data[:-1])
        return message


@asynccontextmanager
async def telephone(folder: Path, seconds: float = 20.0) -> AsyncIterator[Phone]:
    """Have a telephone, that has so many seconds of a tone of 440 Hz to say."""
    said, heard = folder / "said.wav", folder / "heard"
    heard.mkdir()
    with wave.open(str(said), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(tone(seconds).astype("<i2").tobytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        control = free.getsockname()[1]
    config = CONFIG.format(sip=PHONE, said=said, heard=heard, control=control, modules=MODULES)
    (folder / "config").write_text(config)
    account = f"<sip:{CALLER}@127.0.0.1:{PHONE}>;regint=0;audio_codecs=pcmu\n"
    (folder / "accounts").write_text(account)
    (folder / "contacts").write_text("")
    with (folder / "log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            "baresip", "-f", str(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        reader, writer = await _reached(control)
        try:
            yield Phone(heard, reader, writer)
        finally:
            writer.close()
    finally:
        running.terminate()
        await running.wait()


async def _reached(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)


@pytest.fixture
async def phone(asterisk: object, tmp_path: Path) -> AsyncIterator[Phone]:
    async with telephone(tmp_path) as phone:
        yield phone
