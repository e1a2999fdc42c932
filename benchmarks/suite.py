"""A suite of measurements with a table of its own, and its command line."""

import argparse
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from benchmarks import page, report
from benchmarks.catalogue import Row
from benchmarks.findings import Findings
from benchmarks.process import cores
from benchmarks.running import measured
from benchmarks.settings import CACHE
from benchmarks.subjects import Contestant

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Probe(Generic[S]):
    """One measurement."""

    name: str
    run: Callable[[Contestant, S], Awaitable[Findings]]
    rows: tuple[str, ...]
    """What it fills, by id or by the beginning of the id."""
    subjects: tuple[Contestant, ...]
    seconds: float
    """Longer than this is a failure."""
    quick: bool = True
    """Whether `--quick` includes it."""


@dataclass(frozen=True, slots=True)
class Suite(Generic[S]):
    """What is measured together."""

    name: str
    """Of the module ``benchmarks.NAME``, and of the page's part, see `benchmarks.page`."""
    about: str
    sheet: report.Sheet
    probes: Sequence[Probe[S]]
    settings: S
    """How much to measure; a dataclass."""
    quick: S
    ours: Contestant

    @property
    def latest(self) -> Path:
        """Where results go."""
        return CACHE / f"{self.name}.json"

    @property
    def rows(self) -> Sequence[Row]:
        """The table's."""
        return self.sheet.rows


def main(suite: Suite[Any], *, pinned: bool = True) -> None:
    """Run what the command line asks for.

    Args:
        suite: What there is.
        pinned: Whether the clients in this process keep to one core.

    """
    chosen = options(suite, sys.argv[1:])
    # Ended from outside, the run still ends its servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if chosen.write:
        text = report.markdown(report.loaded(chosen.json), suite.sheet)
        page.renew_part(chosen.write, suite.name, text)
        return
    settings = suite.quick if chosen.quick else suite.settings
    plan = planned(suite, chosen)
    begun = time.monotonic()
    command = f"python -m benchmarks.{suite.name} {' '.join(sys.argv[1:])}".strip()
    results = report.started(command, dataclasses.asdict(settings))
    if pinned:
        os.sched_setaffinity(0, {cores()[1]})
    for probe, subject in plan:
        print(f"{time.monotonic() - begun:6.0f} s  {probe.name}: {subject.title}", flush=True)
        rows = [row.id for row in suite.rows if row.id.startswith(probe.rows)]
        findings = measured(partial(probe.run, subject, settings), probe.seconds, rows)
        results.add(probe.name, subject, findings)
        results.seconds = time.monotonic() - begun
        results.save(chosen.json)
    results.versions = report.versions(dict.fromkeys(subject for _, subject in plan))
    results.save(chosen.json)
    print(report.terminal_table(results, suite.sheet))


def options(suite: Suite[Any], arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{suite.name}", description=suite.about
    )
    names = [probe.name for probe in suite.probes]
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
    parser.add_argument(
        "--json", type=Path, default=suite.latest, help="where results go (%(default)s)"
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="PAGE",
        help="put the results of the last run into a part of the page, and measure nothing",
    )
    return parser.parse_args(arguments)


def planned(suite: Suite[Any], chosen: argparse.Namespace) -> list[tuple[Probe[Any], Contestant]]:
    """Which probes to run on whom."""
    return [
        (probe, subject)
        for probe in suite.probes
        for subject in probe.subjects
        if (probe.name in chosen.only if chosen.only else probe.quick or not chosen.quick)
        if subject is suite.ours or not chosen.ours_only
        if subject is not suite.ours or not chosen.others_only
    ]
