"""What is installed, and how long it takes to import. No page is visited here."""

import json
from pathlib import Path
from typing import Any, Final

from benchmarks import environments
from benchmarks.findings import Findings
from benchmarks.gradio.settings import Settings
from benchmarks.gradio.subjects import FASTRTC_PAGE, OURS, everything
from benchmarks.probes.install import Installation, weighed
from benchmarks.subjects import Contestant, environment

PACKAGES: Final = {"ours": ("fastrtc-gradio", "fastrtc_gradio"), "fastrtc": ("fastrtc", "fastrtc")}
"""Where the component is: the distribution, and the module."""

IMPORTS: Final = """
import json, sys, time
begun = time.perf_counter()
import gradio
between, loaded = time.perf_counter(), len(sys.modules)
import {module}
ended = time.perf_counter()
print(json.dumps([between - begun, ended - between, len(sys.modules) - loaded]))
"""

FILES: Final = """
import importlib.metadata, json
files = importlib.metadata.files("{distribution}")
own = [file for file in files if file.parts[0] == "{module}"]
print(json.dumps([[file.suffix, file.locate().stat().st_size] for file in own]))
"""

BROWSER: Final = frozenset({".css", ".html", ".js", ".svg", ".wasm"})


async def imports(subject: Contestant, settings: Settings) -> Findings:
    """What importing the component's package adds to Gradio, each best of several interpreters."""
    _, module = PACKAGES[subject.key]
    program = IMPORTS.format(module=module)
    runs = [_told(subject.python(), program) for _ in range(settings.imports)]
    gradio, added, modules = (list(values) for values in zip(*runs, strict=True))
    return Findings(
        {
            "import.gradio_ms": 1000 * min(gradio),
            "import.added_ms": 1000 * min(added),
            "import.modules": modules[0],
        },
        {"gradio_s": gradio, "added_s": added},
    )


async def size(subject: Contestant, _: Settings) -> Findings:
    """Bytes of the files that the package's wheel brings, bytecode left out."""
    distribution, module = PACKAGES[subject.key]
    program = FILES.format(distribution=distribution, module=module)
    files = [
        (suffix, size) for suffix, size in _told(subject.python(), program) if suffix != ".pyc"
    ]
    return Findings(
        {
            "size.package_kb": sum(size for _, size in files) / 1000,
            "size.browser_kb": sum(size for suffix, size in files if suffix in BROWSER) / 1000,
        }
    )


async def install(subject: Contestant, _: Settings) -> Findings:
    """All of `fastrtc` without extras, as people install it."""
    requirements = everything() if subject is OURS else FASTRTC_PAGE
    return weighed({"page": Installation(requirements, "fastrtc")})


def _told(python: Path, program: str) -> Any:
    return json.loads(environments.run(python, "-c", program, env=environment()))
