"""A caller: the fake carrier, speech at the line's rate, and what is heard of each reply."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import numpy as np

from benchmarks.corpus import Clip
from benchmarks.settings import RATE
from benchmarks.sound import from_int16, heard_tone, resampled, to_int16
from benchmarks.subjects import Contestant, Server
from benchmarks.telephony.settings import AUTH_TOKEN, LINE_RATE
from benchmarks.telephony.subjects import OURS
from fastrtc_telephony.testing import Phone, dial
from fastrtc_telephony.testing.dialects import Caller
from fastrtc_telephony.testing.dialects.base import Command, Sound, decoded
from fastrtc_telephony.testing.dialects.twilio import TwilioDialect

BLOCK: Final = 0.02
"""Seconds in which a tone is told from another."""


class Lenient(TwilioDialect):
    """Twilio as FastRTC meets it: without a webhook, whose stream URL has no port.

    What it sends beside sound is passed over, where Twilio would complain.
    """

    asks = False
    path = "/telephone/handler"

    def opening(self, caller: Caller, parameters: Mapping[str, str]) -> Sequence[str | bytes]:
        _, *rest = super().opening(caller, parameters)
        return rest  # it takes "connected" for a failure

    def read(self, message: str | bytes) -> Sequence[Command]:
        found: Any = json.loads(message)
        if found.get("event") == "media":
            return [Sound(decoded(found["media"]["payload"]))]
        return []


@asynccontextmanager
async def calling(subject: Contestant, server: Server) -> AsyncIterator[Phone]:
    """A call to a server, hung up with the block."""
    given = {"auth_token": AUTH_TOKEN}
    dialect = TwilioDialect(given) if subject is OURS else Lenient(given)
    async with dial(server.http, dialect) as phone:
        yield phone


async def say(phone: Phone, clip: Clip) -> tuple[float, float]:
    """Say a clip, and return when its speech began and ended, in seconds of the call."""
    samples = to_int16(resampled(clip.audio, RATE, LINE_RATE))
    begun = phone.said_seconds()
    await phone.say(LINE_RATE, samples)
    return begun + clip.start / RATE, begun + clip.end / RATE


async def heard_since(phone: Phone, begin: float, patience: float) -> float | None:
    """When the first reply after a time was heard, in seconds of the call; None if none comes."""
    deadline = phone.now + patience
    while phone.now < deadline and not phone.over.is_set():
        now = phone.now
        blocks = tones(phone, begin, now)
        if blocks:
            return blocks[0][0]
        await asyncio.sleep(0.02)
    return None


def tones(phone: Phone, begin: float, end: float) -> list[tuple[float, int]]:
    """The blocks of tones that were heard between two times: when each began, and which it was."""
    heard = from_int16(phone.ear.window(begin, end))
    size = round(BLOCK * LINE_RATE)
    found = []
    for first in range(0, heard.size - size + 1, size):
        tone = heard_tone(heard[first : first + size], LINE_RATE)
        if tone is not None:
            found.append((begin + first / LINE_RATE, tone))
    return found


def signal_to_noise(samples: np.ndarray[Any, Any], rate: int, hertz: float) -> float:
    """Decibels of a tone over everything else, its level and phase fitted."""
    values = samples.astype(np.float64)
    angles = 2 * np.pi * hertz * np.arange(values.size) / rate
    basis = np.stack([np.sin(angles), np.cos(angles), np.ones(values.size)], axis=1)
    parts, *_ = np.linalg.lstsq(basis, values, rcond=None)
    fitted = basis @ parts
    noise = values - fitted
    return float(10 * np.log10(np.sum(fitted**2) / np.sum(noise**2)))
