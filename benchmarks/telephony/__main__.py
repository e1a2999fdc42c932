"""Measure telephone calls beside FastRTC's: `python -m benchmarks.telephony --help`."""

from pathlib import Path
from typing import Final

from benchmarks import report, suite
from benchmarks.telephony.catalogue import ROWS
from benchmarks.telephony.notes import NOTES
from benchmarks.telephony.plan import PROBES
from benchmarks.telephony.settings import QUICK, Settings
from benchmarks.telephony.subjects import OURS, SUBJECTS

SUITE: Final = suite.Suite(
    name="telephony",
    about="Measure telephone calls beside FastRTC's.",
    sheet=report.Sheet(
        title="Telephone calls",
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
