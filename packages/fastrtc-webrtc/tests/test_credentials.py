import base64
import hashlib
import hmac
import json
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from fastrtc_core import FastRTCError, MissingPackageError
from fastrtc_webrtc.credentials import (
    CredentialsError,
    TurnCredentials,
    get_cloudflare_turn_credentials,
    get_cloudflare_turn_credentials_async,
    get_coturn_credentials,
    get_hf_turn_credentials,
    get_hf_turn_credentials_async,
    get_turn_credentials,
    get_turn_credentials_async,
    get_twilio_turn_credentials,
)

TOKEN = "t0ken-that-nobody-may-see"
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


@dataclass
class Provider:
    """A server of credentials on this machine."""

    url: str
    status: int = 201
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


Get = Callable[..., Any]


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


def now() -> float:
    return datetime.now(UTC).timestamp()


async def test_a_turn_key(provider: Provider, cloudflare: Get) -> None:
    before = now()
    credentials = await cloudflare("key/id", TOKEN, ttl=120, **provider.urls)
    assert credentials == ANSWER
    assert before + 120 <= credentials.expires <= now() + 120
    assert json.loads(json.dumps(credentials)) == ANSWER
    (request,) = provider.seen
    assert request["method"] == "POST"
    assert request["path"] == "/cloudflare/key%2Fid/credentials/generate-ice-servers"
    assert request["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(request["body"]) == {"ttl": 120}


async def test_a_token_of_hugging_face(provider: Provider, cloudflare: Get) -> None:
    provider.status = 200
    credentials = await cloudflare(hf_token=TOKEN, **provider.urls)
    assert credentials == ANSWER
    assert credentials.expires == pytest.approx(now() + 600, abs=5)
    (request,) = provider.seen
    assert request["method"] == "GET"
    assert request["path"] == "/hf"
    assert request["query"] == {"ttl": ["600"]}
    assert request["authorization"] == f"Bearer {TOKEN}"


KEY = "/cloudflare/{}/credentials/generate-ice-servers"


@pytest.mark.parametrize(
    ("variables", "arguments", "asked"),
    [
        # Nothing is given: the environment's.
        ({"HF_TOKEN": "h"}, {}, ("/hf", "h")),
        ({"CLOUDFLARE_TURN_KEY_ID": "i", "CLOUDFLARE_TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        ({"TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        ({"CLOUDFLARE_TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        (
            {"CLOUDFLARE_TURN_KEY_ID": "i", "TURN_KEY_ID": "x", "TURN_KEY_API_TOKEN": "t"},
            {},
            ("i", "t"),
        ),
        ({"HF_TOKEN": "h", "TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("/hf", "h")),
        # An empty variable is none.
        ({"HF_TOKEN": "", "TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        ({"HF_TOKEN": " ", "TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        (
            {"CLOUDFLARE_TURN_KEY_ID": "", "TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t\n"},
            {},
            ("i", "t"),
        ),
        # What is given wins over all of it.
        ({"HF_TOKEN": "h"}, {"turn_key_id": "i", "turn_key_api_token": "t"}, ("i", "t")),
        (
            {"HF_TOKEN": "h", "TURN_KEY_ID": "x", "TURN_KEY_API_TOKEN": "y"},
            {"turn_key_id": "i", "turn_key_api_token": "t"},
            ("i", "t"),
        ),
        ({"HF_TOKEN": "h", "TURN_KEY_API_TOKEN": "t"}, {"turn_key_id": "i"}, ("i", "t")),
        ({"HF_TOKEN": "h", "TURN_KEY_ID": "i"}, {"turn_key_api_token": "t"}, ("i", "t")),
        ({"TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {"hf_token": "h"}, ("/hf", "h")),
        ({"HF_TOKEN": "x"}, {"hf_token": "h\n"}, ("/hf", "h")),
        ({"HF_TOKEN": "h"}, {"hf_token": ""}, ("/hf", "h")),
        # As documented, the token is used where both are given.
        ({}, {"hf_token": "h", "turn_key_id": "i", "turn_key_api_token": "t"}, ("/hf", "h")),
    ],
)
async def test_which_secret_is_used(
    provider: Provider,
    cloudflare: Get,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    arguments: dict[str, str],
    asked: tuple[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    await cloudflare(**arguments, **provider.urls)
    path, token = asked
    assert provider.asked == (path if path == "/hf" else KEY.format(path), token)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "give turn_key_id and turn_key_api_token, or hf_token; or set CLOUDFLARE_TURN_KEY_ID"),
        ({"turn_key_id": "i"}, "has no API token: give turn_key_api_token, or set CLOUDFLARE_TURN"),
        (
            {"turn_key_api_token": TOKEN},
            "has no id: give turn_key_id, or set CLOUDFLARE_TURN_KEY_ID",
        ),
        ({"hf_token": "h", "ttl": 0}, "ttl must be a positive number of seconds, not 0"),
        (
            {"turn_key_id": "i", "turn_key_api_token": "t", "ttl": -1},
            "ttl must be a positive number",
        ),
        ({"hf_token": f"{TOKEN} {TOKEN}"}, "has spaces or characters that no token has"),
        (
            {"hf_token": TOKEN + "\N{ZERO WIDTH SPACE}"},
            "has spaces or characters that no token has",
        ),
        ({"hf_token": f"{TOKEN}\nX: y"}, "has spaces or characters that no token has"),
    ],
)
async def test_what_is_missing_or_wrong(
    cloudflare: Get, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=r"TURN|ttl|token") as failure:
        await cloudflare(**arguments)
    assert sentence in str(failure.value)
    assert TOKEN not in repr(failure.value)


@pytest.mark.parametrize("url", ["http://example.com/credentials", "ftp://example.com"])
async def test_no_token_leaves_the_machine_unencrypted(cloudflare: Get, url: str) -> None:
    with pytest.raises(ValueError, match="sent by https only"):
        await cloudflare(hf_token=TOKEN, hf_url=url)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (302, "it answered with status 302"),
        (400, "status 400; the ttl may be longer than it allows"),
        (401, "status 401; the token is not valid"),
        (404, "status 404; it does not know this key id"),
        (429, "status 429; too many requests, or the quota is used up"),
        (500, "it answered with status 500"),
    ],
)
async def test_a_refusal(provider: Provider, cloudflare: Get, status: int, sentence: str) -> None:
    provider.status = status
    provider.body = f"your token {TOKEN} ...".encode()
    with pytest.raises(CredentialsError) as failure:
        await cloudflare("i", TOKEN, **provider.urls)
    error = failure.value
    assert isinstance(error, FastRTCError)
    assert (error.provider, error.status) == ("Cloudflare", status)
    assert str(error).startswith("Cloudflare gave no TURN credentials: ")
    assert str(error).endswith(sentence)
    assert TOKEN not in repr(error)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", "its answer is not JSON"),
        (b"\xff\xfe\xff", "its answer is not JSON"),
        (b"[]", "its answer has no iceServers"),
        (b'{"iceServers": []}', "its answer has no iceServers"),
        (b'{"error": "no"}', "its answer has no iceServers"),
    ],
)
async def test_a_useless_answer(
    provider: Provider, cloudflare: Get, body: bytes, sentence: str
) -> None:
    provider.body = body
    with pytest.raises(CredentialsError, match=f"Hugging Face gave no .*: {sentence}") as failure:
        await cloudflare(hf_token=TOKEN, **provider.urls)
    assert failure.value.status == 201


async def test_nobody_answers(provider: Provider, cloudflare: Get) -> None:
    closed = "http://127.0.0.1:1"
    with pytest.raises(
        CredentialsError, match=r"127\.0\.0\.1 did not answer \(ConnectError"
    ) as failure:
        await cloudflare("i", TOKEN, cloudflare_url=closed)
    assert failure.value.status is None
    assert TOKEN not in repr(failure.value)


async def test_it_takes_too_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        sentence = "did not answer .ReadTimeout"
        with httpx.Client(timeout=0.05) as client, pytest.raises(CredentialsError, match=sentence):
            get_cloudflare_turn_credentials(hf_token="h", hf_url=url, client=client)
        async with httpx.AsyncClient(timeout=0.05) as async_client:
            with pytest.raises(CredentialsError, match=sentence):
                await get_cloudflare_turn_credentials_async(
                    hf_token="h", hf_url=url, client=async_client
                )


async def test_a_client_of_the_callers_own(provider: Provider) -> None:
    """It is used more than once, so it is not closed."""
    with httpx.Client(headers={"Host": "sync.example"}) as client:
        for _ in range(2):
            get_cloudflare_turn_credentials(hf_token="h", client=client, **provider.urls)
    async with httpx.AsyncClient(headers={"Host": "async.example"}) as async_client:
        for _ in range(2):
            await get_cloudflare_turn_credentials_async(
                hf_token="h", client=async_client, **provider.urls
            )
    hosts = [request["host"] for request in provider.seen]
    assert hosts == ["sync.example"] * 2 + ["async.example"] * 2


async def test_a_client_of_the_other_kind() -> None:
    wrong: Any
    async with httpx.AsyncClient() as wrong:
        with pytest.raises(TypeError, match=r"an httpx\.Client here, not httpx\.AsyncClient"):
            get_cloudflare_turn_credentials(hf_token="h", client=wrong)
    with (
        httpx.Client() as wrong,
        pytest.raises(TypeError, match=r"httpx\.AsyncClient here, not httpx\.Cl"),
    ):
        await get_cloudflare_turn_credentials_async(hf_token="h", client=wrong)


class ToThisMachine(httpx.HTTPTransport):
    """Sends every request to one server, whatever it was for, and tells which that was."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self.server = httpx.URL(server)
        self.wanted: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.wanted.append(str(request.url))
        request.url = request.url.copy_with(
            scheme="http", host=self.server.host, port=self.server.port
        )
        return super().handle_request(request)


def test_the_servers_asked_by_default(provider: Provider) -> None:
    transport = ToThisMachine(provider.url)
    with httpx.Client(transport=transport) as client:
        get_cloudflare_turn_credentials("i", "t", client=client)
        get_cloudflare_turn_credentials(hf_token="h", client=client)
    assert transport.wanted == [
        "https://rtc.live.cloudflare.com/v1/turn/keys/i/credentials/generate-ice-servers",
        "https://fastrtc-turn-service.hf.space/credentials?ttl=600",
    ]


async def test_httpx_is_missing(cloudflare: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingPackageError, match=r'pip install "fastrtc-webrtc\[turn\]"'):
        await cloudflare(hf_token="h")


async def test_the_deprecated_function(
    provider: Provider, huggingface: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "from-the-environment")
    with pytest.warns(
        DeprecationWarning, match=r"call get_cloudflare_turn_credentials\w*\(hf_token"
    ):
        credentials = await huggingface("given", 60, hf_url=provider.url)
    assert credentials == ANSWER
    assert credentials.expires == pytest.approx(now() + 60, abs=5)
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        await huggingface(hf_url=provider.url)
    tokens = [request["authorization"] for request in provider.seen]
    assert tokens == ["Bearer given", "Bearer from-the-environment"]


async def test_the_deprecated_function_without_a_token(huggingface: Get) -> None:
    with (
        pytest.warns(DeprecationWarning, match="is deprecated"),
        pytest.raises(ValueError, match="no Hugging Face token: give token, or set HF_TOKEN"),
    ):
        await huggingface()


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

    client = rest.Client("AC1", TOKEN, http_client=Local(pool_connections=False))
    client.expected = {"iceServers": [server], "iceTransportPolicy": "relay"}
    return client


def test_twilio(provider: Provider, twilio: Any) -> None:
    credentials = get_twilio_turn_credentials(client=twilio, ttl=3600)
    assert credentials == twilio.expected
    assert credentials.expires == pytest.approx(now() + 3600, abs=5)
    (request,) = provider.seen
    assert request["path"] == "/2010-04-01/Accounts/AC1/Tokens.json"
    assert request["body"] == "Ttl=3600"
    assert base64.b64decode(request["authorization"].split()[1]).decode() == f"AC1:{TOKEN}"


def test_twilio_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("fastrtc_webrtc.credentials.twilio")
    with pytest.raises(ValueError, match="or set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"):
        get_twilio_turn_credentials("AC1")
    with pytest.raises(ValueError, match="ttl must be a positive number"):
        get_twilio_turn_credentials("AC1", TOKEN, ttl=0)
    accounts = []

    def note(sid: str | None, token: str | None) -> Any:
        accounts.append((sid, token))
        raise LookupError

    monkeypatch.setattr(module, "_client", note)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "from-the-environment")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "its-token")
    for arguments in ((), ("AC1", "t")):
        with pytest.raises(LookupError):
            get_twilio_turn_credentials(*arguments)
    assert accounts == [("from-the-environment", "its-token"), ("AC1", "t")]


def test_twilio_refuses(provider: Provider, twilio: Any) -> None:
    provider.status = 401
    provider.body = b'{"message": "Authenticate", "code": 20003}'
    exceptions: Any = import_module("twilio.base.exceptions")
    with pytest.raises(exceptions.TwilioRestException, match="Authenticate"):
        get_twilio_turn_credentials(client=twilio)


def test_twilio_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "twilio", None)
    monkeypatch.setitem(sys.modules, "twilio.rest", None)
    with pytest.raises(ImportError, match=r'pip install "fastrtc-webrtc\[twilio\]"'):
        get_twilio_turn_credentials("AC1", "t")


async def test_a_provider_by_name(provider: Provider, twilio: Any) -> None:
    twilio_body, provider.body = provider.body, json.dumps(ANSWER).encode()
    choices: Any = [(), ("cloudflare",), (None,)]
    for choice in choices:
        assert get_turn_credentials(*choice, hf_token="h", **provider.urls) == ANSWER
        assert await get_turn_credentials_async(*choice, hf_token="h", **provider.urls) == ANSWER
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        assert get_turn_credentials("hf", token="h", hf_url=provider.url) == ANSWER
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        assert await get_turn_credentials_async("hf", token="h", hf_url=provider.url) == ANSWER
    provider.body = twilio_body
    assert get_turn_credentials("twilio", client=twilio) == twilio.expected
    assert await get_turn_credentials_async("twilio", client=twilio) == twilio.expected


async def test_no_such_provider() -> None:
    unknown: Any = "carrier pigeon"
    sentence = "method must be one of cloudflare, hf, twilio, not 'carrier pigeon'"
    with pytest.raises(ValueError, match=sentence):
        get_turn_credentials(unknown)
    with pytest.raises(ValueError, match=sentence):
        await get_turn_credentials_async(unknown)


def test_coturn() -> None:
    credentials = get_coturn_credentials("north", "turn:t.example:3478", now=1_700_000_000, ttl=60)
    mac = hmac.new(b"north", b"1700000060:fastrtc", hashlib.sha1).digest()
    server = {
        "urls": "turn:t.example:3478",
        "username": "1700000060:fastrtc",
        "credential": base64.b64encode(mac).decode(),
    }
    assert credentials == {"iceServers": [server]}
    assert credentials.expires == 1_700_000_060


def test_coturn_by_the_machines_clock() -> None:
    urls = ("stun:t.example", "turn:t.example")
    with warnings.catch_warnings(action="error"):
        credentials = partial(get_coturn_credentials, "north", urls, user="me")()
    (server,) = credentials["iceServers"]
    end, _, user = server["username"].partition(":")
    assert int(end) == pytest.approx(now() + 600, abs=5)
    assert user == "me"
    assert server["urls"] == list(urls)


@pytest.mark.parametrize(
    ("secret", "urls", "ttl", "sentence"),
    [
        ("", "turn:t", 60, "the secret of the TURN server is empty"),
        ("north", "", 60, "needs at least one URL"),
        ("north", [], 60, "needs at least one URL"),
        ("north", "turn:t", 0, "ttl must be a positive number of seconds, not 0"),
    ],
)
def test_coturn_without(secret: str, urls: Any, ttl: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        get_coturn_credentials(secret, urls, ttl=ttl)
