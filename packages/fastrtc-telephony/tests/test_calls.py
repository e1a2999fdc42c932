"""What an application can do with a call: hang up, transfer, press keys, call others."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from fastrtc_core import (
    AsyncStreamHandler,
    CloseReason,
    DigitPressed,
    Session,
    Stream,
    StreamHandler,
)
from fastrtc_telephony import (
    CallControlError,
    ConfigurationError,
    TelephoneSettings,
    Twilio,
    call_of,
    current_call,
)
from fastrtc_telephony.testing import dial


class Rest:
    """Twilio's REST interface, as far as it goes here; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.status = 200
        rest = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                rest.asked.append((self.path, parse_qs(body)))
                content: dict[str, object] = {"sid": "CA9", "status": "queued"}
                if rest.status >= 400:
                    content = {"code": 21220, "message": "Call is not in-progress.", "status": 400}
                data = json.dumps(content).encode()
                self.send_response(rest.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def rest() -> Iterator[Rest]:
    made = Rest()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def twilio(rest: Rest) -> Twilio:
    """Twilio by its own package, whose requests go to the one on this machine."""
    http_client = pytest.importorskip("twilio.http.http_client")
    client = pytest.importorskip("twilio.rest").Client

    class Redirected(http_client.TwilioHttpClient):  # type: ignore[misc, name-defined]
        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            local = url.replace("https://api.twilio.com", rest.url)
            headers = {**(kwargs.pop("headers", None) or {}), "Connection": "close"}
            return super().request(method, local, *args, headers=headers, **kwargs)

    def make(sid: str, token: str) -> Any:
        return client(sid, token, http_client=Redirected(pool_connections=False))

    return Twilio("secret", "AC1", client=make)


def stream_for(twilio: Twilio, handler: Any, **options: Any) -> Stream:
    settings = {"telephone": TelephoneSettings(carriers=[twilio])}
    return Stream(handler, modality="audio", transport_settings=settings, **options)


async def test_a_call_is_transferred(
    serving_stream: Any, secrets: Any, twilio: Twilio, rest: Rest, ends: Any
) -> None:
    class Transfers(AsyncStreamHandler):
        async def start_up(self) -> None:
            call = current_call()
            assert call is not None
            await call.transfer("+14155550199")

        async def receive(self, frame: Any) -> None: ...

        async def emit(self) -> Any:
            await asyncio.sleep(0.01)

        def copy(self) -> "Transfers":
            return Transfers()

    stream = stream_for(twilio, Transfers(), on_event=ends.observe)
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        await asyncio.wait_for(phone.over.wait(), 10)
        ((path, fields),) = rest.asked
        assert path == f"/2010-04-01/Accounts/AC1/Calls/{phone.caller.call_id}.json"
    assert "<Response><Dial>+14155550199</Dial></Response>" in fields["Twiml"][0]
    assert (await ends.next())[1].reason is CloseReason.HANDLER


async def test_a_transfer_that_fails_is_told_and_the_call_goes_on(
    serving_stream: Any, secrets: Any, twilio: Twilio, rest: Rest, quiet: Any
) -> None:
    rest.status = 400
    stream = stream_for(twilio, quiet())
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        while not len(stream.sessions):
            await asyncio.sleep(0.01)
        (session,) = stream.sessions
        call = call_of(session)
        assert call is not None
        with pytest.raises(CallControlError, match="not in-progress"):
            await call.transfer("+14155550199")
        assert not phone.over.is_set()


async def test_hanging_up_ends_the_call_at_twilio_too(
    serving_stream: Any, secrets: Any, twilio: Twilio, rest: Rest, quiet: Any
) -> None:
    stream = stream_for(twilio, quiet())
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        while not len(stream.sessions):
            await asyncio.sleep(0.01)
        (session,) = stream.sessions
        call = call_of(session)
        assert call is not None
        await call.hang_up()
        await asyncio.wait_for(phone.over.wait(), 10)
    assert [fields["Status"] for _, fields in rest.asked] == [["completed"]]


async def test_a_sync_handler_hands_it_over(
    serving_stream: Any, secrets: Any, twilio: Twilio, rest: Rest
) -> None:
    class Transfers(StreamHandler):
        def start_up(self) -> None:
            call = current_call()
            assert call is not None
            self.session.run_from_thread(call.transfer("+14155550199"))

        def receive(self, frame: Any) -> None: ...

        def emit(self) -> Any:
            return None

        def copy(self) -> "Transfers":
            return Transfers()

    async with (
        serving_stream(stream_for(twilio, Transfers())) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        await asyncio.wait_for(phone.over.wait(), 10)
    ((_, fields),) = rest.asked
    assert "<Dial>+14155550199</Dial>" in fields["Twiml"][0]


async def test_a_handler_may_hang_up_itself(
    serving_stream: Any, secrets: Any, twilio: Twilio, rest: Rest
) -> None:
    class HangsUp(AsyncStreamHandler):
        async def start_up(self) -> None:
            call = current_call()
            assert call is not None
            await call.hang_up()

        async def receive(self, frame: Any) -> None: ...

        async def emit(self) -> Any:
            await asyncio.sleep(0.01)

        def copy(self) -> "HangsUp":
            return HangsUp()

    async with (
        serving_stream(stream_for(twilio, HangsUp())) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        await asyncio.wait_for(phone.over.wait(), 10)
    assert [fields["Status"] for _, fields in rest.asked] == [["completed"]]


async def test_a_carrier_that_transfers_no_calls_says_so(
    serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any
) -> None:
    stream = phone_stream(quiet(), "plivo")
    async with (
        serving_stream(stream) as server,
        dial(server.url, "plivo", secrets=secrets["plivo"]),
    ):
        while not len(stream.sessions):
            await asyncio.sleep(0.01)
        (session,) = stream.sessions
        call = call_of(session)
        assert call is not None
        with pytest.raises(CallControlError, match="plivo transfers no calls"):
            await call.transfer("+14155550199")


async def test_keys_are_pressed_by_the_carrier_where_it_can(
    serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any
) -> None:
    stream = phone_stream(quiet(), "plivo")
    async with (
        serving_stream(stream) as server,
        dial(server.url, "plivo", secrets=secrets["plivo"]) as phone,
    ):
        while not len(stream.sessions):
            await asyncio.sleep(0.01)
        (session,) = stream.sessions
        call = call_of(session)
        assert call is not None
        await call.press("12#")
        await phone.listen(0.1)
        assert "the server presses 12#" in [note.what for note in phone.report().notes]


async def test_keys_are_tones_elsewhere(
    serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any
) -> None:
    stream = phone_stream(quiet())
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        while not len(stream.sessions):
            await asyncio.sleep(0.01)
        (session,) = stream.sessions
        call = call_of(session)
        assert call is not None
        await call.press("5")
        report = phone.report()
        with pytest.raises(ValueError, match="no 'x'"):
            await call.press("5x")
    loud = np.flatnonzero(np.abs(report.heard.astype(int)) > 1000)
    tone = report.heard[loud[0] : loud[0] + 800]
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(tone.size)))
    hertz = np.arange(spectrum.size) * report.rate / tone.size
    low, high = hertz < 1000, hertz >= 1000
    assert hertz[low][np.argmax(spectrum[low])] == pytest.approx(770, abs=10)
    assert hertz[high][np.argmax(spectrum[high])] == pytest.approx(1336, abs=10)


async def test_a_menu_by_keys(
    serving_stream: Any, phone_stream: Any, secrets: Any, quiet: Any, tone: Any
) -> None:
    def menu(session: Session, event: object) -> None:
        if isinstance(event, DigitPressed):
            session.interrupt()
            session.say((8000, tone(0.3, hertz=300.0 * int(event.digit))))

    stream = phone_stream(quiet(), on_event=menu)
    async with (
        serving_stream(stream) as server,
        dial(server.url, secrets=secrets["twilio"]) as phone,
    ):
        await phone.press("2")
        await phone.listen(0.6)
        heard = phone.report().heard
    spectrum = np.abs(np.fft.rfft(heard))
    assert float(np.argmax(spectrum)) * 8000 / heard.size == pytest.approx(600, abs=5)


def test_somebody_is_called(twilio: Twilio, rest: Rest) -> None:
    sid = twilio.dial(
        to="+14155550111",
        from_="+14155550122",
        url="https://voice.example.org/telephone/incoming",
        machine_detection="Enable",
    )
    assert sid == "CA9"
    ((path, fields),) = rest.asked
    assert path == "/2010-04-01/Accounts/AC1/Calls.json"
    assert fields == {
        "To": ["+14155550111"],
        "From": ["+14155550122"],
        "Url": ["https://voice.example.org/telephone/incoming"],
        "MachineDetection": ["Enable"],
    }
    rest.status = 400
    with pytest.raises(CallControlError, match=r"did not call \+14155550111"):
        twilio.dial(to="+14155550111", from_="+14155550122", url="https://x")


def test_without_an_account_nobody_is_called(monkeypatch: Any) -> None:
    monkeypatch.delenv("TWILIO_ACCOUNT_SID", raising=False)
    with pytest.raises(ConfigurationError, match="TWILIO_ACCOUNT_SID"):
        Twilio("secret").client()
