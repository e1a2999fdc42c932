"""The server while somebody is at the page and says nothing."""

import asyncio
from typing import Final

from benchmarks.findings import Findings
from benchmarks.gradio.browser import browsing, marked, person, visiting
from benchmarks.gradio.settings import BUTTONS, Settings
from benchmarks.process import Usage
from benchmarks.subjects import Contestant, Server, serving

SETTLE: Final = 3.0


async def silent(subject: Contestant, settings: Settings) -> Findings:
    """Processor time and memory with one page, before it is connected and while it is."""
    async with (
        serving(subject, "echo") as server,
        browsing(silent=True) as browser,
        person(browser) as context,
        visiting(context, server.http) as page,
    ):
        before, _ = await _busy(server, settings.window)
        await page.evaluate(f"visitor.press({list(BUTTONS)})")
        await marked(page, "connected")
        connected, held = await _busy(server, settings.window)
    return Findings(
        {"cpu.page": before, "cpu.silent": connected, "memory.page": held.rss_mb},
        {"threads": held.threads},
    )


async def _busy(server: Server, seconds: float) -> tuple[float, Usage]:
    """Percent of a core that the server takes, once it has come to rest; what it holds then."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(SETTLE)
    begun, before = loop.time(), server.usage()
    await asyncio.sleep(seconds)
    after, ended = server.usage(), loop.time()
    return 100 * (after.cpu_seconds - before.cpu_seconds) / (ended - begun), after
