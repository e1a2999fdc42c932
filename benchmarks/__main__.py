"""Measure this library beside FastRTC: `python -m benchmarks --help`."""

import argparse
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import page, report
from benchmarks.catalogue import ROWS
from benchmarks.plan import PROBES, Probe
from benchmarks.process import cores
from benchmarks.running import measured
from benchmarks.settings import QUICK, Settings
from benchmarks.subjects import FASTRTC, Subject


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [probe.name for probe in PROBES]
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"measure just this, may be repeated: {', '.join(names)}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer turns, shorter windows, fewer probes"
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--ours-only", action="store_true", help="leave FastRTC out")
    who.add_argument("--fastrtc-only", action="store_true", help="measure FastRTC alone")
    parser.add_argument("--noise", choices=["white", "pink"], help="a noisy room")
    parser.add_argument(
        "--json", type=Path, default=report.LATEST, help="where results go (%(default)s)"
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="PAGE",
        help="render the results of the last run as a page, and measure nothing",
    )
    return parser.parse_args(arguments)


def planned(chosen: argparse.Namespace) -> list[tuple[Probe, Subject]]:
    """Which probes to run on whom."""
    return [
        (probe, subject)
        for probe in PROBES
        for subject in probe.subjects
        if (probe.name in chosen.only if chosen.only else probe.quick or not chosen.quick)
        if subject is not FASTRTC or not chosen.ours_only
        if subject is FASTRTC or not chosen.fastrtc_only
    ]


def main() -> None:
    chosen = options(sys.argv[1:])
    # Ended from outside, the run still ends its servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if chosen.write:
        page.renew(chosen.write, report.markdown(report.loaded(chosen.json)))
        return
    settings = dataclasses.replace(QUICK if chosen.quick else Settings(), noise=chosen.noise)
    plan = planned(chosen)
    begun = time.monotonic()
    results = report.started(
        f"python -m benchmarks {' '.join(sys.argv[1:])}".strip(), dataclasses.asdict(settings)
    )
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
    print(report.terminal_table(results))


if __name__ == "__main__":
    main()
