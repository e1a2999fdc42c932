"""The scripts on machines that lack something, and under pip's configurations."""

import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV_SETTINGS = runpy.run_path(str(ROOT / "scripts" / "uv_settings.py"))["uv_settings"]


def start_with(programs: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run scripts/test with nothing on PATH but these shell scripts, by name."""
    shell, dirname = shutil.which("sh"), shutil.which("dirname")
    assert shell is not None
    assert dirname is not None
    (folder / "dirname").symlink_to(dirname)
    for name, body in programs.items():
        (folder / name).write_text(f"#!{shell}\n{body}\n")
        (folder / name).chmod(0o755)
    command = [shell, str(ROOT / "scripts" / "test")]
    return subprocess.run(
        command, env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_without_a_new_enough_python(tmp_path: Path) -> None:
    run = start_with({"python3": "exit 1"}, tmp_path)
    assert run.returncode == 1
    assert "Python 3.11 or newer is needed" in run.stderr


def test_python_without_venv(tmp_path: Path) -> None:
    python = 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo python3.12-venv ;; esac'
    run = start_with({"python3": python}, tmp_path)
    assert run.returncode == 1
    assert "apt-get install python3.12-venv" in run.stderr


@pytest.mark.parametrize(
    ("version", "fits"),
    [("1.9.4", False), ("1.17.0", False), ("1.18.0", True), ("1.20.1", True), ("2.0.0", False)],
)
def test_hatch_on_path_is_used_if_it_fits(version: str, fits: bool, tmp_path: Path) -> None:
    python = 'case "$2" in *ensurepip*) exit 1 ;; *sys.exit*) exit 0 ;; *) exit 1 ;; esac'
    hatch = f'case "$1" in --version) echo "Hatch, version {version}" ;; *) echo "ran $*" ;; esac'
    run = start_with({"python3": python, "hatch": hatch}, tmp_path)
    assert (run.stdout == "ran run test\n") is fits


@pytest.mark.parametrize(
    ("pip", "uv"),
    [
        ({}, {}),
        ({"default-timeout": "180"}, {}),
        ({"index-url": "https://a/simple"}, {"UV_DEFAULT_INDEX": "https://a/simple"}),
        (
            {"extra-index-url": "https://a\nhttps://b"},
            {"UV_INDEX": "https://a https://b", "UV_INDEX_STRATEGY": "unsafe-best-match"},
        ),
        ({"find-links": "/a /b"}, {"UV_FIND_LINKS": "/a,/b"}),
        ({"cert": "/with space.pem"}, {"SSL_CERT_FILE": "/with space.pem"}),
    ],
)
def test_pip_settings_for_uv(pip: dict[str, str], uv: dict[str, str]) -> None:
    assert UV_SETTINGS(pip) == uv
