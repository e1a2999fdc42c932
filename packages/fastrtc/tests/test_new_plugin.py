"""Each kind of new plugin is installed, and passes the tests that come with it."""

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fastrtc.cli import main

hatchling = pytest.importorskip("hatchling.build")


def installed(folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build the wheel of a package and unpack it: a wheel without code to run at its installation
    needs no more."""
    target.mkdir()
    monkeypatch.chdir(folder)
    wheel = hatchling.build_wheel(str(target))
    with zipfile.ZipFile(target / wheel) as archive:
        archive.extractall(target)
    return target


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["stt", "transport", "tts", "vad"])
def test_it_passes_its_own_tests(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"my-{kind}-2"
    assert main(["new-plugin", name, "--kind", kind, "--folder", str(tmp_path)]) == 0
    site = installed(tmp_path / name, tmp_path / "site", monkeypatch)
    monkeypatch.setenv("PYTHONPATH", str(site))
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:asyncio", "-rA"]
    run = subprocess.run(command, cwd=tmp_path / name, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "FastRTC conformance" in run.stdout
    [found] = importlib.metadata.distributions(path=[str(site)])
    assert found.metadata["Name"] == name
    listed = subprocess.run(
        [sys.executable, "-m", "fastrtc", "plugins"], capture_output=True, text=True, check=True
    ).stdout
    assert any(line.split()[:3] == [name, name, "0.1.0"] for line in listed.splitlines()), listed


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ears").mkdir()
    (tmp_path / "ears" / "README.md").write_text("mine")
    assert main(["new-plugin", "ears", "--kind", "stt", "--folder", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "ears").iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("My Ears", "'My Ears' can't be the name of a package"),
        ("../ears", "can't be the name of a package"),
        ("class", "can't be the name of a package"),
        ("2ears", "can't be the name of a package"),
        ("ears--", "can't be the name of a package"),
        ("fastrtc", "call it something else"),
        ("fastrtc-core", "call it something else"),
    ],
)
def test_names_that_can_not_be_are_told(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new-plugin", name, "--kind", "vad", "--folder", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
