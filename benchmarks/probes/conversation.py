"""Turns without interruptions: how soon they are answered, which are cut off, what is lost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks import corpus
from benchmarks.caller import Caller, Utterance, calling, until
from benchmarks.corpus import Clip
from benchmarks.findings import Findings, percent, percentile
from benchmarks.servers.replies import THINKING_SECONDS
from benchmarks.settings import CONFIGURED_SILENCE, RATE, Settings
from benchmarks.sound import TONES, from_int16, heard_tone, offset_of, resampled
from benchmarks.subjects import Call, Handler, Subject, serving
from benchmarks.wire import Audio

LEAD_SECONDS: Final = 1.0
"""Silence before the first turn."""

GAP_SECONDS: Final = 1.8
GAP_JITTER_SECONDS: Final = 0.6
"""Silence between turns: room for an answer, and a spread over FastRTC's blocks of 0.6 s."""

FIRST_ANSWER_SECONDS: Final = 30.0
LOST_SECONDS: Final = 0.01
"""Losses below one frame of the labels are none."""

SEARCH_SECONDS: Final = 3.0
ALIGNED_SECONDS: Final = 2.0
"""How far before a clip its copy is searched for, and by how much of the copy's beginning."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An utterance and what became of it."""

    utterance: Utterance
    calls: tuple[Call, ...]
    """The calls of the reply function between its start and the next one's."""
    arrived: float | None
    """When the first audio of the first reply called after its end arrived."""
    lost: float | None
    """Seconds of its beginning that the first call was not given."""

    @property
    def cut(self) -> bool:
        """Whether a reply was called while it was being said."""
        return any(call.at < self.utterance.end for call in self.calls)

    @property
    def latency(self) -> float | None:
        """Seconds from its end to the reply, the reply function's own time taken off."""
        return (
            None if self.arrived is None else self.arrived - self.utterance.end - THINKING_SECONDS
        )


async def turns(subject: Subject, settings: Settings) -> Findings:
    """Latency, answers and lost speech over fluent turns."""
    found = await converse(subject, "short", corpus.fluent(settings.fluent_turns), settings)
    late = [1000 * turn.latency for turn in found if turn.latency is not None]
    lost = [1000 * turn.lost for turn in found if turn.lost is not None]
    findings = Findings()
    findings.cells["latency.answered"] = percent(len(late), len(found))
    findings.cells["latency.whole"] = percent(sum(not turn.cut for turn in found), len(found))
    if late:
        findings.cells |= {
            "latency.mean": float(np.mean(late)),
            "latency.p50": percentile(late, 50),
            "latency.p95": percentile(late, 95),
            "latency.max": max(late),
        }
    if lost:
        clipped = sum(value > 1000 * LOST_SECONDS for value in lost)
        findings.cells |= {
            "onset.mean": float(np.mean(lost)),
            "onset.max": max(lost),
            "onset.clipped": percent(clipped, len(lost)),
        }
    findings.details = {
        "latency_ms": [turn.latency and 1000 * turn.latency for turn in found],
        "lost_ms": [turn.lost and 1000 * turn.lost for turn in found],
        "calls": [len(turn.calls) for turn in found],
        "text": [turn.utterance.clip.text for turn in found],
    }
    return findings


async def pauses(subject: Subject, settings: Settings) -> Findings:
    """Which turns are cut off because their speaker stops to think."""
    found = await converse(subject, "short", corpus.paused(settings.paused_turns), settings)
    short = [turn.cut for turn in found if turn.utterance.clip.pause <= CONFIGURED_SILENCE]
    long = [turn.cut for turn in found if turn.utterance.clip.pause > CONFIGURED_SILENCE]
    return Findings(
        {
            "cut.all": percent(sum(short) + sum(long), len(found)),
            "cut.short": percent(sum(short), len(short)),
            "cut.long": percent(sum(long), len(long)),
        },
        {
            "pause_s": [turn.utterance.clip.pause for turn in found],
            "cut": [float(turn.cut) for turn in found],
            "latency_ms": [turn.latency and 1000 * turn.latency for turn in found],
        },
    )


