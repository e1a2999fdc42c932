"""What the kernel says of a process: read from /proc, so the subject does no work for it."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
MEBIBYTE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds at one moment."""

    cpu_seconds: float
    """User and system time of all its threads since it started."""
    rss_mb: float
    """Resident memory in MiB."""
    threads: int
    fds: int


def usage(pid: int) -> Usage:
    """What the process holds now."""
    folder = Path("/proc", str(pid))
    # The second field is the program's name in brackets and may hold spaces; see proc(5).
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return Usage(
        cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS,
        rss_mb=int(status["VmRSS"].split()[0]) * 1024 / MEBIBYTE,
        threads=int(status["Threads"]),
        fds=len(list((folder / "fd").iterdir())),
    )


@cache
def cores() -> tuple[int, int]:
    """The server's core and the client's: the first and the last this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]
