"""``fastrtc call`` against servers of the library's own, and what a telephone does to handlers."""

import asyncio
import json
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc import AdditionalOutputs, ReplyOnPause, Stream, TelephoneSettings, Twilio
from fastrtc.cli import main
from fastrtc.serve import Server
from fastrtc_core import CloseStream, DigitPressed, Session
from fastrtc_core.audio import read_wav, write_wav
from fastrtc_telephony.testing import dial

SETTINGS = {"telephone": TelephoneSettings(carriers=[Twilio("secret")])}
GIVEN = ("--secret", "auth_token=secret")

Audio = tuple[int, NDArray[np.int16]]


def beep(hertz: float, seconds: float = 0.4) -> Audio:
    times = np.arange(round(8000 * seconds)) / 8000
    return 8000, (9000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)[np.newaxis]


def menu(session: Session, event: object) -> None:
    if isinstance(event, DigitPressed):
        session.interrupt()
        session.say(iter([beep(300.0 * int(event.digit)), CloseStream("goodbye")]))


def tune(session: Session, event: object) -> None:
    if isinstance(event, DigitPressed):
        session.say(beep(500.0))


def quiet(audio: Audio) -> None:
    return None


@pytest.fixture
def calling(capsys: Any) -> Any:
    """Serve a stream, run ``fastrtc call`` on it, and return its exit code and what it printed."""

    async def call(stream: Stream, *arguments: str, path: str = "") -> tuple[int, str, str]:
        server = Server(stream, port=0, path=path, page=False)
        async with server.running():
            code = await asyncio.to_thread(main, ["call", server.url, *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


async def test_a_recording_is_said_and_what_is_heard_is_written(
    calling: Any, tmp_path: Path
) -> None:
    async def echo(audio: Audio) -> Audio:
        return audio

    stream = Stream(echo, modality="audio", transport_settings=SETTINGS)
    write_wav(tmp_path / "said.wav", beep(440, 1.0))
    out = tmp_path / "heard.wav"
    arguments = ("--wav", str(tmp_path / "said.wav"), "--out", str(out), "--tail", "0.5")
    code, told, _ = await calling(stream, *arguments, *GIVEN, path="/voice")
    assert code == 0
    assert "begins to speak" in told
    assert "hangs up" in told
    assert f"of sound; {out} has it" in told
    rate, heard = read_wav(out)
    assert rate == 8000
    spectrum = np.abs(np.fft.rfft(heard[0]))
    assert float(np.argmax(spectrum)) * rate / heard.size == pytest.approx(440, abs=5)


async def test_keys_are_pressed_and_the_server_ends_the_call(calling: Any) -> None:
    stream = Stream(quiet, modality="audio", transport_settings=SETTINGS, on_event=menu)
    code, told, _ = await calling(stream, "--keys", "w2", "--json", *GIVEN)
    assert code == 0
    found = json.loads(told)
    assert found["ended"] == "the server has ended the call, code 1000"
    assert found["heard_seconds"] == pytest.approx(0.4, abs=0.05)
    assert found["notes"][0]["what"] == "presses 2"


async def test_what_went_wrong_is_told(calling: Any, tmp_path: Path) -> None:
    stream = Stream(quiet, modality="audio", transport_settings=SETTINGS)
    code, _, told = await calling(stream, "--secret", "auth_token=guessed")
    assert (code, told) == (
        1,
        "fastrtc: the webhook was answered 403: This is not the carrier's.\n",
    )
    code, _, told = await calling(stream, "--secret", "password=x")
    assert (code, told) == (2, "fastrtc: twilio has no secret password, but auth_token\n")
    code, _, told = await calling(stream, "--parameter", "x", *GIVEN)
    assert "--parameter must be NAME=VALUE, not 'x'" in told
    code, told, _ = await calling(stream, "--tail", "0.2", *GIVEN)
    assert (code, told.splitlines()[-1]) == (1, "nothing was heard")


def test_a_server_that_is_not_there_is_told(capsys: Any) -> None:
    assert main(["call", "http://127.0.0.1:1"]) == 1
    assert "no server answers at http://127.0.0.1:1/telephone/incoming" in capsys.readouterr().err
    assert main(["call", "127.0.0.1:8000"]) == 1
    assert "begins with http:// or https://, not '127.0.0.1:8000" in capsys.readouterr().err


async def test_it_hangs_up_when_the_server_has_been_quiet(
    calling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastrtc.commands.call.QUIET", 0.3)
    monkeypatch.setattr("fastrtc.commands.call.PATIENCE", 60.0)
    stream = Stream(quiet, modality="audio", transport_settings=SETTINGS, on_event=tune)
    code, told, _ = await calling(stream, "--keys", "2", "--json", *GIVEN)
    assert code == 0
    assert json.loads(told)["ended"] == "the caller has hung up"


class Device(ModuleType):
    """A sound device in whose microphone somebody whistles; keeps what the loudspeaker played."""

    PortAudioError = RuntimeError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.played: list[NDArray[np.int16]] = []
        self._stop = threading.Event()

    def Stream(self, *, samplerate: int, blocksize: int, callback: Any, **_: Any) -> "Device":  # noqa: N802
        self._size, self._callback, self._rate = blocksize, callback, samplerate
        return self

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        rate, sound = beep(440, 30)
        for start in range(0, sound.size, self._size):
            out = np.zeros((self._size, 1), np.int16)
            heard = sound[:, start : start + self._size].T
            self._callback(heard, out, self._size, None, None)
            self.played.append(out)
            if self._stop.wait(self._size / rate):
                return


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device()
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    return made


async def test_the_microphone(calling: Any, device: Device) -> None:
    heard = 0.0

    async def echo_a_second(audio: Audio) -> Any:
        nonlocal heard
        heard += audio[1].shape[1] / audio[0]
        return (audio, CloseStream("enough")) if heard > 1 else audio

    stream = Stream(echo_a_second, modality="audio", transport_settings=SETTINGS)
    code, told, _ = await calling(stream, "--microphone", *GIVEN)
    assert code == 0
    assert "You are on the telephone" in told
    played = np.concatenate(device.played)[:, 0]
    spectrum = np.abs(np.fft.rfft(played))
    assert float(np.argmax(spectrum)) * 8000 / played.size == pytest.approx(440, abs=20)


async def test_without_a_sound_device_it_says_so(calling: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    stream = Stream(quiet, modality="audio", transport_settings=SETTINGS)
    code, _, told = await calling(stream, "--microphone", *GIVEN)
    assert code == 2
    assert "fastrtc[microphone]" in told


# Handlers on the telephone, as the documentation has them


async def test_outputs_are_the_next_calls_arguments(speech: Path) -> None:
    """The generator of a `ReplyOnPause` has defaults; what it yields comes back as arguments."""
    counts: list[int] = []

    def reply(audio: Audio, count: int = 0) -> Any:
        counts.append(count)
        yield beep(500, 0.3)
        yield AdditionalOutputs(count + 1)

    stream = Stream(ReplyOnPause(reply), modality="audio", transport_settings=SETTINGS)
    server = Server(stream, port=0, page=False)
    async with server.running(), dial(server.url, secrets={"auth_token": "secret"}) as phone:
        for asked in (1, 2):
            await phone.say(*read_wav(speech))
            async with asyncio.timeout(20):
                while len(counts) < asked or phone.ear.ends > phone.now:
                    await asyncio.sleep(0.05)
            await phone.listen(0.5)
    assert counts == [0, 1]


async def test_nobody_waits_for_inputs() -> None:
    from fastrtc import AsyncStreamHandler

    class Asks(AsyncStreamHandler):
        async def receive(self, frame: Any) -> None: ...

        async def emit(self) -> Any:
            if not self.phone_mode:
                return None
            await self.wait_for_args()
            return beep(500, 0.3), CloseStream()

        def copy(self) -> "Asks":
            return Asks()

    stream = Stream(Asks(), modality="audio", transport_settings=SETTINGS)
    server = Server(stream, port=0, page=False)
    async with server.running(), dial(server.url, secrets={"auth_token": "secret"}) as phone:
        await asyncio.wait_for(phone.over.wait(), 10)
        assert phone.played() > 0.2
