"""What lost packets do to a coded sound."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np

from benchmarks.findings import Findings, percent, percentile
from benchmarks.sound import Samples
from benchmarks.subjects import Contestant, serving
from benchmarks.webrtc import codes
from benchmarks.webrtc.client import Loses, linked
from benchmarks.webrtc.delays import Echo, echoes, longest_gap, thrown_away
from benchmarks.webrtc.settings import FRAME_SECONDS, Settings
from benchmarks.webrtc.tracks import microphone
from benchmarks.webrtc.wiretap import Wiretap

FIRST_SECONDS: Final = 3.0
START_SECONDS: Final = 2.0
"""A connection's first seconds are left out."""

END_SECONDS: Final = 1.0
"""What was sent last may be under way."""

STEP_SECONDS: Final = 5.0
LOSS: Final = 0.05
SEED: Final = 5

Course = Callable[[], Awaitable[list[float]]]
"""What happens meanwhile; tells its moments."""


class Network:
    """Loses packets once it is told to."""

    def __init__(self) -> None:
        self.one = False
        """Lose the next packet."""
        self.many = False
        """Lose `LOSS` of them."""
        self._chance = random.Random(SEED)

    def loses(self, number: int, again: bool) -> bool:
        """Whether this packet is lost."""
        if self.one and not again:
            self.one = False
            return True
        return self.many and self._chance.random() < LOSS


async def one_packet(subject: Contestant, settings: Settings) -> Findings:
    """How much later sound comes back after one packet was lost."""
    network = Network()

    async def course() -> list[float]:
        await asyncio.sleep(START_SECONDS + settings.steady_seconds)
        network.one = True
        lost_at = time.monotonic()
        await asyncio.sleep(settings.after_seconds + END_SECONDS)
        return [lost_at]

    found, _, back, (lost_at,) = await _heard(subject, network.loses, course)
    before = _delays(found, lost_at - settings.steady_seconds, lost_at - FRAME_SECONDS)
    steps = np.arange(lost_at, lost_at + settings.after_seconds, STEP_SECONDS)
    after = [_delays(found, step, step + STEP_SECONDS) for step in steps]
    usual = percentile(before, 50)
    added = [1000 * (percentile(step, 50) - usual) for step in after]
    sound = [one for one in back.passed if one.at > lost_at - 1]
    return Findings(
        {
            "one.first": added[0],
            "one.rest": max(added[1:]),
            "one.gap": 1000
            * longest_gap([one for one in sound if one.at < lost_at + STEP_SECONDS]),
        },
        {"usual_ms": 1000 * usual, "added_ms": added},
    )


async def many_packets(subject: Contestant, settings: Settings) -> Findings:
    """What one lost packet in twenty does."""
    network = Network()

    async def course() -> list[float]:
        await asyncio.sleep(START_SECONDS + settings.steady_seconds)
        network.many = True
        begun = time.monotonic()
        await asyncio.sleep(settings.lossy_seconds)
        network.many = False
        ended = time.monotonic()
        await asyncio.sleep(END_SECONDS)
        return [begun, ended]

    found, out, back, (begun, ended) = await _heard(subject, network.loses, course)
    usual = percentile(_delays(found, begun - settings.steady_seconds, begun), 50)
    during = [echo for echo in found if begun <= echo.sent]
    added = [1000 * (echo.delay - usual) for echo in during if echo.sent < ended]
    vain, good = thrown_away(out, back, during, ended)
    before = [echo for echo in found if begun - settings.steady_seconds <= echo.sent < begun]
    sound = [one for one in back.passed if begun < one.at < ended]
    sent = [one for one in out.passed if begun <= one.at < ended]
    return Findings(
        {
            "loss.added": percentile(added, 95),
            "loss.thrown": percent(vain, good),
            "loss.gap": 1000 * longest_gap(sound),
        },
        {
            "usual_ms": 1000 * usual,
            "added_p50_ms": percentile(added, 50),
            "lost_percent": percent(sum(one.lost for one in sent), len(sent)),
            "missing_before_percent": percent(*thrown_away(out, back, before, begun)),
        },
    )


async def _heard(
    subject: Contestant, loses: Loses, course: Course
) -> tuple[list[Echo], Wiretap, Wiretap, list[float]]:
    """Echoes, what was sent and what came, and the moments that the course tells."""
    code = codes.code(10_000, SEED)

    def sound(number: int) -> Samples:
        return codes.tone(code[number % len(code)])

    taps: list[Wiretap] = []
    async with serving(subject, "echo") as server:
        # What a server loads for its first caller is not what is asked here.
        async with linked(server.http, [microphone(sound)]):
            await asyncio.sleep(FIRST_SECONDS)
        async with linked(
            server.http, [microphone(sound)], lambda link: taps.extend(link.tapped(loses))
        ):
            moments = await course()
    out, back = taps
    return echoes(out, back), out, back, moments


def _delays(found: Sequence[Echo], start: float, end: float) -> list[float]:
    return [echo.delay for echo in found if start <= echo.sent < end]
