"""What importing a package may cost."""

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fastrtc_core.testing.conformance.report import Report, Rule, check, require
from fastrtc_core.testing.conformance.threads import in_thread

TRIES: Final = 3
"""The quickest counts: what makes others slower is not the package."""

PROGRAM: Final = """
import sys, time
began = time.perf_counter()
__import__(sys.argv[1])
took = time.perf_counter() - began
import json
print()
print(json.dumps({"seconds": took, "modules": sorted(sys.modules)}))
"""


@dataclass(frozen=True, slots=True)
class Import:
    """An import that is checked."""

    module: str
    seconds: float
    forbidden: tuple[str, ...]


async def check_import(
    module: str, *, seconds: float = 0.5, forbidden: Sequence[str] = ()
) -> Report:
    """Check what importing a module costs, in a process of its own.

    Args:
        module: Its name.
        seconds: What it may take, in the quickest of three tries; with all that it imports.
        forbidden: Modules that it must not load, nor anything in them: those that are slow, or may
            not be installed.

    """
    return await check(f"import {module}", RULES, Import(module, seconds, tuple(forbidden)))


def _checked(rule: Callable[[Import], None]) -> Callable[[Import], Awaitable[None]]:
    return lambda subject: in_thread(lambda: rule(subject))


def _imported(module: str) -> tuple[float, list[str]]:
    """Import a module, and return the seconds that takes and all that is loaded then."""
    command = [sys.executable, "-c", PROGRAM, module]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    last = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1]
    require(run.returncode == 0, f"it can't be imported: {last}")
    told = json.loads(run.stdout.splitlines()[-1])
    return told["seconds"], told["modules"]


def _works(subject: Import) -> None:
    _imported(subject.module)


def _is_quick(subject: Import) -> None:
    quickest = min(_imported(subject.module)[0] for _ in range(TRIES))
    require(
        quickest <= subject.seconds, f"it takes {quickest:.2f} s; {subject.seconds:g} s are allowed"
    )


def _loads_nothing_forbidden(subject: Import) -> None:
    _, modules = _imported(subject.module)
    loaded = [
        name
        for name in subject.forbidden
        if any(module == name or module.startswith(f"{name}.") for module in modules)
    ]
    require(not loaded, f"it loads {', '.join(loaded)}")


RULES: Final = (
    Rule("import", "it can be imported by itself", _checked(_works)),
    Rule("import time", "importing it is quick", _checked(_is_quick)),
    Rule(
        "import load",
        "importing it loads nothing that is forbidden",
        _checked(_loads_nothing_forbidden),
    ),
)
