"""Talking into a reply: how long the old one is still heard."""

from functools import partial
from typing import Final

from benchmarks import corpus
from benchmarks.caller import Caller, calling, until
from benchmarks.corpus import Clip
from benchmarks.findings import Detail, Findings, percentile
from benchmarks.player import played
from benchmarks.settings import Settings
from benchmarks.subjects import Handler, Server, Subject, serving

LEAD_SECONDS: Final = 0.7
ANSWER_SECONDS: Final = 6.0
LISTENING_SECONDS: Final = 2.0
"""How long the caller listens before interrupting."""
AFTER_SECONDS: Final = 2.0
"""How long the connection is kept after the interrupter's last word."""


async def _interruption(
    name: str, handler: Handler, subject: Subject, settings: Settings
) -> Findings:
    questions = corpus.fluent(settings.interruptions)
    objections = corpus.interruptions(settings.interruptions)
    late: list[float | None] = []
    async with serving(subject, handler) as server:
        for question, objection in zip(questions, objections, strict=True):
            late.append(await _heard_over(server, subject, settings, (question, objection)))
    heard = [value for value in late if value is not None]
    details: dict[str, Detail] = {"ms": late}
    rows = f"interruption.{name}.p50", f"interruption.{name}.p95"
    if not heard:
        return Findings(dict.fromkeys(rows, f"no reply in {ANSWER_SECONDS:g} s"), details)
    return Findings({rows[0]: percentile(heard, 50), rows[1]: percentile(heard, 95)}, details)


sync = partial(_interruption, "sync", "long-sync")
asynchronous = partial(_interruption, "async", "long-async")
paced = partial(_interruption, "paced", "long-paced")


async def _heard_over(
    server: Server, subject: Subject, settings: Settings, clips: tuple[Clip, Clip]
) -> float | None:
    """Milliseconds from the start of the second clip to the last of the first reply heard."""
    question, objection = clips
    async with calling(server.url, subject.wire, room=settings.noise) as caller:
        await until(caller.microphone.begun + LEAD_SECONDS)
        asked = caller.microphone.say(question)
        await until(asked.end)
        answered = await caller.audio_since(asked.end, ANSWER_SECONDS)
        if answered is None:
            return None
        await until(answered + LISTENING_SECONDS)
        objected = caller.microphone.say(objection)
        await until(objected.end + AFTER_SECONDS)
    return 1000 * (_last_of_first_tone(caller) - objected.start)


def _last_of_first_tone(caller: Caller) -> float:
    blocks = played(caller.events())
    return max(block.end for block in blocks if block.tone == blocks[0].tone)
