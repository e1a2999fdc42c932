"""Webhooks and streams in applications of all kinds, behind proxies, with and without settings."""

import asyncio
import logging
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, WebSocket
from fastapi.responses import HTMLResponse
from starlette.applications import Starlette
from starlette.routing import Mount, Router

from fastrtc_core import MissingPackageError, Stream, TransportPlugin
from fastrtc_core.plugins import load
from fastrtc_telephony import ConfigurationError, TelephoneSettings, TelephoneTransport, Twilio
from fastrtc_telephony.carriers.twilio import signature
from fastrtc_telephony.testing import RefusedError, dial

FIELDS = {"CallSid": "CA1", "From": "+1", "To": "+2"}


async def ring(
    url: str, headers: dict[str, str] | None = None, signed_as: str | None = None
) -> httpx.Response:
    signed = signature("secret", signed_as or url, list(FIELDS.items()))
    async with httpx.AsyncClient() as client:
        given = {"X-Twilio-Signature": signed, **(headers or {})}
        return await client.post(url, data=FIELDS, headers=given)


def stream_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/xml")
    stream = ElementTree.fromstring(answer.text).find("Connect/Stream")
    assert stream is not None
    return stream.attrib["url"]


def test_it_is_a_transport_found_by_name(phone_stream: Any, echo: Any) -> None:
    assert isinstance(TelephoneTransport(phone_stream(echo())), TransportPlugin)
    assert load("fastrtc.transports", "telephone") is TelephoneTransport


@pytest.mark.parametrize("make", [Starlette, Router, FastAPI])
async def test_mounting(serving: Any, phone_stream: Any, echo: Any, make: Any) -> None:
    app = make()
    TelephoneTransport(phone_stream(echo())).mount(app, "/voice", ["calls"])
    async with serving(app) as server:
        port = urlsplit(server.url).port
        for name in ("", "/twilio"):
            answer = await ring(f"{server.url}/voice/telephone{name}/incoming")
            expected = f"ws://127.0.0.1:{port}/voice/telephone{name}/handler"
            assert stream_of(answer) == expected


async def test_routers_and_mounted_applications(
    serving: Any, phone_stream: Any, echo: Any, secrets: Any, tone: Any
) -> None:
    router = APIRouter()
    TelephoneTransport(phone_stream(echo())).mount(router, "/x", None)
    inner = FastAPI()
    inner.include_router(router, prefix="/api")
    app = Starlette(routes=[Mount("/outer", inner)])
    async with (
        serving(app) as server,
        dial(f"{server.url}/outer/api/x", secrets=secrets["twilio"]) as phone,
    ):
        await phone.say(8000, tone(0.2))
        await phone.listen(0.3)
        assert phone.played() > 0.1


def test_tags_are_in_the_documentation(phone_stream: Any, echo: Any) -> None:
    app = FastAPI()
    TelephoneTransport(phone_stream(echo())).mount(app, "", ["calls"])
    operation = app.openapi()["paths"]["/telephone/incoming"]["post"]
    assert operation["tags"] == ["calls"]
    assert operation["summary"] == "Answer a telephone call"


async def test_a_get_is_signed_by_its_query(
    serving_stream: Any, phone_stream: Any, echo: Any
) -> None:
    async with serving_stream(phone_stream(echo())) as server, httpx.AsyncClient() as client:
        url = f"{server.url}/telephone/incoming?{urlencode(FIELDS)}"
        headers = {"X-Twilio-Signature": signature("secret", url, ())}
        assert stream_of(await client.get(url, headers=headers)).endswith("/telephone/handler")


async def test_the_greeting_is_the_carriers(
    serving_stream: Any, phone_stream: Any, echo: Any
) -> None:
    said = {"greeting": "Grüezi & willkommen", "language": "de-CH", "voice": "Polly.Vicki"}
    async with serving_stream(phone_stream(echo(), settings=said)) as server:
        answer = await ring(f"{server.url}/telephone/incoming")
        (say,) = ElementTree.fromstring(answer.text).iter("Say")
        assert say.text == "Grüezi & willkommen"
        assert say.attrib == {"language": "de-CH", "voice": "Polly.Vicki"}
        first, second = ElementTree.fromstring(answer.text)
        assert (first.tag, second.tag) == ("Say", "Connect")


