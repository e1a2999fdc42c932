"""Installs the built wheels the way their users do, and weighs and imports what comes along.

Wheels and not the checkout: only so is what the packages declare put to the test. Budgets are in
packages, megabytes and loaded modules; milliseconds of import vary threefold from run to run.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = frozenset(
    {
        "av",
        "aiortc",
        "fastapi",
        "gradio",
        "librosa",
        "numba",
        "pandas",
        "pydantic",
        "scipy",
        "torch",
    }
)
"""Never part of a lean installation, whatever its size."""

WITH_PAGE = frozenset({"av", "aiortc", "fastapi", "gradio", "pandas", "pydantic"})
"""What comes with Gradio's page and WebRTC."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What somebody installs and imports, and the most that it may bring."""

    install: tuple[str, ...]
    imports: str
    packages: int
    megabytes: int
    """Without bytecode."""
    modules: int
    """In ``sys.modules`` after the imports."""
    heavy: frozenset[str] = frozenset()
    """What of `HEAVY` it may bring."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What an installation brought."""

    packages: frozenset[str]
    megabytes: float
    modules: frozenset[str]


BUDGETS = (
    Budget(("fastrtc-core",), "fastrtc_core", 2, 65, 360),
    Budget(("fastrtc-core", "fastrtc-vad"), "fastrtc_core, fastrtc_vad", 7, 140, 400),
    Budget(
        ("fastrtc-core", "fastrtc-vad", "fastrtc-websocket[server]"),
        "fastrtc_core, fastrtc_vad, fastrtc_websocket, uvicorn",
        16,
        145,
        600,
    ),
    Budget(
        ("fastrtc-core", "fastrtc-vad", "fastrtc-telephony[server]"),
        "fastrtc_core, fastrtc_vad, fastrtc_telephony, uvicorn",
        16,
        145,
        640,
    ),
    Budget(
        ("fastrtc-core", "fastrtc-vad", "fastrtc-webrtc[server]"),
        "fastrtc_core, fastrtc_vad, fastrtc_webrtc, uvicorn",
        30,
        280,
        800,
        heavy=frozenset({"av", "aiortc"}),
    ),
    Budget(("fastrtc-core", "fastrtc-stt[pocketsphinx]"), "fastrtc_stt", 20, 130, 420),
    Budget(("fastrtc-core", "fastrtc-stt[moonshine]"), "fastrtc_stt", 40, 200, 420),
    Budget(("fastrtc-core", "fastrtc-tts[espeak]"), "fastrtc_tts", 4, 90, 420),
    Budget(("fastrtc-core", "fastrtc-tts[kokoro]"), "fastrtc_tts", 40, 200, 420),
    Budget(("fastrtc",), "fastrtc", 75, 395, 80, heavy=WITH_PAGE),
    Budget(("fastrtc[all]",), "fastrtc", 90, 510, 80, heavy=WITH_PAGE),
)


def run(*command: str) -> str:
    """Run a command and return what it printed; its errors go to the terminal."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def weigh(uv: str, budget: Budget, wheels: Path, folder: Path) -> Weight:
    """Install into a new environment in `folder` and measure it."""
    python = str(folder / "bin" / "python")
    run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
    uv_pip = (uv, "pip")
    quiet_install = ("install", "--quiet", "--python", python, "--find-links", str(wheels))
    run(*uv_pip, *quiet_install, *budget.install)
    listing = json.loads(run(*uv_pip, "list", "--python", python, "--format", "json"))
    files = (f for f in folder.rglob("*") if f.is_file() and not f.is_symlink())
    size = sum(f.stat().st_size for f in files if f.suffix != ".pyc")
    loaded = run(python, "-c", f"import {budget.imports}, sys; print(*sys.modules)")
    return Weight(
        packages=frozenset(str(package["name"]) for package in listing),
        megabytes=size / 1e6,
        modules=frozenset(loaded.split()),
    )


def faults(budget: Budget, weight: Weight) -> list[str]:
    """Say where a weight is over its budget."""
    found = []
    counts = (
        ("packages", len(weight.packages), budget.packages),
        ("MB", round(weight.megabytes), budget.megabytes),
        ("modules", len(weight.modules), budget.modules),
    )
    for unit, actual, most in counts:
        if actual > most:
            found.append(f"{actual} {unit}, at most {most}")
    if heavy := sorted((HEAVY - budget.heavy) & (weight.packages | weight.modules)):
        found.append(f"brings {', '.join(heavy)}")
    return found


def main() -> int:
    """Check every budget; return the number of those exceeded."""
    uv = os.environ.get("HATCH_UV") or shutil.which("uv")
    if uv is None:
        print("uv is needed: run this by `hatch run lean:check`", file=sys.stderr)
        return 1
    exceeded = 0
    with tempfile.TemporaryDirectory() as scratch:
        wheels = Path(scratch, "wheels")
        for project in sorted(ROOT.glob("packages/*/pyproject.toml")):
            run(uv, "build", "--quiet", "--wheel", "--out-dir", str(wheels), str(project.parent))
        for number, budget in enumerate(BUDGETS):
            weight = weigh(uv, budget, wheels, Path(scratch, f"env{number}"))
            found = faults(budget, weight)
            exceeded += bool(found)
            print(
                f"{' '.join(budget.install)}: {len(weight.packages)} packages,"
                f" {weight.megabytes:.0f} MB, {len(weight.modules)} modules",
                *(f"  over budget: {fault}" for fault in found),
                sep="\n",
            )
    return exceeded


if __name__ == "__main__":
    sys.exit(main())
