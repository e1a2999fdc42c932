"""Which probe fills which rows for whom, and how long it may take."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.findings import Findings
from benchmarks.probes import conversation, install, interruption, load, memory
from benchmarks.settings import Settings
from benchmarks.subjects import FASTRTC, NEGOTIATED, OURS, Subject

BOTH: Final = (OURS, FASTRTC)
ALL: Final = (OURS, NEGOTIATED, FASTRTC)

TURN_ROWS: Final = (
    *("latency.mean", "latency.p50", "latency.p95", "latency.max"),
    *("latency.answered", "latency.whole", "onset."),
)
SPEAKING_ROWS: Final = ("cpu.speaking_20", "load.answered", "load.p95", "memory.callers_20")


@dataclass(frozen=True, slots=True)
class Probe:
    """One measurement."""

    name: str
    run: Callable[[Subject, Settings], Awaitable[Findings]]
    rows: tuple[str, ...]
    """What it fills, by id or by the beginning of the id."""
    subjects: tuple[Subject, ...]
    seconds: float
    """Longer than this is a failure."""
    quick: bool = True
    """Whether `--quick` includes it."""


PROBES: Final = (
    Probe("install", install.install, ("install.",), BOTH, 300),
    Probe("first", conversation.first_connection, ("latency.first",), BOTH, 240, quick=False),
    Probe("turns", conversation.turns, TURN_ROWS, ALL, 240),
    Probe("instant", conversation.instant, ("latency.instant",), BOTH, 90),
    Probe("pauses", conversation.pauses, ("cut.",), BOTH, 240),
    Probe("sync", interruption.sync, ("interruption.sync.",), ALL, 180),
    Probe("async", interruption.asynchronous, ("interruption.async.",), ALL, 180, quick=False),
    Probe("paced", interruption.paced, ("interruption.paced.",), BOTH, 180, quick=False),
    Probe("idle-1", load.idle_one, ("cpu.idle_1",), BOTH, 60),
    Probe("idle-100", load.idle_many, ("cpu.idle_100",), (OURS,), 90),
    Probe("silent", load.silent, ("cpu.silent_20",), BOTH, 90),
    Probe("speaking", load.speaking, SPEAKING_ROWS, BOTH, 120),
    Probe("floor", load.floor, ("cpu.floor_20",), (OURS,), 60),
    Probe("echo", load.echo, ("cpu.echo_20", "load.echoed"), BOTH, 90),
    Probe("idle-200", memory.idle_sessions, ("memory.idle_session",), BOTH, 120, quick=False),
    Probe("cycles", memory.cycles, ("memory.cycles.",), BOTH, 120),
)
