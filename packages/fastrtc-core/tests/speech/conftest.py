"""A server of files for downloads: real HTTP, with the failures of real ones."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class FileServer:
    """What it has, what goes wrong, and what was asked of it."""

    files: dict[str, bytes] = field(default_factory=dict)
    breaks_after: int | None = None
    """Bytes of an answer after which it hangs up, once."""
    knows_ranges: bool = True
    wrong_range: bool = False
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and Range."""
    held: threading.Event | None = None
    """Answers wait for this."""
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    about: FileServer

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        about, asked = self.about, self.headers["Range"]
        about.requests.append((self.command, self.path, asked))
        if about.held is not None:
            about.held.wait(30)
        content = about.files.get(self.path)
        self.close_connection = True
        if content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")  # as the hub says it
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            return
        begin = 0
        if asked and about.knows_ranges:
            found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
            assert found
            begin = int(found[1])
            if begin >= len(content):
                self.send_error(416)
                return
        rest = content[begin:]
        self.send_response(206 if asked and about.knows_ranges else 200)
        if asked and about.knows_ranges:
            told = 0 if about.wrong_range else begin
            self.send_header("Content-Range", f"bytes {told}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("Connection", "close")
        self.send_header("ETag", f'"{len(content)}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.end_headers()
        if body:
            self.wfile.write(rest[: about.breaks_after])
            about.breaks_after = None

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FileServer]:
    about = FileServer()
    handler = type("Handler", (_Handler,), {"about": about})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        about.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield about
        http.shutdown()
        thread.join()


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Caches of this test's own, and nothing of the developer's environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("FASTRTC_CACHE", str(tmp_path_factory.mktemp("cache")))