async def test_a_busy_sentence(serving_stream: Any, phone_stream: Any, echo: Any) -> None:
    stream = phone_stream(echo(), settings={"busy": "All lines are busy."}, concurrency_limit=1)
    async with serving_stream(stream) as server:
        stream_of(await ring(f"{server.url}/telephone/incoming"))  # a place is kept for it
        answer = await ring(f"{server.url}/telephone/incoming")
        assert [one.tag for one in ElementTree.fromstring(answer.text)] == ["Say", "Hangup"]


# Proxies


async def test_a_proxy_that_is_trusted_says_how_it_was_called(
    serving_stream: Any, phone_stream: Any, echo: Any
) -> None:
    stream = phone_stream(echo(), settings={"trusted_proxies": ("127.0.0.0/8",)})
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "voice.example.org",
        "X-Forwarded-Prefix": "/tenant",
    }
    async with serving_stream(stream) as server:
        seen = "https://voice.example.org/tenant/telephone/incoming"
        answer = await ring(f"{server.url}/telephone/incoming", forwarded, seen)
        assert stream_of(answer) == "wss://voice.example.org/tenant/telephone/handler"


async def test_what_a_stranger_says_of_forwarding_is_not_believed(
    serving_stream: Any, phone_stream: Any, echo: Any
) -> None:
    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/x"}
    async with serving_stream(phone_stream(echo())) as server:
        answer = await ring(f"{server.url}/telephone/incoming", forwarded)
        assert "evil" not in stream_of(answer)
        seen = "http://evil.example/x/telephone/incoming"
        refused = await ring(f"{server.url}/telephone/incoming", forwarded, seen)
        assert refused.status_code == 403


async def test_a_public_url_stands_for_what_requests_do_not_show(
    serving_stream: Any, phone_stream: Any, echo: Any
) -> None:
    stream = phone_stream(echo(), settings={"public_url": "https://voice.example.org/base/"})
    async with serving_stream(stream) as server:
        seen = "https://voice.example.org/base/telephone/incoming"
        answer = await ring(f"{server.url}/telephone/incoming", None, seen)
        assert stream_of(answer) == "wss://voice.example.org/base/telephone/handler"


# Routes of the application's own


async def test_the_documented_routes_of_ones_own(
    serving: Any, phone_stream: Any, echo: Any, secrets: Any, tone: Any
) -> None:
    stream: Stream = phone_stream(echo())
    app = FastAPI()

    @app.api_route("/incoming-call", methods=["GET", "POST"])
    async def handle_incoming_call(req: Request) -> HTMLResponse:
        host = req.url.netloc
        body = f'<Response><Connect><Stream url="ws://{host}/media-stream"/></Connect></Response>'
        return HTMLResponse(content=body, media_type="application/xml")

    @app.websocket("/media-stream")
    async def handle_media_stream(websocket: WebSocket) -> None:
        await stream.telephone_handler(websocket)

    async with serving(app) as server:
        async with dial(server.url, secrets=secrets["twilio"], path="/incoming-call") as phone:
            await phone.say(8000, tone(0.2))
            await phone.listen(0.3)
            assert phone.played() > 0.1  # Twilio signs the stream's request too
        forged = {"auth_token": "guessed"}
        with pytest.raises(RefusedError, match="403"):
            async with dial(server.url, secrets=forged, path="/incoming-call"):
                pass


async def test_the_webhook_from_a_route_of_ones_own(
    serving: Any, phone_stream: Any, echo: Any, secrets: Any
) -> None:
    stream: Stream = phone_stream(echo())
    app = FastAPI()
    stream.mount(app, "/voice")

    @app.post("/my/webhook")
    async def incoming(request: Request) -> Any:
        return await stream.handle_incoming_call(request)

    async with (
        serving(app) as server,
        dial(server.url, secrets=secrets["twilio"], path="/my/webhook"),
    ):
        async with asyncio.timeout(10):
            while not len(stream.sessions):
                await asyncio.sleep(0.01)


