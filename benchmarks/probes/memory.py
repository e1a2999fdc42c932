"""What sessions cost in memory, and whether they leave anything behind."""

import asyncio
from typing import Final

from benchmarks.caller import calling
from benchmarks.crowd import crowd
from benchmarks.findings import Findings
from benchmarks.settings import Settings
from benchmarks.subjects import Server, Subject, serving

SETTLE_SECONDS: Final = 3.0
WARM_UP_CYCLES: Final = 20


async def idle_sessions(subject: Subject, settings: Settings) -> Findings:
    """Resident memory of an idle session."""
    async with serving(subject, "short") as server:
        await _cycles(server, subject, 1)
        before = server.usage()
        async with crowd(subject, server.url, settings.idle_sessions, sends=False):
            await asyncio.sleep(SETTLE_SECONDS)
            after = server.usage()
    gained = 1024 * (after.rss_mb - before.rss_mb)
    return Findings(
        {"memory.idle_session": gained / settings.idle_sessions},
        {"base_mb": before.rss_mb, "full_mb": after.rss_mb},
    )


async def cycles(subject: Subject, settings: Settings) -> Findings:
    """What is left after many callers have come and gone."""
    async with serving(subject, "short") as server:
        await _cycles(server, subject, WARM_UP_CYCLES)
        await asyncio.sleep(SETTLE_SECONDS)
        before, tasks_before = server.usage(), await server.tasks()
        await _cycles(server, subject, settings.cycles)
        await asyncio.sleep(SETTLE_SECONDS)
        after, tasks_after = server.usage(), await server.tasks()
    return Findings(
        {
            "memory.cycles.rss": after.rss_mb - before.rss_mb,
            "memory.cycles.tasks": tasks_after - tasks_before,
            "memory.cycles.fds": after.fds - before.fds,
        },
        {"cycles": settings.cycles, "base_mb": before.rss_mb, "threads": after.threads},
    )


async def _cycles(server: Server, subject: Subject, count: int) -> None:
    for _ in range(count):
        async with calling(server.url, subject.wire, sends=False):
            pass
