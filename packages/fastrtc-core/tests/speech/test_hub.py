"""The road by huggingface_hub, in processes of their own: it reads its settings when imported."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

pytest.importorskip("huggingface_hub")

CONTENT = b"weights" * 10_000
SHA = hashlib.sha256(CONTENT).hexdigest()
PATH = f"/ours/voice/resolve/{'a' * 40}/onnx/voice.onnx"
SCRIPT = f"""
import sys
from fastrtc_core.speech import WeightFile, Weights, WeightsError
file = WeightFile("voice.onnx", {SHA!r}, {len(CONTENT)}, "ours/voice", "onnx/voice.onnx", "a" * 40)
try:
    print(Weights("kokoro", (file,), "MIT").find()["voice.onnx"])
except WeightsError as error:
    sys.exit(str(error))
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


class Server(Protocol):
    url: str
    files: dict[str, bytes]
    requests: list[tuple[str, str, str | None]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(endpoint: str, **more: str) -> subprocess.CompletedProcess[str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("HF_") and not name.lower().endswith("_proxy")
        }
        settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
        return subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=kept | settings | more,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_a_file_is_fetched_into_the_hubs_cache_once(server: Server, run: Run) -> None:
    server.files[PATH] = CONTENT
    first = run(server.url)
    assert first.returncode == 0, first.stderr
    assert Path(first.stdout.strip()).read_bytes() == CONTENT
    assert [method for method, path, _ in server.requests if path == PATH].count("GET") == 1
    asked = len(server.requests)
    second = run(server.url, HF_HUB_OFFLINE="1")
    assert second.stdout == first.stdout
    assert len(server.requests) == asked


def test_a_corrupt_file_is_named_and_not_found_again(server: Server, run: Run) -> None:
    server.files[PATH] = CONTENT[:-1] + b"x"
    refused = run(server.url)
    assert refused.returncode == 1
    assert "voice.onnx is corrupt: its SHA-256 is" in refused.stderr
    server.files[PATH] = CONTENT  # of the same size and ETag: the cache must have kept nothing
    again = run(server.url)
    assert again.returncode == 0, again.stderr
    assert Path(again.stdout.strip()).read_bytes() == CONTENT


def test_offline_it_is_told_at_once(server: Server, run: Run) -> None:
    refused = run(server.url, HF_HUB_OFFLINE="1")
    assert "run `fastrtc models download kokoro`" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert server.requests == []


def test_a_file_that_is_not_there_is_told(server: Server, run: Run) -> None:
    refused = run(server.url)
    assert "kokoro needs voice.onnx" in refused.stderr
    assert "404" in refused.stderr


def test_a_hub_that_is_not_there_is_told_soon(run: Run) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        begin = time.monotonic()
        refused = run(f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert "refused" in refused.stderr
    assert time.monotonic() - begin < 20  # the hub's own library tries for longer


def test_a_hub_that_says_nothing_is_given_up(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begin = time.monotonic()
        refused = run(f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert "timed out" in refused.stderr
    assert 5 <= time.monotonic() - begin < 20


def test_a_proxy_is_asked_for_the_hub(server: Server, run: Run) -> None:
    refused = run("http://hub.invalid", http_proxy=server.url)
    assert "404" in refused.stderr
    assert server.requests[0][:2] == ("HEAD", f"http://hub.invalid{PATH}")
