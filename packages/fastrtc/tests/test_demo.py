"""The demo, from a recording of speech to what comes back."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc import demo, talk
from fastrtc_core import AudioFrame, Stream, VideoFrame
from fastrtc_core.audio import read_wav, write_wav
from fastrtc_core.testing import connect

TURN = re.compile(
    r"turn \d   spoke (?P<start>[\d.]+)-(?P<end>[\d.]+) s   pause detected [\d.]+   "
    r"reply from (?P<reply>[\d.]+) s \((?P<delay>[\d.]+) s after you stopped\), "
    r"(?P<length>[\d.]+) s long(, interrupted at (?P<stop>[\d.]+))?"
)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    command = [sys.executable, "-W", "error", "-m", "fastrtc.demo", *map(str, arguments)]
    it = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in it.stderr
    return it.returncode, it.stdout, it.stderr


def turns(output: str) -> list[re.Match[str]]:
    """Find the turns that were printed; every line of them has to be understood."""
    lines = [line for line in output.splitlines() if line.startswith("turn ")]
    found = [match for line in lines if (match := TURN.fullmatch(line))]
    assert len(found) == len(lines), output
    return found


def pause(rate: int, seconds: float) -> NDArray[np.int16]:
    return np.zeros((1, round(rate * seconds)), np.int16)


def test_what_was_said_comes_back(speech: Path, tmp_path: Path) -> None:
    code, output, errors = run("--wav", speech, "--out", tmp_path / "reply.wav")
    assert (code, errors) == (0, "")
    (turn,) = turns(output)
    assert 0.4 < float(turn["delay"]) < 2.0  # half a second of it is the pause
    rate, heard = read_wav(tmp_path / "reply.wav")
    _, said = read_wav(speech)
    sample = said[0, rate // 2 : rate // 2 + rate // 10] / 1000
    likeness = np.correlate(heard[0] / 1000, sample).max() / np.sum(sample**2)
    assert likeness == pytest.approx(1, abs=0.05)


def test_who_speaks_interrupts_the_reply(speech: Path, tmp_path: Path) -> None:
    rate, said = read_wav(speech)
    both = np.concatenate([said, pause(rate, 1.2), said], axis=1)
    write_wav(tmp_path / "both.wav", (rate, both))
    code, output, errors = run("--wav", tmp_path / "both.wav", "--out", tmp_path / "reply.wav")
    assert (code, errors) == (0, "")
    first, second = turns(output)
    assert 0.0 < float(first["stop"]) - float(second["start"]) < 1.0
    assert second["stop"] is None


def test_without_speech_no_turn_is_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(talk, "PATIENCE", 0.3)
    silence = tmp_path / "silence.wav"
    write_wav(silence, (16000, pause(16000, 0.5)))
    assert demo.main(["--wav", str(silence), "--out", str(tmp_path / "reply.wav")]) == 1
    assert "no turn was answered; is there speech in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words"),
    [("missing.wav", "missing.wav can't be read: No such file"), ("text.wav", "is not a PCM WAV")],
)
def test_a_recording_that_cannot_be_read(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    code, _, errors = run("--wav", tmp_path / name)
    assert code == 2
    assert words in errors


@pytest.mark.parametrize("modality", ["audio", "video", "audio-video"])
def test_the_page_is_served(modality: str) -> None:
    command = [sys.executable, "-W", "error", "-m", "fastrtc.demo", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, "--modality", modality], stdout=pipe, stderr=pipe, text=True
    ) as server:
        try:
            assert server.stdout is not None
            found = re.match(r"Talk to it at (\S+) ", server.stdout.readline())
            assert found is not None
            page = httpx.get(found[1])
            config = httpx.get(f"{found[1]}webrtc/config").json()
        finally:
            server.terminate()
    assert page.status_code == 200
    assert "<title>" in page.text
    assert (config["modality"], config["mode"]) == (modality, "send-receive")


def test_pictures_need_webrtc(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo.plugins, "names", lambda group: ["websocket"])
    assert demo.main(["--modality", "video", "--port", "0"]) == 1
    assert "fastrtc[webrtc]" in capsys.readouterr().err


def test_a_mirror() -> None:
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(demo.mirror(picture)[0, 0], picture[0, 3])
    np.testing.assert_array_equal(demo.mirror(demo.mirror(picture)), picture)


async def test_sound_and_pictures_come_back() -> None:
    stream = Stream(demo.Echo(), modality="audio-video", mode="send-receive")
    picture = np.arange(48 * 64 * 3).astype(np.uint8).reshape(48, 64, 3)
    async with connect(stream) as client:
        await client.send_video(picture)
        while not isinstance(shown := await client.receive(), VideoFrame):
            pass
        await client.send_audio(np.full((1, 480), 5, np.int16), 24_000)
        while not isinstance(heard := await client.receive(), AudioFrame):
            pass
    np.testing.assert_array_equal(shown.pixels, picture)
    assert (heard.samples == 5).any()
