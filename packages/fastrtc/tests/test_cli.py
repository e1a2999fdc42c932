"""The command line as people use it: a program with arguments, output and an exit code."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fastrtc import __version__
from fastrtc.cli import main
from fastrtc_core.audio import read_wav, write_wav

VOICE = """
import asyncio
from fastrtc import AsyncStreamHandler, Stream

class Echo(AsyncStreamHandler):
    def __init__(self):
        super().__init__(input_sample_rate=24000)
        self.queue = asyncio.Queue()

    async def start_up(self):
        print("a session begins", flush=True)

    async def receive(self, frame):
        self.queue.put_nowait(frame)

    async def emit(self):
        return await self.queue.get()

stream = Stream(Echo, modality="audio", mode="send-receive", concurrency_limit=1)
number = 5
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder: it holds a stream and half a second of sound."""
    (tmp_path / "voice.py").write_text(VOICE)
    noise = np.random.default_rng(1).integers(-9000, 9000, 12000, np.int16)
    write_wav(tmp_path / "in.wav", (24000, noise))
    write_wav(tmp_path / "empty.wav", (24000, noise[:0]))
    (tmp_path / "broken.py").write_text("import json\n\njson.loads('no')\n")
    (tmp_path / "lacking.py").write_text("import package_that_is_not_there\n")
    (tmp_path / "wrong.py").write_text("def f(:\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fastrtc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "fastrtc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in the background while the block does."""
    command = [sys.executable, "-W", "error", "-m", "fastrtc", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve the folder's stream on a free port; gives the process and its URL."""
    with started("serve", "voice:stream", "--port", "0", *arguments) as process:
        line = next_line(process)
        assert re.fullmatch(r"voice:stream is at http://\S+/ \(Ctrl-C ends it\)\n", line)
        yield process, line.split()[3]


def next_line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a program prints; empty if it has ended."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_version() -> None:
    run = fastrtc("--version")
    assert (run.returncode, run.stdout) == (0, f"fastrtc {__version__}\n")


def test_plugins_are_listed_with_their_packages() -> None:
    run = fastrtc("plugins")
    assert run.returncode == 0
    groups = run.stdout.split("fastrtc.")
    (transports,) = (group for group in groups if group.startswith("transports"))
    assert [
        "websocket",
        "fastrtc-websocket",
        __version__,
        "fastrtc_websocket:WebSocketTransport",
    ] in [line.split() for line in transports.splitlines()]


@pytest.mark.usefixtures("folder")
def test_serve_talk_and_end() -> None:
    with serving("--path", "/voice") as (server, url):
        run = fastrtc("talk", url, "--wav", "in.wav", "--out", "out.wav", "--tail", "0.5")
        assert run.returncode == 0, run.stderr
        assert "s of sound came back; out.wav has it" in run.stdout
        heard, said = (read_wav(name)[1] for name in ("out.wav", "in.wav"))
        np.testing.assert_array_equal(heard[heard != 0], said[said != 0])
        server.send_signal(signal.SIGINT)
        out, err = server.communicate()
    assert server.returncode == 0
    assert "Traceback" not in out + err


@pytest.mark.usefixtures("folder")
def test_talk_prints_json() -> None:
    with serving("--no-page") as (_, url):
        run = fastrtc("talk", url, "--wav", "in.wav", "--tail", "0.2", "--json")
    told = json.loads(run.stdout)
    assert told["rate"] == 24000
    assert told["heard_seconds"] > 0.4
    assert told["turns"] == []
    assert told["ended"] is None


@pytest.mark.usefixtures("folder")
def test_ctrl_c_ends_live_sessions_and_the_server() -> None:
    with serving() as (server, url), started("talk", url, "--wav", "in.wav") as client:
        assert next_line(server) == "a session begins\n"
        server.send_signal(signal.SIGINT)
        _, told = client.communicate()
        _, errors = server.communicate()
    assert "the server ended the conversation: The server is shutting down." in told
    assert server.returncode == 0
    assert not errors


def relay(port: int) -> list[str]:
    return ["--ice-server", f"turn:127.0.0.1:{port}", "--username", "anna", "--credential", "no"]


@pytest.mark.usefixtures("folder")
def test_doctor_finds_that_all_is_well() -> None:
    pytest.importorskip("fastrtc_webrtc")
    with serving("--path", "/voice") as (_, url):
        run = fastrtc("doctor", url)
    assert run.returncode == 0, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == "+ UDP works on this machine: a packet to 127.0.0.1 arrives."
    assert f"+ {url.rstrip('/')} has a stream over WebRTC: audio, send-receive." in lines
    assert any(line.startswith("+ A connection works: host ") for line in lines)
    assert lines[-1] == "No fault was found."


def test_doctor_finds_faults() -> None:
    pytest.importorskip("fastrtc_webrtc")
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        run = fastrtc("doctor", "http://127.0.0.1:1", "--patience", "0.2", *relay(port))
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    assert lines[-3].startswith(
        f"- The TURN server turn:127.0.0.1:{port} does not answer within 0.2 s. It is down, or"
    )
    assert lines[-2].startswith("- http://127.0.0.1:1 can't be reached: ")
    assert lines[-1] == "2 faults were found."
    assert not run.stderr


def test_doctor_prints_json() -> None:
    pytest.importorskip("fastrtc_webrtc")
    run = fastrtc("doctor", "--json", "localhost:8000")
    findings = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 1
    assert [finding["level"] for finding in findings] == ["ok", "fault"]
    assert findings[1]["text"] == "'localhost:8000' is no address of a stream."
    assert findings[1]["advice"].startswith("Write all of it")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--username anna", "--username is for a TURN server: name it, --ice-server"),
        ("--credential x", "--credential is for a TURN server: name it, --ice-server"),
        ("--ice-server turn:localhost --username anna", "--username and --credential go together"),
        ("--patience never", "invalid seconds value: 'never'"),
    ],
)
def test_doctor_says_what_it_was_asked_wrongly(arguments: str, words: str) -> None:
    run = fastrtc("doctor", *arguments.split())
    assert run.returncode == 2
    assert words in run.stderr


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("fastrtc_webrtc.doctor", 'pip install "fastrtc[webrtc]"'),
        ("httpx", 'pip install "fastrtc-webrtc[turn]"'),
    ],
)
def test_doctor_names_what_it_lacks(
    module: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastrtc_webrtc")
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["doctor", "http://127.0.0.1:1"]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert words in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("serve voice", 2, "such as voice:stream"),
        ("serve nothing:stream", 2, "there is no module 'nothing' in"),
        ("serve voice:number", 2, "voice has no Stream called 'number'"),
        (
            "serve broken:stream",
            2,
            "broken can't be imported: JSONDecodeError: .*broken.py, line 3",
        ),
        ("serve lacking:stream", 2, "lacking can't be imported: .*package_that_is_not_there"),
        ("serve wrong:stream", 2, "wrong can't be imported: SyntaxError: .*wrong.py, line 1"),
        ("serve voice:stream --port 70000", 1, "there is no port 70000"),
        ("serve voice:stream --port x", 2, "invalid int value"),
        ("talk ws://127.0.0.1:1 --wav in.wav", 1, "no conversation with ws://127.0.0.1:1"),
        ("talk ws://127.0.0.1:1 --wav nothing.wav", 2, "nothing.wav can't be read: No such file"),
        ("talk ws://127.0.0.1:1 --wav voice.py", 2, "voice.py is not a PCM WAV file"),
        ("talk ws://127.0.0.1:1 --wav empty.wav", 2, "empty.wav is empty"),
        ("talk ws://127.0.0.1:1 --wav in.wav --out no/x.wav", 2, "there is no folder no"),
        ("talk ws://127.0.0.1:1 --wav in.wav --tail -1", 2, "invalid seconds value: '-1'"),
        ("", 2, "COMMAND"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_wrong_use_is_told_in_a_sentence(arguments: str, code: int, words: str) -> None:
    run = fastrtc(*arguments.split())
    assert run.returncode == code
    assert not run.stdout
    assert "Traceback" not in run.stderr
    assert re.search(words, run.stderr), run.stderr


def test_a_missing_part_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastrtc.serve", None)
    assert main(["serve", "voice:stream"]) == 1
    assert 'pip install "fastrtc[websocket]"' in capsys.readouterr().err


def test_ctrl_c_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fastrtc.commands.plugins.groups", interrupted)
    assert main(["plugins"]) == 130
    assert capsys.readouterr() == ("", "")


def interrupted() -> None:
    raise KeyboardInterrupt
