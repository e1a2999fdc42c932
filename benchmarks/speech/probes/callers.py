"""Callers who say stop words."""

from benchmarks.findings import Findings, percent, percentile
from benchmarks.speech.probes.programs import ran
from benchmarks.speech.settings import Settings
from benchmarks.subjects import Contestant


async def stop_words(subject: Contestant, settings: Settings) -> Findings:
    """How soon one caller's stop words are noticed."""
    found = await ran(_program(subject), "one", str(settings.words))
    delays = [1000 * delay for delay in found["delays"]]
    return Findings(
        {
            "stop.p50": percentile(delays, 50) if delays else "none was noticed",
            "stop.worst": max(delays) if delays else "none was noticed",
            "stop.found": percent(len(delays), found["said"]),
            "stop.false": float(found["false"]),
        },
        {"stop": found},
    )


async def many(subject: Contestant, settings: Settings) -> Findings:
    """What many callers cost."""
    found = await ran(_program(subject), "many", str(settings.callers), str(settings.call_seconds))
    late = [1000 * one for one in found["late"]]
    return Findings(
        {
            "callers.lag": percentile(late, 99),
            "callers.lag_max": max(late),
            "callers.cpu": 100 * found["cpu"] / settings.callers,
            "callers.memory": found["memory"],
            "callers.found": percent(found["noticed"], found["said"]),
        },
        {"callers": {name: one for name, one in found.items() if name != "late"}},
    )


def _program(subject: Contestant) -> Contestant:
    return Contestant(
        subject.key, subject.title, "benchmarks.speech.programs.callers", subject.python
    )
