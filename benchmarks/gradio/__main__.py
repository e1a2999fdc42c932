"""Measure the Gradio page beside FastRTC's: `python -m benchmarks.gradio --help`."""

from pathlib import Path
from typing import Final

from benchmarks import report, suite
from benchmarks.gradio.catalogue import ROWS
from benchmarks.gradio.notes import NOTES
from benchmarks.gradio.plan import PROBES
from benchmarks.gradio.settings import QUICK, Settings
from benchmarks.gradio.subjects import OURS, SUBJECTS

SUITE: Final = suite.Suite(
    name="gradio",
    about="Measure the Gradio component and its page beside FastRTC's.",
    sheet=report.Sheet(
        title="Gradio",
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
    suite.main(SUITE)
