"""What programs in the subjects' environments find."""

import asyncio
import json
import sys
from typing import Any

from benchmarks.environments import uv
from benchmarks.findings import Findings, percentile
from benchmarks.settings import CACHE, ROOT
from benchmarks.speech import weights
from benchmarks.speech.settings import Settings
from benchmarks.subjects import Contestant, environment

FOLDER = CACHE / "stand-in-kokoro"


async def first(subject: Contestant, settings: Settings) -> Findings:
    """How soon a long text is heard."""
    found = await _ran(subject, "first", settings.repeats)
    cells: dict[str, float | str] = {
        f"first.{name}": 1000 * percentile(one["times"], 95) for name, one in found.items()
    }
    cells["first.kokoro.seconds"] = found["kokoro"]["seconds"]
    return Findings(cells, {"first": found})


async def cancel(subject: Contestant, settings: Settings) -> Findings:
    """How soon an engine stops."""
    found = await _ran(subject, "cancel", settings.repeats)
    return Findings(
        {f"cancel.{name}": 1000 * max(times) for name, times in found.items()}, {"cancel": found}
    )


async def idle(subject: Contestant, settings: Settings) -> Findings:
    """What models cost that do nothing."""
    found = await _ran(subject, "idle", settings.idle_seconds)
    return Findings({"idle.cpu": 100 * found["cpu"]})


async def _ran(subject: Contestant, command: str, number: float) -> Any:
    """What the subject's program prints.

    Raises:
        RuntimeError: It failed; the text ends with what it said.
    """
    uv()
    weights.kokoro(FOLDER)
    return await ran(subject, command, str(FOLDER), str(number))


async def ran(subject: Contestant, *arguments: str) -> Any:
    """What a program of the subject prints, read as JSON."""
    python = await asyncio.to_thread(subject.python)
    process = await asyncio.create_subprocess_exec(
        python,
        "-m",
        subject.server,
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        lines = err.decode(errors="replace").strip().splitlines() or ["no word"]
        print(err.decode(errors="replace"), file=sys.stderr)
        raise RuntimeError(lines[-1])
    return json.loads(out.decode().strip().splitlines()[-1])
