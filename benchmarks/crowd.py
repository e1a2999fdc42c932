"""Many callers at once."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.caller import Caller, Utterance, calling, until
from benchmarks.corpus import Clip
from benchmarks.subjects import Subject

STAGGER_SECONDS: Final = 0.037
"""Callers come so far apart: no divisor of 20 ms, so their frames spread as well."""

GAP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Member:
    """A caller of the crowd and what it has said."""

    caller: Caller
    said: list[Utterance] = field(default_factory=list)

    async def talk(self, clips: Sequence[Clip]) -> None:
        """Say the clips over and over; without any, say nothing."""
        for clip in itertools.cycle(clips):
            self.said.append(self.caller.microphone.say(clip))
            await until(self.said[-1].end + GAP_SECONDS)


@asynccontextmanager
async def crowd(
    subject: Subject, url: str, count: int, *, sends: bool = True, clips: Sequence[Clip] = ()
) -> AsyncIterator[list[Member]]:
    """So many connected callers, who talk if there are clips; all leave together."""
    members: list[Member] = []
    joined = asyncio.Barrier(count + 1)
    leave = asyncio.Event()

    async def take_part(number: int) -> None:
        await asyncio.sleep(number * STAGGER_SECONDS)
        async with (
            calling(url, subject.wire, sends=sends) as caller,
            asyncio.TaskGroup() as tasks,
        ):
            member = Member(caller)
            members.append(member)
            await joined.wait()
            turned = number % len(clips) if clips else 0
            talking = tasks.create_task(member.talk([*clips[turned:], *clips[:turned]]))
            await leave.wait()
            talking.cancel()

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(take_part(number))
        await joined.wait()
        yield members
        leave.set()
