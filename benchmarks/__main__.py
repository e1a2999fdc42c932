"""Measure this library beside FastRTC: `python -m benchmarks --help`."""

import argparse
import asyncio
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.catalogue import ROWS
from benchmarks.findings import Findings
from benchmarks.plan import PROBES, Probe
from benchmarks.process import cores
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


def measured(probe: Probe, subject: Subject, settings: Settings) -> Findings:
    """What the probe finds; whatever goes wrong stands in its rows."""

    async def within_time() -> Findings:
        async with asyncio.timeout(probe.seconds):
            return await probe.run(subject, settings)

    try:
        return asyncio.run(within_time())
    except TimeoutError:
        failure = f"not done in {probe.seconds:g} s"
    except Exception as error:  # noqa: BLE001  the run goes on; the table tells
        failure = _told(error)
    rows = [row.id for row in ROWS if row.id.startswith(probe.rows)]
    return Findings(dict.fromkeys(rows, failure))


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:80]


def main() -> None:
    chosen = options(sys.argv[1:])
    # Ended from outside, the run still ends its servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if chosen.write:
        chosen.write.write_text(report.markdown(report.loaded(chosen.json)))
        return
    settings = dataclasses.replace(QUICK if chosen.quick else Settings(), noise=chosen.noise)
    plan = planned(chosen)
    begun = time.monotonic()
    results = report.started(f"python -m benchmarks {' '.join(sys.argv[1:])}".strip(), settings)
    os.sched_setaffinity(0, {cores()[1]})
    for probe, subject in plan:
        print(f"{time.monotonic() - begun:6.0f} s  {probe.name}: {subject.title}", flush=True)
        results.add(probe.name, subject, measured(probe, subject, settings))
        results.seconds = time.monotonic() - begun
        results.save(chosen.json)
    results.versions = report.versions(dict.fromkeys(subject for _, subject in plan))
    results.save(chosen.json)
    print(report.terminal_table(results))


if __name__ == "__main__":
    main()
