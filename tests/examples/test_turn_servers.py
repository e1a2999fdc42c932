"""Credentials of TURN servers, from providers that are played by a server on this machine."""

import base64
import hashlib
import hmac
import importlib.util
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from fastrtc import Stream

Running = Callable[..., AbstractContextManager[str]]

EXAMPLE = Path(__file__).parents[2] / "examples/turn_servers.py"
SERVER: dict[str, Any] = {
    "urls": ["turn:turn.example.com:3478"],
    "username": "u",
    "credential": "p",
}


@pytest.fixture
def module() -> Any:
    """The example."""
    spec = importlib.util.spec_from_file_location("turn_servers", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@dataclass
class Provider:
    """Gives credentials in the forms of Cloudflare and of Twilio."""

    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def provider() -> Iterator[Provider]:
    known = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer({"iceServers": SERVER, "ice_servers": [SERVER], "ttl": "600"})

        def do_GET(self) -> None:
            self._answer(SERVER | {"iceServers": SERVER})

        def _answer(self, answer: object) -> None:
            known.asked.append((self.path, self.headers["Authorization"]))
            data = json.dumps(answer).encode()
            self.send_response(201)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        known.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield known
        http.shutdown()
        thread.join()


class Local(TwilioHttpClient):  # type: ignore[misc]  # it has no types
    """Sends what is for Twilio to a server on this machine."""

    def __init__(self, url: str) -> None:
        super().__init__(pool_connections=False)
        self.url = url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, self.url + urlsplit(url).path, *args, **kwargs)


async def told(rtc_configuration: Any) -> Any:
    """Return the configuration that a stream's page is told."""
    app = Starlette()
    Stream(lambda picture: picture, rtc_configuration=rtc_configuration).mount(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return (await client.get("/webrtc/config")).json()["rtcConfiguration"]


@pytest.mark.filterwarnings("ignore:get_hf_turn_credentials_async is deprecated")
@pytest.mark.parametrize(
    ("name", "options", "asked"),
    [
        (
            "cloudflare",
            {"turn_key_id": "id", "turn_key_api_token": "secret", "cloudflare_url": "{url}/keys"},
            ("/keys/id/credentials/generate-ice-servers", "Bearer secret"),
        ),
        (
            "cloudflare",
            {"hf_token": "hf_secret", "hf_url": "{url}/hf"},
            ("/hf?ttl=600", "Bearer hf_secret"),
        ),
        ("hf", {"token": "hf_secret", "hf_url": "{url}/hf"}, ("/hf?ttl=600", "Bearer hf_secret")),
    ],
)
async def test_providers_give_credentials_for_a_secret(
    module: Any, provider: Provider, name: str, options: dict[str, str], asked: tuple[str, str]
) -> None:
    options = {key: value.format(url=provider.url) for key, value in options.items()}
    configuration = await told(partial(module.PROVIDERS[name], **options))
    assert SERVER["username"] in json.dumps(configuration)
    assert provider.asked == [asked]


async def test_twilio_gives_credentials_to_an_account(module: Any, provider: Provider) -> None:
    client = Client("AC1", "secret", http_client=Local(provider.url))
    configuration = await told(partial(module.PROVIDERS["twilio"], client=client))
    assert configuration == {"iceServers": [SERVER], "iceTransportPolicy": "relay"}
    account = base64.b64encode(b"AC1:secret").decode()
    assert provider.asked == [("/2010-04-01/Accounts/AC1/Tokens.json", f"Basic {account}")]


async def test_a_server_of_ones_own_shares_a_secret_or_a_password(running: Running) -> None:
    async def configured(env: dict[str, str]) -> Any:
        url = {"TURN_URL": "turn:turn.example.org:3478"}
        with running("turn_servers", env=env | url) as server:
            async with httpx.AsyncClient(base_url=server) as client:
                told = (await client.get("/webrtc/config")).json()["rtcConfiguration"]
        (one,) = told["iceServers"]
        assert "turn:turn.example.org:3478" in one["urls"]
        return one

    known = await configured({"TURN_PROVIDER": "coturn", "TURN_SECRET": "shared"})
    digest = hmac.new(b"shared", known["username"].encode(), hashlib.sha1).digest()
    assert known["credential"] == base64.b64encode(digest).decode()
    known = await configured({"TURN_USER": "me", "TURN_PASSWORD": "mine"})
    assert (known["username"], known["credential"]) == ("me", "mine")
