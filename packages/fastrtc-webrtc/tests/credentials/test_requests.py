import socket
import sys
from typing import Any

import httpx
import pytest

from fastrtc_core import FastRTCError, MissingPackageError
from fastrtc_webrtc.credentials import (
    CredentialsError,
    get_cloudflare_turn_credentials,
    get_cloudflare_turn_credentials_async,
)

TOKEN = "t0ken-that-nobody-may-see"


@pytest.mark.parametrize("url", ["http://example.com/credentials", "ftp://example.com"])
async def test_no_token_leaves_the_machine_unencrypted(cloudflare: Any, url: str) -> None:
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
async def test_a_refusal(provider: Any, cloudflare: Any, status: int, sentence: str) -> None:
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
async def test_a_useless_answer(provider: Any, cloudflare: Any, body: bytes, sentence: str) -> None:
    provider.body = body
    with pytest.raises(CredentialsError, match=f"Hugging Face gave no .*: {sentence}") as failure:
        await cloudflare(hf_token=TOKEN, **provider.urls)
    assert failure.value.status == 201


async def test_nobody_answers(provider: Any, cloudflare: Any) -> None:
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


async def test_a_client_of_the_callers_own(provider: Any) -> None:
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


def test_the_servers_asked_by_default(provider: Any) -> None:
    transport = ToThisMachine(provider.url)
    with httpx.Client(transport=transport) as client:
        get_cloudflare_turn_credentials("i", "t", client=client)
        get_cloudflare_turn_credentials(hf_token="h", client=client)
    assert transport.wanted == [
        "https://rtc.live.cloudflare.com/v1/turn/keys/i/credentials/generate-ice-servers",
        "https://fastrtc-turn-service.hf.space/credentials?ttl=600",
    ]


async def test_httpx_is_missing(cloudflare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingPackageError, match=r'pip install "fastrtc-webrtc\[turn\]"'):
        await cloudflare(hf_token="h")
