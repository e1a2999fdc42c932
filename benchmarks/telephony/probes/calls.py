"""One caller at a time: interruptions, positions, greetings, hang-ups, and the sound of a tone."""

import asyncio
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import corpus
from benchmarks.findings import Detail, Findings, percentile
from benchmarks.subjects import Contestant, Server, serving
from benchmarks.telephony.caller import calling, heard_since, say, signal_to_noise, tones
from benchmarks.telephony.servers.common import sine
from benchmarks.telephony.settings import HANDLER_RATE, LINE_RATE, TONE_HZ, Settings
from benchmarks.telephony.subjects import OURS
from fastrtc_core.audio import ulaw_decode, ulaw_encode
from fastrtc_telephony.testing import NoCallError, Phone

LEAD_SECONDS: Final = 0.7
ANSWER_SECONDS: Final = 6.0
LISTENING_SECONDS: Final = 2.0
AFTER_SECONDS: Final = 2.0
LONG_SECONDS: Final = 20.0
"""Of a reply that nobody stops."""


async def interruptions(subject: Contestant, settings: Settings) -> Findings:
    """Talking into a reply, and reading meanwhile how much of it was heard."""
    questions = corpus.fluent(settings.interruptions)
    objections = corpus.interruptions(settings.interruptions)
    late: list[Detail] = []
    wrong: list[float] = []
    async with serving(subject, "long-sync") as server:
        for question, objection in zip(questions, objections, strict=True):
            async with calling(subject, server) as phone:
                await phone.listen(LEAD_SECONDS)
                _, asked = await say(phone, question)
                answered = await heard_since(phone, asked, ANSWER_SECONDS)
                if answered is None:
                    late.append(None)
                    continue
                if subject is OURS:
                    wrong += await _positions(server, phone, settings.positions)
                await phone.listen(max(0.0, answered + LISTENING_SECONDS - phone.now))
                begun, _ = await say(phone, objection)
                if subject is OURS:
                    wrong += await _positions(server, phone, 1)
                    await phone.listen(AFTER_SECONDS)
                else:
                    await phone.listen(LONG_SECONDS)
                blocks = tones(phone, answered - 0.02, phone.now)
                last = max(at for at, tone in blocks if tone == blocks[0][1])
                late.append(1000 * (last + 0.02 - begun))
    heard = [value for value in late if isinstance(value, float)]
    cells: dict[str, float | str] = {"interruption.p50": f"no reply in {ANSWER_SECONDS:g} s"}
    if heard:
        cells = {f"interruption.p{share}": percentile(heard, share) for share in (50, 95)}
    if subject is OURS:
        cells |= {"position.p95": percentile(wrong, 95), "position.max": max(wrong)}
    else:
        cells |= dict.fromkeys(("position.p95", "position.max"), "none reported")
    return Findings(cells, {"ms": late, "positions_ms": wrong})


async def _positions(server: Server, phone: Phone, count: int) -> list[float]:
    """Milliseconds between what the server takes for heard and what was, read several times."""
    wrong = []
    for _ in range(count):
        found = await server.asked("/position")
        wrong.append(1000 * abs(found["played"] - phone.ear.played(found["at"] - phone.begun)))
        await asyncio.sleep(0.083)  # out of step with frames and marks
    return wrong


async def greetings(subject: Contestant, settings: Settings) -> Findings:
    """A handler that speaks first: from the stream's start to the first sound heard."""
    late: list[float] = []
    async with serving(subject, "greeting") as server:
        for _ in range(settings.greetings):
            async with calling(subject, server) as phone:
                at = await heard_since(phone, 0.0, LONG_SECONDS)
                answered = phone.report().answered_after  # by the webhook
                late.append(1000 * (LONG_SECONDS if at is None else answered + at))
    return Findings(
        {"greeting.p50": percentile(late, 50), "greeting.max": max(late)}, {"ms": list(late)}
    )


async def sound(subject: Contestant, settings: Settings) -> Findings:
    """A tone from the line to a handler at 16 kHz, and another one back."""
    said = sine(LINE_RATE, 5.0)[0]
    limit = signal_to_noise(ulaw_decode(ulaw_encode(said)), LINE_RATE, TONE_HZ)
    async with serving(subject, "tone") as server, calling(subject, server) as phone:
        await phone.say(LINE_RATE, said)
        while not (calls := server.calls()):
            await phone.listen(0.5)
        heard = phone.report().heard
    call = calls[0]
    inbound = signal_to_noise(_middle(call.audio, call.rate), HANDLER_RATE, TONE_HZ)
    outbound = signal_to_noise(_middle(heard, LINE_RATE), LINE_RATE, TONE_HZ)
    return Findings(
        {
            "snr.limit": limit,
            "snr.in": inbound,
            "snr.in.loss": limit - inbound,
            "snr.out": outbound,
            "snr.out.loss": limit - outbound,
        }
    )


def _middle(samples: NDArray[Any], rate: int) -> NDArray[Any]:
    """Two seconds from the midst of what is not silent."""
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() / 2)
    middle = (loud[0] + loud[-1]) // 2
    return samples[middle - rate : middle + rate]


async def hang_ups(subject: Contestant, settings: Settings) -> Findings:
    """Callers who hang up: is `shutdown` called, and how soon? And a limit of one."""
    teardown: list[float] = []
    async with serving(subject, "greeting") as server:
        for count in range(settings.hang_ups):
            async with calling(subject, server) as phone:
                await heard_since(phone, 0.0, LONG_SECONDS)
                at = asyncio.get_running_loop().time()
            await asyncio.sleep(1.0)
            found = (await server.asked("/notes"))["shutdowns"]
            if len(found) > count:
                teardown.append(1000 * (found[-1] - at))
        shutdowns = len((await server.asked("/notes"))["shutdowns"])
    cells: dict[str, float | str] = {"hangups.shutdowns": shutdowns}
    cells["hangups.teardown"] = max(teardown) if teardown else "never called"
    async with serving(subject, "greeting/1") as server:
        rings = [_accepted(subject, server) for _ in range(5)]
        cells["hangups.accepted"] = sum(await asyncio.gather(*rings))
    return Findings(cells, {"teardown_ms": list(teardown)})


async def _accepted(subject: Contestant, server: Server) -> bool:
    """Whether a call is answered and stays."""
    try:
        async with calling(subject, server) as phone:
            await phone.listen(3.0)
            return phone.ear.first() is not None
    except NoCallError:
        return False
