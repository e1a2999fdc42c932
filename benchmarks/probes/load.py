"""Processor time of the server, and whether callers are still served, for many at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from benchmarks import corpus
from benchmarks.corpus import Clip
from benchmarks.crowd import Member, crowd
from benchmarks.findings import Findings, percent, percentile
from benchmarks.process import Usage
from benchmarks.servers.replies import THINKING_SECONDS
from benchmarks.settings import FRAME_SECONDS, RATE, Settings
from benchmarks.subjects import Handler, Subject, serving
from benchmarks.wire import Audio

CALLERS: Final = 20
IDLE_CALLERS: Final = 100
SETTLE_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 3.0
"""An answer that takes longer has lost its caller."""

SPEAKING_WINDOWS: Final = 2
"""Turns take seconds: they are watched for so many windows."""

ECHO_SLACK_FRAMES: Final = 5
"""Frames that may be under way when the count ends."""


async def idle_one(subject: Subject, settings: Settings) -> Findings:
    """One session that sends nothing after `start`."""
    _, share, _ = await _watched(subject, "short", 1, settings.window, sends=False)
    return Findings({"cpu.idle_1": share})


async def idle_many(subject: Subject, settings: Settings) -> Findings:
    """A hundred of them."""
    _, share, _ = await _watched(subject, "short", IDLE_CALLERS, settings.window, sends=False)
    return Findings({"cpu.idle_100": share})


async def silent(subject: Subject, settings: Settings) -> Findings:
    """Callers in quiet rooms who say nothing."""
    _, share, _ = await _watched(subject, "short", CALLERS, settings.window)
    return Findings({"cpu.silent_20": share / CALLERS}, {"together": share})


async def speaking(subject: Subject, settings: Settings) -> Findings:
    """Callers who talk most of the time."""
    clips = corpus.fluent(settings.fluent_turns)
    window = SPEAKING_WINDOWS * settings.window
    members, share, usage = await _watched(subject, "short", CALLERS, window, clips=clips)
    late = _lateness(members)
    answered = [value for value in late if value <= 1000 * ANSWER_SECONDS]
    findings = Findings(
        {
            "cpu.speaking_20": share / CALLERS,
            "load.answered": percent(len(answered), len(late)),
            "memory.callers_20": usage.rss_mb,
        },
        {"together": share, "turns": len(late), "threads": usage.threads, "lag_ms": _lag(members)},
    )
    if answered:
        findings.cells["load.p95"] = percentile(answered, 95)
    return findings


async def floor(subject: Subject, settings: Settings) -> Findings:
    """What the same callers cost a server that only sends their messages back."""
    bare = replace(subject, server="benchmarks.servers.floor")
    _, share, _ = await _watched(bare, "echo", CALLERS, settings.window)
    return Findings({"cpu.floor_20": share / CALLERS})


async def echo(subject: Subject, settings: Settings) -> Findings:
    """Callers who hear themselves."""
    members, share, _ = await _watched(subject, "echo", CALLERS, settings.window)
    sent = sum(len(member.caller.microphone.recorded) - ECHO_SLACK_FRAMES for member in members)
    back = sum(
        event.samples.size
        for member in members
        for _, event in member.caller.events()
        if isinstance(event, Audio)
    )
    returned = min(100.0, 100 * back / (sent * FRAME_SECONDS * RATE))
    return Findings(
        {"cpu.echo_20": share / CALLERS, "load.echoed": returned},
        {"together": share, "lag_ms": _lag(members)},
    )


async def _watched(
    subject: Subject,
    handler: Handler,
    count: int,
    window: float,
    *,
    sends: bool = True,
    clips: Sequence[Clip] = (),
) -> tuple[list[Member], float, Usage]:
    """The crowd, its server's share of a core in percent over the window, and what it held then."""
    clock = asyncio.get_running_loop().time
    async with (
        serving(subject, handler) as server,
        crowd(subject, server.url, count, sends=sends, clips=clips) as members,
    ):
        await asyncio.sleep(SETTLE_SECONDS)
        begun, before = clock(), server.usage()
        await asyncio.sleep(window)
        after, ended = server.usage(), clock()
    return members, 100 * (after.cpu_seconds - before.cpu_seconds) / (ended - begun), after


def _lateness(members: Sequence[Member]) -> list[float]:
    """Milliseconds to the answer of every turn whose time was up; infinity for no answer."""
    late = []
    for member in members:
        for said, following in zip(member.said, member.said[1:], strict=False):
            at = member.caller.first_audio(said.end)
            if at is None or at > following.start:
                late.append(float("inf"))
            else:
                late.append(1000 * (at - said.end - THINKING_SECONDS))
    return late


def _lag(members: Sequence[Member]) -> float:
    return 1000 * max(member.caller.latest_frame for member in members)
