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


async def until(what: Callable[[], bool]) -> None:
    """Wait until something is so; a guard ends what never comes to that."""
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.02)


async def hears(phone: Phone, hertz: float) -> None:
    """Wait until the last tenth of a second was this tone."""

    def heard() -> bool:
        begin = phone.now - 0.1
        loud = np.abs(phone.ear.window(begin, phone.now)).max(initial=0) > 1000
        return bool(loud and abs(loudest_hertz(phone, begin, phone.now) - hertz) < 15)

    await until(heard)


async def test_the_server_greets_and_repeats(running: Running, question: Audio) -> None:
    with running("telephone/app") as url:
        async with dial(url, secrets=SECRETS) as phone:
            await hears(phone, 660)
            await phone.listen(0.3)
            before = phone.played()
            await phone.say(*question)
            await until(lambda: phone.played() - before > 1.5)
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
            await hears(phone, 880)
            for key, first_note in (("2", 440), ("1", 523), ("0", 200)):
                await phone.press(key)  # the tune before stops; of 0, there is no account for it
                await hears(phone, first_note)
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
            await hears(phone, 660)
            await phone.listen(1.0)
            assert not phone.over.is_set()
        async with httpx.AsyncClient() as client:
            order = {"to": "+14155550123"}
            answer = await client.post(f"{url}/call", json=order)
            assert answer.status_code == 401
