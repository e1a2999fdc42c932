"""What connections leave behind that came and went."""

import asyncio
import urllib.parse
from collections.abc import Callable
from typing import Final

from benchmarks.findings import Cell, Findings
from benchmarks.process import Usage
from benchmarks.subjects import Contestant, Server, serving
from benchmarks.webrtc import pictures
from benchmarks.webrtc.client import Link, linked
from benchmarks.webrtc.listener import seen
from benchmarks.webrtc.settings import Settings
from benchmarks.webrtc.tracks import Paced, opus, vp8

WARM_UP: Final = 20
AT_ONCE: Final = 4
LOOK_SECONDS: Final = 1.0
HALFWAY_SECONDS: Final = 3.0
COLLECTED_SECONDS: Final = 3.0
"""Until what was collected has been given back to the system, as it may be after a connection."""

SESSION_SECONDS: Final = 5.0
"""In which something has to come back."""


async def audio(subject: Contestant, settings: Settings) -> Findings:
    """Sessions of sound: each ends once something has come back."""
    async with serving(subject, "echo") as server:
        return await _gains(server, opus, settings, "cycles.")


async def video(subject: Contestant, settings: Settings) -> Findings:
    """Sessions of a `VideoStreamHandler`, and whether it still works after them."""
    packets = pictures.stream()
    async with serving(subject, "negative") as server:
        findings = await _gains(server, lambda: vp8(packets), settings, "cycles.video.")
        findings.cells["cycles.video.works"] = await _works(server, vp8(packets))
    return findings


async def _works(server: Server, camera: Paced) -> Cell:
    """100 if a picture comes back that went through the function."""
    async with linked(server.http, [camera]) as link:
        await server.asked(f"/inputs?webrtc_id={urllib.parse.quote(link.webrtc_id)}")
        found = await seen(link.tracks["video"], pictures.is_negative, SESSION_SECONDS)
    return 100.0 if found else 0.0


async def _gains(
    server: Server, track: Callable[[], Paced], settings: Settings, rows: str
) -> Findings:
    count, settle = settings.cycles, settings.settle_seconds
    idle = await server.tasks()
    await _cycles(server, track, WARM_UP)
    before, tasks_before = await _settled(server, track, idle, settle)
    await _cycles(server, track, count // 2)
    halfway, _ = await _settled(server, track, tasks_before, HALFWAY_SECONDS)
    clock = asyncio.get_running_loop().time
    begun = clock()
    await _cycles(server, track, count - count // 2)
    seconds = clock() - begun
    after, tasks_after = await _settled(server, track, tasks_before, settle)
    return Findings(
        {
            f"{rows}tasks": tasks_after - tasks_before,
            f"{rows}fds": after.fds - before.fds,
            f"{rows}rss": after.rss_mb - before.rss_mb,
            f"{rows}rss_later": after.rss_mb - halfway.rss_mb,
        },
        {
            "cycles": count,
            "cycles_a_second": (count - count // 2) / seconds,
            "idle_tasks": idle,
            "tasks_after_warm_up": tasks_before,
            "base_mb": before.rss_mb,
            "threads": after.threads,
        },
    )


async def _cycles(server: Server, track: Callable[[], Paced], count: int) -> None:
    """Clients who connect and leave, a few at a time."""

    async def one_after_another(times: int) -> None:
        for _ in range(times):
            back = asyncio.Event()
            camera = track()

            def prepare(link: Link, kind: str = camera.kind, back: asyncio.Event = back) -> None:
                link.on_packet(kind, lambda _: back.set(), only=True)

            async with linked(server.http, [camera], prepare), asyncio.timeout(SESSION_SECONDS):
                await back.wait()

    async with asyncio.TaskGroup() as tasks:
        for number in range(AT_ONCE):
            tasks.create_task(one_after_another(len(range(number, count, AT_ONCE))))


async def _settled(
    server: Server, track: Callable[[], Paced], tasks: int, seconds: float
) -> tuple[Usage, int]:
    """What the server holds once it has no more than so many tasks, or has had time enough."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    await asyncio.sleep(HALFWAY_SECONDS)  # what is freed a little later counts as freed
    left = await server.tasks()
    while left > tasks and clock() < until:
        await asyncio.sleep(LOOK_SECONDS)
        left = await server.tasks()
    await server.asked("/collect")
    await _cycles(server, track, 1)
    await asyncio.sleep(COLLECTED_SECONDS)
    return server.usage(), left
