import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from fastrtc_core.speech import WeightFile, Weights, WeightsError

pytestmark = pytest.mark.usefixtures("clean")

CONTENT = bytes(range(256)) * 8000  # two megabytes
SHA = hashlib.sha256(CONTENT).hexdigest()


class Server(Protocol):
    url: str
    files: dict[str, bytes]
    breaks_after: int | None
    knows_ranges: bool
    wrong_range: bool
    requests: list[tuple[str, str, str | None]]
    held: threading.Event | None


def weights(url: str, *, sha256: str = SHA, size: int = len(CONTENT)) -> Weights:
    file = WeightFile("voice.onnx", sha256, size, url=f"{url}/voice.onnx")
    return Weights("kokoro", (file,), "MIT")


def cache() -> Path:
    return Path(os.environ["FASTRTC_CACHE"])


def part() -> Path:
    return cache() / "voice.onnx.part"


@pytest.fixture(autouse=True)
def served(server: Server) -> None:
    server.files["/voice.onnx"] = CONTENT


def test_it_is_fetched_once(server: Server) -> None:
    wanted = weights(server.url)
    assert [file.name for file in wanted.missing()] == ["voice.onnx"]
    assert wanted.size == len(CONTENT)
    found = wanted.find()
    assert found["voice.onnx"].read_bytes() == CONTENT
    assert wanted.missing() == []
    assert wanted.find() == found
    assert server.requests == [("GET", "/voice.onnx", None)]
    assert not part().exists()


def test_a_broken_transfer_is_gone_on_with(server: Server) -> None:
    server.breaks_after = 1_500_000
    with pytest.raises(WeightsError, match="broke off 548000 bytes before its end") as caught:
        weights(server.url).find()
    assert caught.value.file == "voice.onnx"
    assert part().stat().st_size == 1_500_000
    assert not (cache() / "voice.onnx").exists()
    assert weights(server.url).find()["voice.onnx"].read_bytes() == CONTENT
    assert server.requests[1] == ("GET", "/voice.onnx", "bytes=1500000-")


def test_a_half_file_is_never_taken_for_a_whole_one_without_a_hash(server: Server) -> None:
    server.breaks_after = 1000
    with pytest.raises(WeightsError, match="broke off"):
        weights(server.url, sha256="", size=0).find()
    assert not (cache() / "voice.onnx").exists()
    assert weights(server.url, sha256="", size=0).find()["voice.onnx"].read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(server: Server) -> None:
    server.knows_ranges = False
    part().write_bytes(b"begun")
    assert weights(server.url).find()["voice.onnx"].read_bytes() == CONTENT


def test_a_server_that_sends_another_range_is_not_believed(server: Server) -> None:
    server.wrong_range = True
    part().write_bytes(CONTENT[:1000])
    with pytest.raises(WeightsError, match="another part than the one asked for"):
        weights(server.url).find()
    assert weights(server.url).find()["voice.onnx"].read_bytes() == CONTENT


@pytest.mark.parametrize("size", [0, len(CONTENT)])
@pytest.mark.parametrize("left", [CONTENT, CONTENT + b"more"])
def test_what_is_left_may_be_whole_or_longer(server: Server, size: int, left: bytes) -> None:
    part().write_bytes(left)
    assert weights(server.url, size=size).find()["voice.onnx"].read_bytes() == CONTENT
    asked = [f"bytes={len(left)}-"] if not size else []  # refused by 416
    again = [] if size and left == CONTENT else [None]
    assert [heading for _, _, heading in server.requests] == [*asked, *again]


@pytest.mark.parametrize("begun", [b"", CONTENT[:9]])
def test_what_is_not_what_it_should_be_is_named_and_removed(server: Server, begun: bytes) -> None:
    if begun:
        part().write_bytes(begun)
    server.files["/voice.onnx"] = CONTENT[:-1] + b"x"
    with pytest.raises(WeightsError, match=rf"voice.onnx.* is corrupt: its SHA-256 .* not {SHA}"):
        weights(server.url).find()
    assert not part().exists()
    assert not (cache() / "voice.onnx").exists()
    server.files["/voice.onnx"] = CONTENT
    assert weights(server.url).find()


def test_what_went_bad_in_the_cache_is_named_and_fetched_anew_next_time(server: Server) -> None:
    path = weights(server.url).find()["voice.onnx"]
    path.write_bytes(b"bad")
    with pytest.raises(WeightsError, match="corrupt"):
        weights(server.url).find()
    assert weights(server.url).find()["voice.onnx"].read_bytes() == CONTENT


def test_offline_fails_at_once_in_one_sentence(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError) as caught:
        weights(server.url).find()
    assert str(caught.value) == (
        "kokoro needs voice.onnx, which is not on this machine: run `fastrtc models download "
        f"kokoro` where there is a network, or get it from {server.url}/voice.onnx and name its "
        "folder, path=..."
    )
    assert server.requests == []


def test_not_allowed_to_fetch_it_does_not(server: Server) -> None:
    with pytest.raises(WeightsError, match="not on this machine"):
        weights(server.url).find(download=False)
    assert server.requests == []


def test_a_folder_is_the_only_place(server: Server, tmp_path: Path) -> None:
    wanted = weights(server.url)
    wanted.find()
    with pytest.raises(WeightsError, match="kokoro needs the file") as caught:
        wanted.find(tmp_path)
    assert str(tmp_path / "voice.onnx") in str(caught.value)
    assert wanted.missing(tmp_path) == list(wanted.files)
    (tmp_path / "voice.onnx").write_bytes(b"my own")
    assert wanted.find(str(tmp_path)) == {"voice.onnx": tmp_path / "voice.onnx"}
    assert len(server.requests) == 1


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_that_is_not_there_is_told_soon(closed_port: int) -> None:
    begin = time.monotonic()
    with pytest.raises(WeightsError, match="refused"):
        weights(f"http://127.0.0.1:{closed_port}").find()
    assert time.monotonic() - begin < 4


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_patience(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastrtc_core.speech.download.PATIENCE", 0.2)
    with pytest.raises(WeightsError, match="timed out"):
        weights(silent).find()


def test_a_file_that_the_server_does_not_have_is_told(server: Server) -> None:
    del server.files["/voice.onnx"]
    with pytest.raises(WeightsError, match="HTTP Error 404"):
        weights(server.url).find()


def test_threads_that_want_the_same_file_fetch_it_once(server: Server) -> None:
    server.held = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(weights(server.url).find) for _ in range(4)]
        server.held.set()
        found = {one.result(30)["voice.onnx"] for one in asked}
    assert found == {cache() / "voice.onnx"}
    assert len(server.requests) == 1


def test_processes_that_want_the_same_file_fetch_it_once(server: Server) -> None:
    script = (
        "import sys; from fastrtc_core.speech import *; url, sha, size = sys.argv[1:]\n"
        "file = WeightFile('voice.onnx', sha, int(size), url=url + '/voice.onnx')\n"
        "print(Weights('kokoro', (file,), 'MIT').find()['voice.onnx'].stat().st_size)"
    )
    server.held = threading.Event()
    command = [sys.executable, "-c", script, server.url, SHA, str(len(CONTENT))]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    server.held.set()
    assert [process.communicate(timeout=30)[0].strip() for process in running] == ["2048000"] * 3
    assert len(server.requests) == 1
