"""The plugin in a distribution of its own: built, installed, found, and used for a turn."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("webrtcvad")
hatchling = pytest.importorskip("hatchling.build")

PLUGIN = Path(__file__).parents[2] / "examples" / "webrtcvad_plugin"

TURN = """
import asyncio, json, sys
import numpy as np
from fastrtc_core import Stream, plugins
from fastrtc_core.testing import connect, run
from fastrtc_vad import ReplyOnPause

samples = np.load(sys.argv[1])
said = []

def reply(audio):
    said.append(audio[1].shape[1] / audio[0])
    yield audio

async def main():
    make_model = plugins.load("fastrtc.pause_detection", "webrtcvad")
    stream = Stream(ReplyOnPause(reply, model=make_model()), modality="audio")
    async with connect(stream) as client:
        await client.speak(samples, 24000)
        await client.send_silence(4.0)
        heard = client.heard_audio().duration
    [found] = plugins.found("fastrtc.pause_detection")[-1:]
    print(json.dumps({"said": said, "heard": heard, "package": found.package}))

run(main())
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a Python of a new environment, which has the plugin beside what is here."""
    folder = tmp_path_factory.mktemp("environment")
    create = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(create, check=True)
    program = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    here, there = (
        subprocess.run([name, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
        for name in (sys.executable, str(program))
    )
    (Path(there) / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PLUGIN)
        wheel = hatchling.build_wheel(str(folder))
    with zipfile.ZipFile(folder / wheel) as archive:
        archive.extractall(there)
    return str(program)


def test_it_passes_its_own_tests(python: str) -> None:
    command = [python, "-m", "pytest", "-W", "error", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=PLUGIN, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("WebRTCVad: 9 of 9 rules kept") == 4


def test_a_turn_ends_at_the_pause(
    python: str, question: tuple[int, NDArray[np.int16]], tmp_path: Path
) -> None:
    path = tmp_path / "question.npy"
    np.save(path, question[1][0])
    run = subprocess.run(
        [python, "-W", "error", "-c", TURN, str(path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["package"] == "fastrtc-webrtcvad"
    [seconds] = told["said"]
    assert 1.0 < seconds < 3.5
    assert told["heard"] == pytest.approx(seconds, abs=0.1)


def test_the_command_line_lists_it(python: str) -> None:
    run = subprocess.run(
        [python, "-m", "fastrtc", "plugins", "--json"], capture_output=True, text=True, check=True
    )
    told = [json.loads(line) for line in run.stdout.splitlines()]
    [ours] = [item for item in told if item["name"] == "webrtcvad"]
    assert ours["package"] == "fastrtc-webrtcvad"
    assert ours["capabilities"] == {"streaming": True, "batch": False}


def test_no_plugin_of_it_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found above comes from the environment that was made."""
    from fastrtc_core import plugins

    monkeypatch.syspath_prepend(str(PLUGIN / "src"))
    assert "webrtcvad" not in plugins.names("fastrtc.pause_detection")
