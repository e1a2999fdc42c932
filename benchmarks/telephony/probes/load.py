"""Many callers who talk most of the time."""

import asyncio
from collections.abc import Sequence
from typing import Final

from benchmarks import corpus
from benchmarks.corpus import Clip
from benchmarks.findings import Findings, percent
from benchmarks.subjects import Contestant, Server, serving
from benchmarks.telephony.caller import calling, heard_since, say
from benchmarks.telephony.settings import Settings

BETWEEN: Final = 2.0
"""Seconds from a turn to the next."""

SETTLE: Final = 2.0
ANSWER_SECONDS: Final = 2.0
STAGGER: Final = 0.13
"""Seconds from one caller's ringing to the next one's."""


async def speaking(subject: Contestant, settings: Settings) -> Findings:
    """Processor time of each of the callers, and whether their turns are answered."""
    clips = corpus.fluent(18)
    turns: list[bool] = []
    loop = asyncio.get_running_loop()
    async with serving(subject, "short") as server, asyncio.TaskGroup() as tasks:
        callers = [
            tasks.create_task(_talk(subject, server, clips[first:] + clips[:first], turns, first))
            for first in range(settings.callers)
        ]
        await asyncio.sleep(settings.callers * STAGGER + SETTLE)
        begun, before = loop.time(), server.usage()
        await asyncio.sleep(settings.window)
        after, ended = server.usage(), loop.time()
        for caller in callers:
            caller.cancel()
    share = 100 * (after.cpu_seconds - before.cpu_seconds) / (ended - begun)
    return Findings(
        {
            "cpu.speaking_20": share / settings.callers,
            "load.answered": percent(sum(turns), len(turns)),
            "memory.callers_20": after.rss_mb,
        },
        {"together": share, "turns": len(turns), "threads": after.threads},
    )


async def _talk(
    subject: Contestant, server: Server, clips: Sequence[Clip], turns: list[bool], number: int
) -> None:
    await asyncio.sleep(number * STAGGER)
    async with calling(subject, server) as phone:
        while True:
            for clip in clips:
                _, ended = await say(phone, clip)
                at = await heard_since(phone, ended, ANSWER_SECONDS)
                turns.append(at is not None)
                await phone.listen(max(0.0, ended + BETWEEN - phone.now))
