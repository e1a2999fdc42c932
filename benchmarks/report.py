"""The results of a run: as JSON, and as a table for people."""

import json
import os
import platform
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import environments
from benchmarks.catalogue import ROWS, Row
from benchmarks.findings import Cell, Detail, Findings
from benchmarks.process import cores
from benchmarks.settings import CACHE
from benchmarks.subjects import SUBJECTS, Contestant

LATEST: Final = CACHE / "latest.json"

NOTES: Final = """\
- One run, one machine: server and client are processes of their own, each pinned to one core.
- "ours" and FastRTC speak the documented protocol (JSON, base64 mu-law); "ours, negotiated" is
  this library with binary 16-bit PCM and `clear`, which its `start` message may ask for.
- FastRTC 0.0.34 is the published package in an environment of its own. The weights it downloads are
  replaced by the Silero v6 network this library uses; block length, segmentation and thresholds
  are FastRTC's own.
- Reply functions take 100 ms before the first sound, which is taken off the latencies. Without it
  FastRTC loses replies: see the row of instant ones.
- FastRTC does not hold back what a generator yields faster than real time, and has no `clear`: a
  client hears out what it was sent. The row of generators that keep to real time shows FastRTC
  without that.
- A server that has used up its core has a low share per caller: read the processor rows together
  with those below them.
"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a table has: rows, columns, and the words around it."""

    title: str
    rows: Sequence[Row]
    subjects: Sequence[Contestant]
    ours: frozenset[str]
    """The columns that are held against the targets."""
    misses: Path
    """Written by hand after a run: why a row is not met."""
    notes: str
    level: int = 1
    """Of the title among the page's headings."""


WEBSOCKET: Final = Sheet(
    title="Benchmarks",
    rows=ROWS,
    subjects=SUBJECTS,
    ours=frozenset({"ours", "negotiated"}),
    misses=Path(__file__).with_name("MISSES.md"),
    notes=NOTES,
)


@dataclass(slots=True)
class Results:
    """Cells and details by subject, and where they come from."""

    command: str
    settings: dict[str, Detail]
    machine: dict[str, str]
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)
    details: dict[str, dict[str, dict[str, Detail]]] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, probe: str, subject: Contestant, findings: Findings) -> None:
        """Enter what a probe found of a subject."""
        for row, cell in findings.cells.items():
            self.cells.setdefault(row, {})[subject.key] = cell
        if findings.details:
            self.details.setdefault(probe, {})[subject.key] = findings.details

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")


def started(command: str, settings: dict[str, Detail]) -> Results:
    """Empty results of a run on this machine."""
    return Results(command, settings, machine())


def loaded(path: Path) -> Results:
    """Results of an earlier run."""
    return Results(**json.loads(path.read_text()))


def machine() -> dict[str, str]:
    """What this machine is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")
    server, client = cores()
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": f"{model}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "cores": f"server on {server}, client on {client}",
    }


def versions(subjects: Iterable[Contestant]) -> dict[str, dict[str, str]]:
    """The packages that matter, as installed for each subject."""
    named = {
        *environments.MEMBERS,
        *environments.WEBRTC,
        *(
            "fastrtc-gradio",
            "fastrtc-stt",
            "fastrtc-tts",
            "kokoro-onnx",
            "espeakng-loader",
            "pocketsphinx",
        ),
        *(
            "aioice",
            "aiortc",
            "av",
            "fastrtc",
            "gradio",
            "librosa",
            "numpy",
            "onnxruntime",
            "starlette",
            "uvicorn",
            "websockets",
        ),
    }
    return {
        subject.key: {
            name: version
            for name, version in environments.packages(subject.python()).items()
            if name in named
        }
        for subject in subjects
    }


def terminal_table(results: Results, sheet: Sheet = WEBSOCKET) -> str:
    """The table in columns of equal width."""
    rows = list(_table(results, sheet))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    ]
    columns = shutil.get_terminal_size().columns
    return "\n".join([lines[0], "─" * min(columns, len(lines[0])), *lines[1:]])


def markdown(results: Results, sheet: Sheet = WEBSOCKET) -> str:
    """The whole report as a page, or as a part of one."""
    rows = list(_table(results, sheet))
    ruler = ["---", "---", *["---:"] * (len(rows[0]) - 2)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], ruler, *rows[1:]])
    place = "\n".join(f"- {name}: {value}" for name, value in results.machine.items())
    titles = {subject.key: subject.title for subject in sheet.subjects}
    mark = "#" * sheet.level
    installed = "\n".join(
        f"- {titles[key]}: {', '.join(f'{name} {version}' for name, version in found.items())}"
        for key, found in results.versions.items()
    )
    return (
        f"{mark} {sheet.title}\n\n"
        f"Measured by `{results.command}` in {results.seconds / 60:.0f} minutes; how, is told in\n"
        "[benchmarks/README.md](benchmarks/README.md).\n\n"
        f"{place}\n{installed}\n\n{table}\n\n"
        f"{sheet.misses.read_text()}\n{mark}# Notes\n\n{sheet.notes}"
    )


def _table(results: Results, sheet: Sheet) -> Iterable[Sequence[str]]:
    yield ["figure", "unit", "target", *(s.title for s in sheet.subjects), "met"]
    for row in sheet.rows:
        cells = results.cells.get(row.id, {})
        if cells:
            shown = [_shown(cells.get(subject.key)) for subject in sheet.subjects]
            yield [row.title, row.unit, row.target, *shown, _met(row, results, sheet.ours)]


def _met(row: Row, results: Results, ours: frozenset[str]) -> str:
    """For each of our own cells whether it reaches the target; one word if they agree."""
    cells = results.cells[row.id]
    reference: float | None = None
    if row.at_most_of is not None:
        others = results.cells.get(row.at_most_of.row, {})
        found = [others.get(subject) for subject in row.at_most_of.subjects]
        reference = min((one for one in found if isinstance(one, float | int)), default=None)
        if reference is None:
            return "unknown"
    if not row.target:
        return ""
    words = [
        "yes" if isinstance(cell, float | int) and row.met_by(cell, reference) else "no"
        for key, cell in cells.items()
        if key in ours
    ]
    return words[0] if len(set(words)) == 1 else ", ".join(words)


def _shown(cell: Cell | None) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    return f"{cell:.0f}" if abs(cell) >= 100 or cell == int(cell) else f"{cell:.1f}"
