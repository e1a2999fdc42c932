"""Measure WebRTC beside FastRTC and aiortc: `python -m benchmarks.webrtc --help`."""

import argparse
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import page, report
from benchmarks.process import cores
from benchmarks.running import measured
from benchmarks.settings import CACHE
from benchmarks.subjects import Contestant
from benchmarks.webrtc.catalogue import ROWS
from benchmarks.webrtc.notes import NOTES
from benchmarks.webrtc.plan import PROBES, Probe
from benchmarks.webrtc.settings import QUICK, Settings
from benchmarks.webrtc.subjects import OURS, SUBJECTS

LATEST: Final = CACHE / "webrtc.json"
PART: Final = "webrtc"
"""The name of the page's part, see `benchmarks.page`."""

SHEET: Final = report.Sheet(
    title="WebRTC",
    rows=ROWS,
    subjects=SUBJECTS,
    ours=frozenset({OURS.key}),
    misses=Path(__file__).with_name("MISSES.md"),
    notes=NOTES,
    level=2,
)


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webrtc", description=__doc__)
    names = [probe.name for probe in PROBES]
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"measure just this, may be repeated: {', '.join(names)}",
    )
    parser.add_argument("--quick", action="store_true", help="shorter, and fewer probes")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--ours-only", action="store_true", help="leave the others out")
    who.add_argument("--others-only", action="store_true", help="measure the others alone")
    parser.add_argument("--json", type=Path, default=LATEST, help="where results go (%(default)s)")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="PAGE",
        help="put the results of the last run into a part of the page, and measure nothing",
    )
    return parser.parse_args(arguments)


def planned(chosen: argparse.Namespace) -> list[tuple[Probe, Contestant]]:
    """Which probes to run on whom."""
    return [
        (probe, subject)
        for probe in PROBES
        for subject in probe.subjects
        if (probe.name in chosen.only if chosen.only else probe.quick or not chosen.quick)
        if subject is OURS or not chosen.ours_only
        if subject is not OURS or not chosen.others_only
    ]


def main() -> None:
    chosen = options(sys.argv[1:])
    # Ended from outside, the run still ends its servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if chosen.write:
        text = report.markdown(report.loaded(chosen.json), SHEET)
        page.renew_part(chosen.write, PART, text)
        return
    settings = QUICK if chosen.quick else Settings()
    plan = planned(chosen)
    begun = time.monotonic()
    command = f"python -m benchmarks.webrtc {' '.join(sys.argv[1:])}".strip()
    results = report.started(command, dataclasses.asdict(settings))
    os.sched_setaffinity(0, {cores()[1]})
    for probe, subject in plan:
        print(f"{time.monotonic() - begun:6.0f} s  {probe.name}: {subject.title}", flush=True)
        rows = [row.id for row in ROWS if row.id.startswith(probe.rows)]
        findings = measured(partial(probe.run, subject, settings), probe.seconds, rows)
        results.add(probe.name, subject, findings)
        results.seconds = time.monotonic() - begun
        results.save(chosen.json)
    results.versions = report.versions(dict.fromkeys(subject for _, subject in plan))
    results.save(chosen.json)
    print(report.terminal_table(results, SHEET))


if __name__ == "__main__":
    main()
