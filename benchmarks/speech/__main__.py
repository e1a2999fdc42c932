"""Measure speech models beside FastRTC's: `python -m benchmarks.speech --help`."""

from pathlib import Path
from typing import Final

from benchmarks import report, suite
from benchmarks.speech.catalogue import ROWS
from benchmarks.speech.notes import NOTES
from benchmarks.speech.plan import PROBES
from benchmarks.speech.settings import QUICK, Settings
from benchmarks.speech.subjects import OURS, SUBJECTS

SUITE: Final = suite.Suite(
    name="speech",
    about="Measure speech models beside FastRTC's.",
    sheet=report.Sheet(
        title="Speech",
        rows=ROWS,
        subjects=SUBJECTS,
        ours=frozenset({OURS.key}),
        misses=Path(__file__).with_name("MISSES.md"),
        notes=NOTES,
        level=2,
    ),
    probes=PROBES,
    settings=Settings(),
    quick=QUICK,
    ours=OURS,
)

if __name__ == "__main__":
    suite.main(SUITE, pinned=False)