async def instant(subject: Subject, settings: Settings) -> Findings:
    """Whether a reply arrives that takes no time at all and is one piece."""
    found = await converse(subject, "instant", corpus.fluent(settings.instant_turns), settings)
    arrived = sum(turn.arrived is not None for turn in found)
    return Findings({"latency.instant": percent(arrived, len(found))})


async def first_connection(subject: Subject, settings: Settings) -> Findings:
    """Latency of the very first turn of a server's life."""
    clip = corpus.fluent(2)[1]
    late: list[float | None] = []
    for _ in range(settings.first_connections):
        async with (
            serving(subject, "short") as server,
            calling(server.url, subject.wire, room=settings.noise) as caller,
        ):
            await until(caller.microphone.begun + LEAD_SECONDS)
            said = caller.microphone.say(clip)
            limit = said.end - time.monotonic() + FIRST_ANSWER_SECONDS
            arrived = await caller.audio_since(said.end, limit)
            late.append(arrived and 1000 * (arrived - said.end - THINKING_SECONDS))
    answered = [value for value in late if value is not None]
    missing = (
        f"no answer in {FIRST_ANSWER_SECONDS:g} s ({len(late) - len(answered)} of {len(late)})"
    )
    worst = max(answered) if len(answered) == len(late) else missing
    return Findings({"latency.first": worst}, {"ms": late})


async def converse(
    subject: Subject, handler: Handler, clips: Sequence[Clip], settings: Settings
) -> list[Turn]:
    """Say the clips one after the other to a fresh server, whatever it does."""
    jitter = np.random.default_rng(0)
    said: list[Utterance] = []
    async with (
        serving(subject, handler) as server,
        calling(server.url, subject.wire, room=settings.noise) as caller,
    ):
        moment = caller.microphone.begun + LEAD_SECONDS
        for clip in clips:
            await until(moment)
            said.append(caller.microphone.say(clip))
            moment = said[-1].end + GAP_SECONDS + GAP_JITTER_SECONDS * float(jitter.random())
        await until(moment)
        calls = server.calls()
    arrivals = _first_arrivals(caller, calls)
    recorded = from_int16(np.concatenate(caller.microphone.recorded))
    ends = [utterance.start for utterance in said[1:]] + [moment]
    found = []
    for utterance, end in zip(said, ends, strict=True):
        own = tuple(call for call in calls if utterance.start <= call.at < end)
        after = next((call for call in own if call.at >= utterance.end), None)
        arrived = None if after is None else arrivals.get(after.number)
        lost = _lost(utterance, own[0], recorded) if own else None
        found.append(Turn(utterance, own, arrived, lost))
    return found


def _first_arrivals(caller: Caller, calls: Sequence[Call]) -> dict[int, float]:
    """When the first audio of each call's reply arrived, told by its tone."""
    first: dict[int, float] = {}
    for at, event in caller.events():
        tone = heard_tone(from_int16(event.samples), RATE) if isinstance(event, Audio) else None
        made = [c.number for c in calls if c.at <= at and c.number % len(TONES) == tone]
        if made:
            first.setdefault(made[-1], at)
    return first


def _lost(utterance: Utterance, call: Call, recorded: np.ndarray) -> float:
    """Seconds of speech between the utterance's start and the first sample the call was given."""
    begin = max(0, utterance.first - round(SEARCH_SECONDS * RATE))
    whole = recorded[begin : utterance.first + utterance.clip.audio.size]
    given = resampled(call.audio, call.rate, RATE) if call.rate != RATE else call.audio
    at = begin + offset_of(given[: round(ALIGNED_SECONDS * RATE)], whole)
    return max(0, at - utterance.onset) / RATE
