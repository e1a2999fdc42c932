"""Processor time of a server with many callers."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiortc.rtp import RtpPacket

from benchmarks.findings import Findings, percent
from benchmarks.process import usage
from benchmarks.sound import amplitude, rms
from benchmarks.subjects import Contestant, serving
from benchmarks.webrtc.client import Link, linked
from benchmarks.webrtc.codes import AUDIBLE_DBFS
from benchmarks.webrtc.settings import Settings
from benchmarks.webrtc.tracks import Paced, opus
from benchmarks.webrtc.wiretap import decoded, decoder

STAGGER_SECONDS: Final = 0.037
"""No divisor of 20 ms: the callers' packets spread."""

SETTLE_SECONDS: Final = 3.0
LISTENED: Final = 25
"""One packet in so many is decoded, to see that there is sound in it."""


@dataclass(slots=True)
class Caller:
    """Who sends packets encoded beforehand, and counts what comes."""

    track: Paced
    received: int = 0
    silent: int = 0

    def hear(self, packet: RtpPacket) -> None:
        """Count a packet."""
        self.received += 1
        if self.received % LISTENED == 0:
            self.silent += rms(decoded(decoder(), packet.payload)) < amplitude(AUDIBLE_DBFS)


async def echo(subject: Contestant, settings: Settings) -> Findings:
    """Callers who hear themselves."""
    clock = asyncio.get_running_loop().time
    async with serving(subject, "echo") as server, crowd(server.http, settings.callers) as callers:
        await asyncio.sleep(SETTLE_SECONDS)
        begun, before, own = clock(), server.usage(), usage(os.getpid())
        marks = [(len(caller.track.times), caller.received) for caller in callers]
        await asyncio.sleep(settings.window)
        after, ended, mine = server.usage(), clock(), usage(os.getpid())
        sent = sum(len(one.track.times) - mark[0] for one, mark in zip(callers, marks, strict=True))
        each = [one.received - mark[1] for one, mark in zip(callers, marks, strict=True)]
    share = 100 * (after.cpu_seconds - before.cpu_seconds) / (ended - begun)
    return Findings(
        {
            "cpu.echo": share / settings.callers,
            "cpu.returned": min(100.0, percent(sum(each), sent)),
            "cpu.memory": after.rss_mb,
        },
        {
            "together": share,
            "client": 100 * (mine.cpu_seconds - own.cpu_seconds) / (ended - begun),
            "silent_packets_listened_to": sum(caller.silent for caller in callers),
            "sent": sent,
            "returned_each": each,
            "threads": after.threads,
        },
    )


@asynccontextmanager
async def crowd(base: str, count: int) -> AsyncIterator[list[Caller]]:
    """So many connected callers."""
    callers = [Caller(opus()) for _ in range(count)]
    async with AsyncExitStack() as stack:
        for caller in callers:

            def prepare(link: Link, caller: Caller = caller) -> None:
                link.on_packet("audio", caller.hear, only=True)

            await stack.enter_async_context(linked(base, [caller.track], prepare))
            await asyncio.sleep(STAGGER_SECONDS)
        yield callers
