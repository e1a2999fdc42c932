"""The telephone examples, rung by the fake carrier."""

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_telephony.testing import Phone, RefusedError, dial
from fastrtc_telephony.testing.dialects.twilio import TwilioDialect

ROOT = Path(__file__).parents[2]
SECRETS = {"auth_token": "secret"}

Audio = tuple[int, NDArray[np.int16]]
Running = Callable[..., AbstractContextManager[str]]


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "secret")
    monkeypatch.delenv("TWILIO_ACCOUNT_SID", raising=False)


def loudest_hertz(phone: Phone, begin: float, end: float) -> float:
    heard = phone.ear.window(begin, end)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(heard.size)))
    return float(np.argmax(spectrum)) * phone.rate / heard.size


async def test_the_server_greets_and_repeats(running: Running, question: Audio) -> None:
    with running("telephone/app") as url:
        async with dial(url, secrets=SECRETS) as phone:
            await phone.listen(0.6)
            assert phone.ear.first() is not None
            assert loudest_hertz(phone, 0, 0.5) == pytest.approx(660, abs=10)
            before = phone.played()
            await phone.say(*question)
            await phone.listen(4.0)
            assert phone.played() - before > 1.5
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{url}/health")).text == "1 calls\n"
        with pytest.raises(RefusedError, match="403"):
            async with dial(url, secrets={"auth_token": "guessed"}):
                pass


def test_the_container_installs_what_the_example_needs() -> None:
    folder = ROOT / "examples/telephone"
    imported = re.findall(r"^from (\w+)", (folder / "app.py").read_text(), re.MULTILINE)
    own = {name.replace("_", "-") for name in imported if name.startswith("fastrtc")}
    required = (folder / "requirements.txt").read_text().splitlines()
    assert own == {re.split(r"[\[>]", line)[0] for line in required}
    docker = (folder / "Dockerfile").read_text()
    assert "COPY requirements.txt" in docker
    assert "COPY app.py" in docker


async def test_a_menu_by_keys(running: Running) -> None:
    with running("telephone_menu") as url:
        async with dial(url, secrets=SECRETS) as phone:
            await phone.listen(0.8)
            assert loudest_hertz(phone, 0.1, 0.5) == pytest.approx(880, abs=10)
            await phone.press("2")
            await phone.listen(0.35)
            assert loudest_hertz(phone, phone.now - 0.2, phone.now) == pytest.approx(440, abs=10)
            await phone.press("1")  # and the other tune stops
            await phone.listen(0.35)
            assert loudest_hertz(phone, phone.now - 0.2, phone.now) == pytest.approx(523, abs=10)
            await phone.press("0")  # there is no account to transfer with
            await phone.listen(0.5)
            assert loudest_hertz(phone, phone.now - 0.3, phone.now) == pytest.approx(200, abs=10)
            await phone.press("#")
            await asyncio.wait_for(phone.over.wait(), 10)


class Detected(TwilioDialect):
    """Twilio, having listened who answers."""

    answered_by = "human"

    def webhook(self, url: str, caller: Any) -> Any:
        return super().webhook(f"{url}?AnsweredBy={self.answered_by}", caller)


class Machine(Detected):
    answered_by = "machine_end_beep"


async def test_machines_are_left_a_message(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("CALL_KEY", "key")
    monkeypatch.setenv("PUBLIC_URL", f"http://127.0.0.1:{port}")
    with running("telephone_outbound", "--port", str(port)) as url:
        async with dial(url, Machine(SECRETS)) as phone:
            await asyncio.wait_for(phone.over.wait(), 10)
            assert phone.played() == pytest.approx(2.0, abs=0.1)
        async with dial(url, Detected(SECRETS)) as phone:
            await phone.listen(1.0)
            assert not phone.over.is_set()
            assert phone.played() == pytest.approx(0.5, abs=0.1)
        async with httpx.AsyncClient() as client:
            order = {"to": "+14155550123"}
            answer = await client.post(f"{url}/call", json=order)
            assert answer.status_code == 401
