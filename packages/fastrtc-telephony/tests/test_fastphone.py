"""FastPhone, whose service is played by a server on this machine."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fastrtc_core import MissingPackageError, Stream
from fastrtc_telephony import FastPhoneError, TelephoneTransport
from fastrtc_telephony.testing import dial

httpx = pytest.importorskip("httpx")

PROGRAM = """
import sys
from fastrtc_core import AsyncStreamHandler, Stream
from fastrtc_telephony import TelephoneTransport
import asyncio

class Echo(AsyncStreamHandler):
    def __init__(self):
        super().__init__(input_sample_rate=8000, output_sample_rate=8000)
        self.heard = asyncio.Queue()
    def copy(self):
        return Echo()
    async def receive(self, frame):
        self.heard.put_nowait(frame)
    async def emit(self):
        return await self.heard.get()

Stream(Echo(), modality="audio").fastphone("hf_token", port=0, tunnel=sys.argv[1])
"""


def start(program: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Service:
    """Notes who registers, and gives a number."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, Any]] = []
        self.status = 200
        self.answer: Any = {"phone": "+1 415 555 0100", "code": "123456", "reset_date": "1 Dec"}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append((self.path, self.headers.get("Authorization"), body))
                data = json.dumps(service.answer).encode()
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("FASTRTC_FASTPHONE_URL", made.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "FASTRTC_TUNNEL"):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def transport(echo: Any) -> TelephoneTransport:
    return TelephoneTransport(Stream(echo(), modality="audio"))


async def test_a_call_comes_by_way_of_the_tunnel(
    service: Service, tmp_path: Path, tone: Any
) -> None:
    """The tunnel is a command that prints its address; here it leads straight to the server."""
    tunnel = tmp_path / "tunnel.py"
    tunnel.write_text(
        "import sys, time\n"
        "print('opening', flush=True)\n"
        "print('your tunnel is http://127.0.0.1:' + sys.argv[1], flush=True)\n"
        "time.sleep(60)\n"
    )
    program = [sys.executable, "-c", PROGRAM, f"{sys.executable} {tunnel} {{port}}"]
    with start(program) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        told = run.stdout.readline()
        assert told == (
            "Your stream is on the telephone: call +1 415 555 0100, code 123 456. "
            "The minutes of this month are renewed on 1 Dec.\n"
        )
        ((path, token, body),) = service.asked
        assert (path, token) == ("/register", "hf_token")
        async with dial(f"http://{body['url']}") as phone:
            await phone.say(8000, tone(0.3))
            await phone.listen(0.3)
            assert phone.played() > 0.2
        run.send_signal(signal.SIGINT)
        run.wait(20)


@pytest.mark.parametrize(
    ("status", "answer", "error", "told"),
    [
        (401, {"detail": "bad token"}, httpx.HTTPStatusError, "401: is the token right.*bad token"),
        (500, {}, httpx.HTTPStatusError, "answers 500"),
        (202, {}, FastPhoneError, "no FastPhone minutes left"),
        (200, {"phone": "1"}, FastPhoneError, "makes no sense"),
        (200, [], FastPhoneError, "makes no sense"),
    ],
)
def test_what_the_service_says_against_it_is_told(
    service: Service,
    transport: TelephoneTransport,
    status: int,
    answer: Any,
    error: type[Exception],
    told: str,
) -> None:
    service.status, service.answer = status, answer
    with pytest.raises(error, match=told):
        transport.fastphone("token", port=0, tunnel="https://voice.example.org")
    assert service.asked[0][2] == {"url": "voice.example.org"}


def test_a_service_that_is_not_there_is_told(
    service: Service, transport: TelephoneTransport
) -> None:
    with pytest.raises(FastPhoneError, match="can't be reached"):
        transport.fastphone(
            "token", port=0, tunnel="https://x.example", services=("http://127.0.0.1:1",)
        )


def test_a_token_is_needed(
    service: Service, transport: TelephoneTransport, tmp_path: Path, monkeypatch: Any
) -> None:
    with pytest.raises(FastPhoneError, match="HF_TOKEN in the environment"):
        transport.fastphone(port=0, tunnel="https://x.example")
    (tmp_path / "token").write_text("stored\n")
    service.status = 202
    with pytest.raises(FastPhoneError, match="minutes"):
        transport.fastphone(port=0, tunnel="https://x.example")
    monkeypatch.setenv("HF_TOKEN", "from the environment")
    with pytest.raises(FastPhoneError, match="minutes"):
        transport.fastphone(port=0, tunnel="https://x.example")
    assert [token for _, token, _ in service.asked] == ["stored", "from the environment"]


@pytest.mark.parametrize(
    ("tunnel", "told"),
    [
        ("there-is-no-such-program", "can't be started"),
        (f"{sys.executable} -c print(7)", "has named no address; it said last: '7'"),
    ],
)
def test_a_tunnel_that_is_none_is_told(
    service: Service, transport: TelephoneTransport, tunnel: str, told: str
) -> None:
    with pytest.raises(FastPhoneError, match=told):
        transport.fastphone("token", port=0, tunnel=tunnel)


def test_without_any_tunnel_it_says_which_there_are(
    service: Service, transport: TelephoneTransport, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "gradio.networking", None)
    with pytest.raises(FastPhoneError, match="cloudflared"):
        transport.fastphone("token", port=0)


async def test_it_blocks_and_says_so(transport: TelephoneTransport) -> None:
    with pytest.raises(RuntimeError, match="call it from a script"):
        transport.fastphone("token")


def test_what_it_needs_is_asked_for(transport: TelephoneTransport, monkeypatch: Any) -> None:
    monkeypatch.delitem(sys.modules, "fastrtc_telephony.fastphone", raising=False)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingPackageError, match=r"fastrtc-telephony\[fastphone\]"):
        transport.fastphone("token")


def test_a_port_that_is_taken_is_told(service: Service, transport: TelephoneTransport) -> None:
    with pytest.raises(FastPhoneError, match="can't be served: Address already in use"):
        transport.fastphone("token", port=service.server.server_port, tunnel="https://x.example")
