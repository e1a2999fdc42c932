"""Pictures through a slow function: how old they are, what piles up, who else suffers."""

import asyncio
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import av
from aiortc.codecs.vpx import vp8_depayload
from aiortc.rtp import RtpPacket

from benchmarks.findings import Cell, Findings, percentile
from benchmarks.sound import Samples
from benchmarks.subjects import Contestant, Server, serving
from benchmarks.webrtc import codes, pictures
from benchmarks.webrtc.client import linked
from benchmarks.webrtc.delays import echoes
from benchmarks.webrtc.listener import consumed
from benchmarks.webrtc.settings import Settings
from benchmarks.webrtc.tracks import microphone, vp8
from benchmarks.webrtc.wiretap import Wiretap

WARM_SECONDS: Final = 5.0
"""Codecs, threads and the first pictures are not growth."""

SAMPLE_SECONDS: Final = 0.5
QUIET_SECONDS: Final = 2.0
"""Watched without pictures before they begin."""

CODE_SEED: Final = 7


@dataclass(slots=True)
class Viewer:
    """Who watches the pictures that come back."""

    sent: Sequence[float]
    """When each picture was handed to the packetizer."""
    ages: list[tuple[float, float]] = field(default_factory=list)
    """When a picture came, and how old it was."""
    unread: int = 0
    _newest: int = 0
    _parts: list[bytes] = field(default_factory=list)
    _decoder: Any = field(default_factory=pictures.decoder)

    def hear(self, packet: RtpPacket) -> None:
        """Note the picture that is complete with this packet, if one is."""
        self._parts.append(vp8_depayload(packet.payload))
        if packet.marker:
            whole, self._parts = b"".join(self._parts), []
            for frame in self._decoder.decode(av.Packet(whole)):
                self._see(frame)

    def _see(self, frame: av.VideoFrame) -> None:
        at = time.monotonic()
        number = pictures.number_in(pictures.luma_of(frame))
        if number is None:
            self.unread += 1
            return
        self._newest = pictures.unwrapped(number, self._newest)
        if self._newest < len(self.sent):
            self.ages.append((at, at - self.sent[self._newest]))


@dataclass(frozen=True, slots=True)
class Course:
    """What was seen in the course of a session."""

    began: float
    ages: list[tuple[float, float]]
    unread: int
    memory: list[tuple[float, float]]
    """When, and the server's resident memory in MiB."""
    late: list[float]
    """Of the server's loop meanwhile, in ms."""
    late_before: list[float]
    out: Wiretap
    back: Wiretap


async def slow(subject: Contestant, settings: Settings) -> Findings:
    """A function that takes 200 ms, with the handler's defaults."""
    seen = await _course(subject, "slow", settings.video_seconds)
    findings = _figures(seen, "video.")
    found = echoes(seen.out, seen.back)
    usual = [one.delay for one in found if one.sent < seen.began]
    meanwhile = [one.delay for one in found if one.sent > seen.began + WARM_SECONDS]
    findings.cells |= {
        "video.lag": percentile(seen.late, 99),
        "video.lag_max": max(seen.late),
        "video.jitter": _over(meanwhile, usual),
    }
    findings.details["lag_before_p99_ms"] = percentile(seen.late_before, 99)
    return findings


async def skipping(subject: Contestant, settings: Settings) -> Findings:
    """The same with `skip_frames=True`."""
    return _figures(await _course(subject, "slow-skip", settings.skip_seconds), "skip.")


def _over(delays: Sequence[float], usual: Sequence[float]) -> Cell:
    if not delays or not usual:
        return "no sound came back"
    return 1000 * (percentile(delays, 99) - percentile(usual, 50))


def _figures(seen: Course, rows: str) -> Findings:
    start = seen.began + WARM_SECONDS
    ages = [1000 * age for at, age in seen.ages if at >= start]
    memory = [mb for at, mb in seen.memory if at >= start]
    if not ages:
        raise RuntimeError("no picture came back")
    return Findings(
        {
            f"{rows}age": percentile(ages, 50),
            f"{rows}age_p95": percentile(ages, 95),
            f"{rows}age_max": max(ages),
            f"{rows}memory": max(memory) - memory[0],
            f"{rows}fps": len(ages) / (seen.ages[-1][0] - start),
        },
        {
            "last_age_ms": ages[-1],
            "unread": seen.unread,
            "memory_mb": [round(mb, 1) for mb in memory[::10]],
            "memory_at_end_mb": memory[-1] - memory[0],
        },
    )


async def _course(subject: Contestant, handler: str, seconds: float) -> Course:
    code = codes.code(10_000, CODE_SEED)

    def sound(number: int) -> Samples:
        return codes.tone(code[number % len(code)])

    taps: list[Wiretap] = []
    camera = vp8(pictures.stream())
    viewer = Viewer(camera.times)
    memory: list[tuple[float, float]] = []
    async with serving(subject, handler) as server:
        await server.asked("/lag")
        async with linked(
            f"{server.http}/audio", [microphone(sound)], lambda link: taps.extend(link.tapped())
        ):
            await asyncio.sleep(WARM_SECONDS)
            await server.asked("/lag")
            await asyncio.sleep(QUIET_SECONDS)
            before = await server.asked("/lag")
            began = time.monotonic()
            async with (
                linked(
                    server.http, [camera], lambda link: link.on_packet("video", viewer.hear)
                ) as link,
                consumed(link.tracks["video"]),
            ):
                await server.asked(f"/inputs?webrtc_id={urllib.parse.quote(link.webrtc_id)}")
                await _remembered(server, memory, seconds)
                during = await server.asked("/lag")
    return Course(
        began,
        viewer.ages,
        viewer.unread,
        memory,
        during["late_ms"],
        before["late_ms"],
        *taps,
    )


async def _remembered(server: Server, memory: list[tuple[float, float]], seconds: float) -> None:
    """Note the server's memory for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        memory.append((time.monotonic(), server.usage().rss_mb))
        await asyncio.sleep(SAMPLE_SECONDS)
