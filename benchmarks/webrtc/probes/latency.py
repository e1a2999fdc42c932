"""How long a loud moment takes to come back."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.findings import Findings, percentile
from benchmarks.sound import Samples
from benchmarks.subjects import Contestant, serving
from benchmarks.webrtc.client import linked
from benchmarks.webrtc.codes import tone
from benchmarks.webrtc.listener import listening
from benchmarks.webrtc.settings import Settings
from benchmarks.webrtc.tracks import microphone
from benchmarks.webrtc.wiretap import Heard, Wiretap

LOUD: Final = 0.05
"""A packet with a sample above this is loud: bursts have seven times as much."""

BURST_FRAMES: Final = 5
SETTLE_SECONDS: Final = 2.0
SPACING_SECONDS: Final = (0.9, 1.3)
"""Between bursts: longer than any answer takes, and no multiple of anything."""

BURST_TONE: Final = 2


class Bursts:
    """What the microphone hears: a room, and bursts at frames that are set while it runs."""

    def __init__(self) -> None:
        self.first_frames: list[int] = []
        self.frame = 0

    def sound(self, number: int) -> Samples | None:
        """The sound of a frame."""
        self.frame = number
        since = number - self.first_frames[-1] if self.first_frames else BURST_FRAMES
        return tone(BURST_TONE) if 0 <= since < BURST_FRAMES else None

    def burst(self) -> None:
        """Begin with the next frame."""
        self.first_frames.append(self.frame + 1)


async def first_loud(subject: Contestant, settings: Settings) -> Findings:
    """Milliseconds from the encoder to the received track, and between the wires alone."""
    chance = random.Random(3)
    whole: list[float] = []
    wire: list[float] = []
    async with serving(subject, "echo") as server:
        for _ in range(settings.connections):
            one = await _connection(server.http, settings.bursts, chance)
            whole += one[0]
            wire += one[1]
    return Findings(
        {
            "latency.p50": percentile(whole, 50),
            "latency.p95": percentile(whole, 95),
            "latency.wire.p50": percentile(wire, 50),
            "latency.wire.p95": percentile(wire, 95),
            "latency.answered": 100 * len(whole) / (settings.connections * settings.bursts),
        },
        {"whole_ms": whole, "wire_ms": wire},
    )


async def _connection(
    base: str, count: int, chance: random.Random
) -> tuple[list[float], list[float]]:
    bursts = Bursts()
    track = microphone(bursts.sound)
    taps: list[Wiretap] = []
    async with linked(base, [track], lambda link: taps.extend(link.tapped())) as link:
        async with listening(link.tracks["audio"]) as heard:
            await asyncio.sleep(SETTLE_SECONDS)
            for _ in range(count):
                bursts.burst()
                await asyncio.sleep(chance.uniform(*SPACING_SECONDS))
        begun = [track.times[first] for first in bursts.first_frames]
    out, back = (one.passed for one in taps)
    whole = [found - at for at in begun if (found := first_after(heard, at)) is not None]
    wire = []
    for at in begun:
        sent, came = first_after(out, at), first_after(back, at)
        if sent is not None and came is not None:
            wire.append(came - sent)
    return [1000 * value for value in whole], [1000 * value for value in wire]


def first_after(passed: Sequence[Heard], at: float) -> float | None:
    """When the first loud packet came that came after a moment, within the shortest spacing."""
    for one in passed:
        if at <= one.at < at + SPACING_SECONDS[0] and np.abs(one.samples).max(initial=0) > LOUD:
            return one.at
    return None