# Without secrets


async def test_without_settings_and_secrets_calls_are_refused_and_nothing_else(
    serving_stream: Any, echo: Any, caplog: Any, monkeypatch: Any
) -> None:
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    async with serving_stream(Stream(echo(), modality="audio")) as server:
        answer = await ring(f"{server.url}/telephone/incoming")
        assert answer.status_code == 503
        assert "Twilio(auth_token=...), or TWILIO_AUTH_TOKEN in the environment" in caplog.text
        assert "TelephoneSettings(insecure=True)" in caplog.text
        with pytest.raises(RefusedError, match="503"):
            async with dial(server.url):
                pass


async def test_the_token_may_be_in_the_environment(
    serving_stream: Any, echo: Any, secrets: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "secret")
    stream = Stream(echo(), modality="audio")
    async with serving_stream(stream) as server, dial(server.url, secrets=secrets["twilio"]):
        pass


def test_settings_without_secrets_do_not_start(echo: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    settings = {"telephone": TelephoneSettings(carriers=[Twilio()])}
    stream = Stream(echo(), modality="audio", transport_settings=settings)
    with pytest.raises(ConfigurationError, match="TWILIO_AUTH_TOKEN"):
        TelephoneTransport(stream).mount(Starlette(), "", None)


@pytest.mark.parametrize("by", ["setting", "environment"])
async def test_for_development_anybody_may_call(
    serving_stream: Any, echo: Any, monkeypatch: Any, caplog: Any, by: str
) -> None:
    settings = {}
    if by == "setting":
        settings = {"telephone": TelephoneSettings(insecure=True)}
    else:
        monkeypatch.setenv("FASTRTC_TELEPHONE_INSECURE", "1")
    stream = Stream(echo(), modality="audio", transport_settings=settings)
    with caplog.at_level(logging.WARNING):
        async with serving_stream(stream) as server, dial(server.url):
            pass
    assert "from anybody" in caplog.text


def test_a_stream_of_pictures_has_no_telephone() -> None:
    app = Starlette()
    TelephoneTransport(Stream(lambda frame: frame, modality="video")).mount(app, "", None)
    assert not app.routes


def test_what_is_wrong_with_settings_is_told(echo: Any) -> None:
    with pytest.raises(ValueError, match="different ones"):
        TelephoneSettings(carriers=[Twilio("a"), Twilio("b")])
    with pytest.raises(ValueError, match="at least one"):
        TelephoneSettings(carriers=[])
    with pytest.raises(ValueError, match=r"like https://voice\.example\.org"):
        TelephoneSettings(public_url="voice.example.org")
    with pytest.raises(ValueError, match="does not appear to be"):
        TelephoneSettings(trusted_proxies=("proxy",))
    with pytest.raises(ValueError, match="lead"):
        TelephoneSettings(lead=0)
    stream = Stream(echo(), modality="audio", transport_settings={"telephone": {}})
    with pytest.raises(TypeError, match="must be TelephoneSettings"):
        TelephoneTransport(stream)
    with pytest.raises(TypeError, match="Starlette or FastAPI application, not 'app'"):
        TelephoneTransport(Stream(echo(), modality="audio")).mount("app", "", None)


def test_what_checks_signatures_is_asked_for(monkeypatch: Any, carrier: Any) -> None:
    telnyx, vonage = carrier("telnyx"), carrier("vonage")
    for name in ("cryptography.hazmat.primitives.asymmetric.ed25519", "jwt"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingPackageError, match=r"fastrtc-telephony\[telnyx\]"):
        telnyx.check()
    with pytest.raises(MissingPackageError, match=r"fastrtc-telephony\[vonage\]"):
        vonage.check()
