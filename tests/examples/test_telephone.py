"""The telephone examples, rung by the fake carrier."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from fastrtc_telephony.testing import Phone, RefusedError, dial
from fastrtc_telephony.testing.dialects.twilio import TwilioDialect

ROOT = Path(__file__).parents[2]
SECRETS = {"auth_token": "secret"}

Audio = tuple[int, NDArray[np.int16]]
Running = Callable[..., AbstractContextManager[str]]


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "secret")
    monkeypatch.delenv("TWILIO_ACCOUNT_SID", raising=False)


def loudest_hertz(phone: Phone, begin: float, end: float) -> float:
    heard = phone.ear.window(begin, end)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(heard.size)))
    return float(np.argmax(spectrum)) * phone.rate / heard.size


async def until(what: Callable[[], bool]) -> None:
    """Wait until something is so; a guard ends what never comes to that."""
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.02)


async def hears(phone: Phone, hertz: float) -> None:
    """Wait until the last tenth of a second was this tone."""

    def heard() -> bool:
        begin = phone.now - 0.1
        loud = np.abs(phone.ear.window(begin, phone.now)).max(initial=0) > 1000
        return bool(loud and abs(loudest_hertz(phone, begin, phone.now) - hertz) < 15)

    await until(heard)


async def test_the_server_greets_and_repeats(running: Running, question: Audio) -> None:
    with running("telephone/app") as url:
        async with dial(url, secrets=SECRETS) as phone:
            await hears(phone, 660)
            await phone.listen(0.3)
            before = phone.played()
            await phone.say(*question)
            await until(lambda: phone.played() - before > 1.5)
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{url}/health")).text == "1 calls\n"
        with pytest.raises(RefusedError, match="403"):
            async with dial(url, secrets={"auth_token": "guessed"}):
                pass


def test_the_container_installs_what_the_example_needs() -> None:
    folder = ROOT / "examples/telephone"
    imported = re.findall(r"^from (\w+)", (folder / "app.py").read_text(), re.MULTILINE)
    own = {name.replace("_", "-") for name in imported if name.startswith("fastrtc")}
    required = (folder / "requirements.txt").read_text().splitlines()
    assert own == {re.split(r"[\[>]", line)[0] for line in required}
    docker = (folder / "Dockerfile").read_text()
    assert "COPY requirements.txt" in docker
    assert "COPY app.py" in docker


async def test_a_menu_by_keys(running: Running) -> None:
    with running("telephone_menu") as url:
        async with dial(url, secrets=SECRETS) as phone:
            await hears(phone, 880)
            for key, first_note in (("2", 440), ("1", 523), ("0", 200)):
                await phone.press(key)  # the tune before stops; of 0, there is no account for it
                await hears(phone, first_note)
            await phone.press("#")
            await asyncio.wait_for(phone.over.wait(), 10)


class Detected(TwilioDialect):
    """Twilio, having listened who answers."""

    answered_by = "human"

    def webhook(self, url: str, caller: Any) -> Any:
        return super().webhook(f"{url}?AnsweredBy={self.answered_by}", caller)


class Machine(Detected):
    answered_by = "machine_end_beep"


async def test_machines_are_left_a_message(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("CALL_KEY", "key")
    monkeypatch.setenv("PUBLIC_URL", f"http://127.0.0.1:{port}")
    with running("telephone_outbound", "--port", str(port)) as url:
        async with dial(url, Machine(SECRETS)) as phone:
            await asyncio.wait_for(phone.over.wait(), 10)
            assert phone.played() == pytest.approx(2.0, abs=0.1)
        async with dial(url, Detected(SECRETS)) as phone:
            await hears(phone, 660)
            await phone.listen(1.0)
            assert not phone.over.is_set()
        async with httpx.AsyncClient() as client:
            order = {"to": "+14155550123"}
            answer = await client.post(f"{url}/call", json=order)
            assert answer.status_code == 401


async def test_routes_of_ones_own_serve_telephones_and_pages(running: Running) -> None:
    start = {"event": "start", "websocket_id": "page", "encoding": "pcm16", "rate": 8000}
    start |= {"channels": 1, "binary": True}
    heard = b""
    with running("telephone_own_routes") as url:
        async with dial(url, secrets=SECRETS, path="/incoming-call") as phone:
            await hears(phone, 330)
            assert "One moment, please." in str(phone.report().notes)
        page = connect(f"{url.replace('http', 'ws')}/websocket/offer")
        async with httpx.AsyncClient(base_url=url) as client, page as socket:
            await socket.send(json.dumps(start))
            async for message in socket:
                if isinstance(message, bytes):
                    heard += message
                    if len(heard) > 8000:  # half a second
                        break
                elif json.loads(message).get("type") == "send_input":
                    pitch = {"webrtc_id": "page", "hertz": 660.0}
                    assert (await client.post("/input_hook", json=pitch)).is_success
    sound = np.frombuffer(heard, "<i2")[:4000]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    assert np.argmax(spectrum) * 8000 / sound.size == pytest.approx(660, abs=10)


@pytest.fixture
def fastphone() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that gives a telephone number, and what it was told by whom."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body | {"token": self.headers["Authorization"]})
            answer = {"phone": "+1 415 555 0100", "code": "123456", "reset_date": "1 Dec"}
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", asked
        http.shutdown()
        thread.join()


async def test_a_temporary_number_leads_to_the_echo(
    fastphone: tuple[str, list[dict[str, str]]], question: Audio
) -> None:
    service, asked = fastphone
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = {"FASTRTC_FASTPHONE_URL": service, "FASTRTC_TUNNEL": f"http://127.0.0.1:{port}"}
    settings |= {"HF_TOKEN": "hf_token", "PORT": str(port)}
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        ROOT / "examples/fastphone.py",
        env=os.environ | settings,
        stdout=subprocess.PIPE,
    )
    assert program.stdout is not None
    told = (await program.stdout.readline()).decode()
    assert "call +1 415 555 0100, code 123 456" in told
    assert asked == [{"url": f"127.0.0.1:{port}", "token": "hf_token"}]
    async with dial(f"http://127.0.0.1:{port}") as phone:
        await phone.say(*question)
        await until(lambda: phone.played() > 1.5)
    program.send_signal(signal.SIGINT)
    await asyncio.wait_for(program.wait(), 20)
