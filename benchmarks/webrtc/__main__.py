"""Measure WebRTC beside FastRTC and aiortc: `python -m benchmarks.webrtc --help`."""

from pathlib import Path
from typing import Final

from benchmarks import report, suite
from benchmarks.webrtc.catalogue import ROWS
from benchmarks.webrtc.notes import NOTES
from benchmarks.webrtc.plan import PROBES
from benchmarks.webrtc.settings import QUICK, Settings
from benchmarks.webrtc.subjects import OURS, SUBJECTS

SUITE: Final = suite.Suite(
    name="webrtc",
    about="Measure WebRTC beside FastRTC and aiortc.",
    sheet=report.Sheet(
        title="WebRTC",
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
