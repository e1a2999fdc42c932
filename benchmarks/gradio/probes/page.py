"""People at the page: when they can press its button, and when they hear something."""

from collections.abc import Sequence

from playwright.async_api import BrowserContext
from playwright.async_api import TimeoutError as NothingHeardError

from benchmarks.findings import Cell, Detail, Findings, percent, percentile
from benchmarks.gradio.browser import browsing, marked, person, visiting
from benchmarks.gradio.settings import Settings
from benchmarks.subjects import Contestant, serving

Marks = dict[str, float]
"""What a visitor noted: milliseconds since the navigation began."""


async def visits(subject: Contestant, settings: Settings) -> Findings:
    """People who come for the first time, press the button at once, and come again."""
    first: list[Marks] = []
    again: list[Marks] = []
    async with serving(subject, "echo") as server, browsing() as browser:
        for _ in range(settings.visits):
            async with person(browser) as context:
                first.append(await _conversation(context, server.http))
                again.append(await _conversation(context, server.http))
    return Findings(figures(first, again), {"first": _told(first), "again": _told(again)})


def figures(first: Sequence[Marks], again: Sequence[Marks]) -> dict[str, Cell]:
    """Figures of first visits and of those of the same people later.

    A visit that had no sound is in `page.heard` alone.
    """
    heard = [marks for marks in first if "sound" in marks]
    later = [marks["sound"] for marks in again if "sound" in marks]
    cells: dict[str, Cell] = {
        "page.heard": percent(len(heard) + len(later), len(first) + len(again))
    }
    if heard:
        sound = [marks["sound"] for marks in heard]
        since = [marks["sound"] - marks["pressed"] for marks in heard]
        cells |= {
            "page.p50": percentile(sound, 50),
            "page.max": max(sound),
            "page.usable": percentile([marks["pressed"] for marks in heard], 50),
            "page.pressed.p50": percentile(since, 50),
            "page.pressed.max": max(since),
        }
    if later:
        cells["page.again"] = percentile(later, 50)
    return cells


async def bare(subject: Contestant, settings: Settings) -> Findings:
    """What Gradio itself takes, in the version that the subject uses."""
    late: list[float] = []
    async with serving(subject, "bare") as server, browsing() as browser:
        for _ in range(settings.bare_visits):
            async with person(browser) as context, visiting(context, server.http, "press") as page:
                late.append((await marked(page, "pressed"))["pressed"])
    return Findings({"bare.usable": percentile(late, 50)}, {"ms": list(late)})


async def _conversation(context: BrowserContext, url: str) -> Marks:
    """What one visit noted; without ``sound`` if there was none."""
    async with visiting(context, url, "press", "listen") as page:
        try:
            return await marked(page, "sound")
        except NothingHeardError:
            marks: Marks = await page.evaluate("visitor.marks")
            return marks


def _told(visits: Sequence[Marks]) -> list[Detail]:
    return [{**marks} for marks in visits]
