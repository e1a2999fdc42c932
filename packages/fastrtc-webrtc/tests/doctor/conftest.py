"""TURN servers on loopback, and what is said of their passwords."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

LOCAL = "127.0.0.1"
SECRET = "north-by-northwest"
READY = f"UDP listener opened on: {LOCAL}:"


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[None]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    ) as process:
        lines: list[str] = []
        ready = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if READY in line:
                    ready.set()
            ready.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            assert ready.wait(20), lines
            assert process.poll() is None, "".join(lines)
            yield
        finally:
            process.terminate()
            reader.join()


@pytest.fixture
def coturn(require: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Give a function that runs coturn on loopback, with further arguments, and returns its port.

    The account is ``anna`` with the password ``north-by-northwest``; with ``secret=True`` that
    is the secret which accounts are made from.
    """
    program = require("turnserver")

    def run(*arguments: str, secret: bool = False) -> int:
        with socket.socket() as probe:
            probe.bind((LOCAL, 0))
            port = int(probe.getsockname()[1])
        accounts = ["--use-auth-secret", f"--static-auth-secret={SECRET}"]
        if not secret:
            accounts = ["--lt-cred-mech", f"--user=anna:{SECRET}"]
        command = [
            *(program, "-n", "--no-cli", "--no-tls", "--no-dtls", "-L", LOCAL, "-E", LOCAL),
            *("--fingerprint", "--realm=test", "--log-file=stdout", "--simple-log", "--verbose"),
            *("--pidfile=", f"--userdb={tmp_path / 'turn.db'}", f"--listening-port={port}"),
            *("--allow-loopback-peers", "--relay-threads=1", *accounts, *arguments),
        ]
        servers.enter_context(_running(command, tmp_path))
        return port

    with ExitStack() as servers:
        yield run


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give a UDP port that takes packets and answers none."""
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind((LOCAL, 0))
        yield silent.getsockname()[1]


@pytest.fixture
def silent_server() -> Iterator[int]:
    """Give a TCP port that takes connections and answers nothing."""
    with socket.create_server((LOCAL, 0)) as silent:
        yield silent.getsockname()[1]
