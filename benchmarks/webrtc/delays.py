"""Delays, losses and gaps of a coded sound that went out and came back."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.sound import Samples, amplitude, rms
from benchmarks.webrtc import codes
from benchmarks.webrtc.settings import FRAME, FRAME_SECONDS
from benchmarks.webrtc.wiretap import Heard, Wiretap

PLAYER_SECONDS: Final = 0.04
"""What a player holds before it begins, so that small delays are not heard as gaps."""

PIECES: Final = 8
"""A packet is looked at in so many pieces for silence: 2.5 ms each."""


@dataclass(frozen=True, slots=True)
class Echo:
    """A packet whose sound came back."""

    number: int
    """Of the packet, among those sent."""
    sent: float
    delay: float
    tone: codes.Tone
    """Where it is in the recording of what came back."""


def echoes(out: Wiretap, back: Wiretap) -> list[Echo]:
    """The packets whose sound came back, in order. A delay is exact to `codes.HOP`."""
    numbers = [codes.number_of(one.samples) for one in out.passed]
    coded = [(index, number) for index, number in enumerate(numbers) if number is not None]
    tones = codes.heard(back.recording())
    came = back.times_of([tone.start for tone in tones])
    sent = [out.passed[index].at for index, _ in coded]
    pairs = codes.matched(
        [number for _, number in coded], sent, [tone.number for tone in tones], came
    )
    return [
        Echo(coded[left][0], sent[left], came[right] - sent[left], tones[right])
        for left, right in pairs
    ]


def thrown_away(
    out: Wiretap, back: Wiretap, found: Sequence[Echo], until: float
) -> tuple[int, int]:
    """How many packets reached the server in vain, and how many reached it, of those sent before.

    Packets before the first whose sound came back do not count: the connection was coming about.
    """
    if not found:
        return 0, 0
    recording = back.recording()
    known = {echo.number for echo in found}
    good = [
        number
        for number, one in enumerate(out.passed)
        if number >= found[0].number and one.at < until and not one.lost
    ]
    missed = [number for number in good if number not in known]
    vain = sum(not _is_garbled(out, recording, found, number) for number in missed)
    return vain, len(good)


def _is_garbled(out: Wiretap, recording: Samples, found: Sequence[Echo], number: int) -> bool:
    """Whether a packet's sound is in its place, though too distorted to be recognised.

    Coders of speech answer some leaps between pure tones with a burst. The packets around it came
    back as far apart as they were sent, and there is more of its tone than of the one before, which
    a receiver without the packet would have gone on with.
    """
    after = bisect(found, number, key=lambda echo: echo.number)
    if not 0 < after < len(found):
        return False
    before, following = found[after - 1], found[after]
    apart = (following.number - before.number) * FRAME
    if abs(following.tone.start - before.tone.start - apart) > FRAME // 2:
        return False
    start = before.tone.start + (number - before.number) * FRAME
    levels = codes.levels(recording[start : start + FRAME])
    own = codes.number_of(out.passed[number].samples)
    return own is not None and bool(levels[own] > levels[before.tone.number])


def longest_gap(passed: Sequence[Heard]) -> float:
    """The longest silence, in seconds, that a player gives between the first and the last sound.

    It begins `PLAYER_SECONDS` after the first packet and plays each packet once it is there.
    """
    longest, free, quiet_from = 0.0, 0.0, None
    for one in passed:
        start = max(one.at + PLAYER_SECONDS, free) if not free else max(one.at, free)
        for piece in range(PIECES):
            samples = one.samples[piece * one.samples.size // PIECES :][
                : one.samples.size // PIECES
            ]
            at = start + piece * FRAME_SECONDS / PIECES
            if rms(samples) > amplitude(codes.AUDIBLE_DBFS):
                if quiet_from is not None:
                    longest = max(longest, at - quiet_from)
                quiet_from = at + FRAME_SECONDS / PIECES
        free = start + FRAME_SECONDS
    return longest
