"""Virtual environments of the subjects, made with uv in the cache folder."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.settings import CACHE, ROOT

FASTRTC: Final = ("fastrtc[vad]==0.0.34", "gradio<6")
"""The published predecessor. It needs no further pins to import; its VAD needs onnxruntime."""

SERVER: Final = ("uvicorn", "websockets")
"""What serves either subject. FastRTC brings both through gradio."""

MEMBERS: Final = ("fastrtc-core", "fastrtc-vad", "fastrtc-websocket")
"""What serves the documented WebSocket protocol with turns."""

WEBRTC: Final = ("fastrtc-core", "fastrtc-webrtc")

SPEECH: Final = (
    "fastrtc-core[hub]",
    "fastrtc-stt[moonshine,pocketsphinx]",
    "fastrtc-tts[espeak,kokoro]",
    "fastrtc-vad",
)
"""Every engine that runs without weights, or on stand-ins for them."""

TELEPHONY: Final = ("fastrtc-core", "fastrtc-vad", "fastrtc-telephony[server]")

FASTRTC_TELEPHONY: Final = (*FASTRTC, "twilio")
"""It imports twilio to answer a call, and does not say so."""

FASTRTC_SPEECH: Final = ("fastrtc[tts,vad]==0.0.34", "gradio<6")

AIORTC: Final = ("aiortc==1.16.0", "numpy", "starlette", "uvicorn")
"""What a bare server of WebRTC is built of."""

SILERO: Final = "silero-vad==6.2.3"
SILERO_FILE: Final = "silero_vad/data/silero_vad_16k_op15.onnx"


def run(*command: str | Path, env: Mapping[str, str] | None = None) -> str:
    """What the command prints, run with these variables instead of ours.

    Raises:
        RuntimeError: it failed; the message ends with what it printed.
    """
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        text = f"{done.stdout}{done.stderr}".strip()
        raise RuntimeError(f"{' '.join(words)}: exit status {done.returncode}\n{text}")
    return done.stdout


@cache
def uv() -> Path:
    """The program uv: the one beside the running Python, or else the first on the path."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise RuntimeError("The environments are made by uv: pip install uv")
    return Path(found)


@cache
def wheel(member: str) -> Path:
    """A wheel of a package of this workspace, as it is now."""
    folder = CACHE / "wheels" / member
    shutil.rmtree(folder, ignore_errors=True)
    run(uv(), "build", "-q", "--wheel", "-o", folder, ROOT / "packages" / member)
    return next(folder.glob("*.whl"))


def fresh(name: str, requirements: Sequence[str]) -> Path:
    """The Python of a new environment holding just these requirements, compiled to bytecode.

    Members of this workspace are installed from wheels built now.
    """
    folder = CACHE / name
    shutil.rmtree(folder, ignore_errors=True)
    run(uv(), "venv", "-q", "-p", sys.executable, folder)
    python = folder / "bin" / "python"
    wanted = [_wheel_of(one) for one in requirements]
    run(uv(), "pip", "install", "-q", "--compile-bytecode", "--python", python, *wanted)
    return python


def _wheel_of(requirement: str) -> str:
    """A requirement, with the wheel built now if it is a member of this workspace."""
    name, bracket, extras = requirement.partition("[")
    if not (ROOT / "packages" / name).is_dir() or name == "fastrtc":  # the predecessor's name
        return requirement
    return f"{name}{bracket}{extras} @ {wheel(name).as_uri()}"


def kept(name: str, requirements: Sequence[str]) -> Path:
    """Like `fresh` for what does not change: made once and kept for the same requirements."""
    text = "\n".join((sys.version, *requirements))
    mark = CACHE / name / hashlib.sha256(text.encode()).hexdigest()[:16]
    python = CACHE / name / "bin" / "python"
    if not mark.exists():
        fresh(name, requirements)
        mark.touch()
    return python


@cache
def ours() -> Path:
    """The Python that runs our server: the wheels as built now, and uvicorn."""
    return fresh("ours", (*MEMBERS, *SERVER))


@cache
def ours_webrtc() -> Path:
    """The Python that runs our WebRTC server: the wheels as built now, and uvicorn."""
    return fresh("ours-webrtc", (*WEBRTC, "uvicorn"))


@cache
def ours_speech() -> Path:
    """The Python that runs our speech models."""
    return fresh("ours-speech", SPEECH)


@cache
def fastrtc_speech() -> Path:
    """The Python that runs FastRTC's speech models."""
    return kept("fastrtc-speech-0.0.34", FASTRTC_SPEECH)


@cache
def ours_telephony() -> Path:
    """The Python that runs our telephone server."""
    return fresh("ours-telephony", TELEPHONY)


@cache
def fastrtc_telephony() -> Path:
    """The Python that runs FastRTC's telephone server."""
    return kept("fastrtc-telephony-0.0.34", FASTRTC_TELEPHONY)


@cache
def aiortc() -> Path:
    """The Python that runs a server of aiortc alone."""
    return kept("aiortc", AIORTC)


@cache
def fastrtc() -> Path:
    """The Python that runs FastRTC's server."""
    return kept("fastrtc-0.0.34", FASTRTC)


@cache
def silero() -> Path:
    """The Silero v6 network from its published wheel: the file this library ships too."""
    folder = CACHE / "silero-vad"
    if not (folder / SILERO_FILE).exists():
        run(uv(), "pip", "install", "-q", "--no-deps", "--target", folder, SILERO)
    return folder / SILERO_FILE


def packages(python: Path) -> dict[str, str]:
    """Name and version of everything installed beside this Python."""
    found = json.loads(run(uv(), "pip", "list", "-q", "--format", "json", "--python", python))
    return {package["name"]: package["version"] for package in found}


def site_packages(python: Path) -> Path:
    """The folder of installed packages."""
    return Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
