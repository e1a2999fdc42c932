"""What an installation weighs and how long it takes to import. Nothing runs here but Python."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks import environments
from benchmarks.findings import Findings
from benchmarks.settings import Settings
from benchmarks.subjects import Subject, environment

RUNS: Final = 5

IMPORT: Final = """
import json, sys, time
begun = time.perf_counter()
import {modules}
print(json.dumps([time.perf_counter() - begun, len(sys.modules)]))
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """What somebody installs and imports for one purpose."""

    requirements: tuple[str, ...]
    modules: str


FASTRTC_VAD: Final = Installation(environments.FASTRTC, "fastrtc")

INSTALLATIONS: Final[dict[str, dict[str, Installation]]] = {
    "ours": {
        "core": Installation(("fastrtc-core",), "fastrtc_core"),
        "vad": Installation(("fastrtc-core", "fastrtc-vad"), "fastrtc_core, fastrtc_vad"),
        "server": Installation(
            (*environments.MEMBERS, *environments.SERVER),
            "fastrtc_core, fastrtc_vad, fastrtc_websocket",
        ),
    },
    "fastrtc": {
        "core": Installation(("fastrtc==0.0.34", "gradio<6"), "fastrtc"),
        "vad": FASTRTC_VAD,
        "server": FASTRTC_VAD,
    },
}


async def install(subject: Subject, _: Settings) -> Findings:
    """Sizes, package counts and import times of the subject's installations."""
    return weighed(INSTALLATIONS[subject.key])


def weighed(installations: Mapping[str, Installation]) -> Findings:
    """Figures of installations by `install.`, their name, and the last part of their rows' ids."""
    findings = Findings()
    for name, installation in installations.items():
        figures = _weighed(installation)
        findings.cells |= {f"install.{name}.{figure}": value for figure, value in figures.items()}
    return findings


@cache
def _weighed(installation: Installation) -> dict[str, float]:
    """Figures of an installation made for the purpose, by the last part of their rows' ids."""
    python = environments.fresh("weighed", installation.requirements)
    lean, full = _megabytes(environments.site_packages(python))
    seconds, modules = _import(python, installation.modules)
    return {
        "mb": lean,
        "bytecode_mb": full,
        "packages": len(environments.packages(python)),
        "import_ms": 1000 * seconds,
        "modules": modules,
    }


def _megabytes(folder: Path) -> tuple[float, float]:
    """Millions of bytes in the folder without and with bytecode."""
    sizes = [(path.suffix, path.stat().st_size) for path in folder.rglob("*") if path.is_file()]
    lean = sum(size for suffix, size in sizes if suffix != ".pyc")
    return lean / 1e6, sum(size for _, size in sizes) / 1e6


def _import(python: Path, modules: str) -> tuple[float, int]:
    """Seconds of the quickest of several imports, the interpreter's start left out; modules."""
    program = IMPORT.format(modules=modules)
    runs = [
        json.loads(environments.run(python, "-c", program, env=environment())) for _ in range(RUNS)
    ]
    seconds, count = min(runs)
    return float(seconds), int(count)
