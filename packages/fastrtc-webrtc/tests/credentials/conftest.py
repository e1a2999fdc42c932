"""Servers of credentials on this machine."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fastrtc_webrtc.credentials import (
    TurnCredentials,
    get_cloudflare_turn_credentials,
    get_cloudflare_turn_credentials_async,
    get_hf_turn_credentials,
    get_hf_turn_credentials_async,
)

VARIABLES = [
    "CLOUDFLARE_TURN_KEY_API_TOKEN",
    "CLOUDFLARE_TURN_KEY_ID",
    "HF_TOKEN",
    "TURN_KEY_API_TOKEN",
    "TURN_KEY_ID",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
]
ANSWER = {
    "iceServers": {
        "urls": ["stun:stun.example.com:3478", "turn:turn.example.com:3478?transport=udp"],
        "username": "u",
        "credential": "p",
    }
}

Get = Callable[..., Any]


@dataclass
class Provider:
    """A server of credentials on this machine."""

    url: str
    status: int = 201
    answer: Any = field(default_factory=lambda: ANSWER)
    body: bytes = json.dumps(ANSWER).encode()
    seen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def urls(self) -> dict[str, Any]:
        return {"cloudflare_url": f"{self.url}/cloudflare", "hf_url": f"{self.url}/hf"}

    @property
    def asked(self) -> tuple[str, str]:
        """Path and token of the only request."""
        (request,) = self.seen
        return request["path"], request["authorization"].removeprefix("Bearer ")


@pytest.fixture
def provider() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.seen.append(
                {
                    "method": self.command,
                    "host": self.headers["Host"],
                    "path": url.path,
                    "query": parse_qs(url.query),
                    "authorization": self.headers["Authorization"],
                    "body": body.decode(),
                }
            )
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state = Provider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["sync", "async"])
def cloudflare(request: pytest.FixtureRequest) -> Get:
    """Both forms of the function, to be awaited."""
    return both(
        request.param, get_cloudflare_turn_credentials, get_cloudflare_turn_credentials_async
    )


@pytest.fixture(params=["sync", "async"])
def huggingface(request: pytest.FixtureRequest) -> Get:
    return both(request.param, get_hf_turn_credentials, get_hf_turn_credentials_async)


def both(form: str, sync: Callable[..., TurnCredentials], as_async: Get) -> Get:
    async def call(*args: Any, **kwargs: Any) -> TurnCredentials:
        return sync(*args, **kwargs)

    return call if form == "sync" else as_async


@pytest.fixture
def now() -> Callable[[], float]:
    """Seconds since 1970."""
    return lambda: datetime.now(UTC).timestamp()


@pytest.fixture
def twilio(provider: Provider) -> Any:
    """Twilio's own client, for a server on this machine."""
    rest = import_module("twilio.rest")
    http: Any = import_module("twilio.http.http_client")
    server = {"url": "turn:t.example", "urls": "turn:t.example", "username": "u", "credential": "p"}
    provider.body = json.dumps({"ice_servers": [server], "ttl": "86400"}).encode()

    class Local(http.TwilioHttpClient):
        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            return super().request(method, provider.url + urlsplit(url).path, *args, **kwargs)

    client = rest.Client(
        "AC1", "t0ken-that-nobody-may-see", http_client=Local(pool_connections=False)
    )
    client.expected = {"iceServers": [server], "iceTransportPolicy": "relay"}
    return client
