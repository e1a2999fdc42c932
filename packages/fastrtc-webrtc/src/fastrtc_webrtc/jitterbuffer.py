"""Packets of sound in the order in which they were sent, or what is missing of them.

Nobody plays this sound as it comes: it goes to a recogniser, a model or an echo. There is no need
for an even pace, so a packet that is next goes on at once, and without loss the buffer delays
nothing. All that it decides is how long to wait for a packet that is missing while later ones are
there, between 20 and 120 ms as `fastrtc_webrtc.holes` tells. After that the hole is given out as
`Lost`, to be recovered from the packet after it or concealed, and what waited behind it follows at
once: a loss leaves no delay behind. Nothing is thrown away but what came twice, or after it was
given up.

Silence is not loss. A jump of the timestamp that no missing packet explains is given out as
`Silence`: the sender had nothing to say (DTX). When nothing comes at all, nothing is made up for
`STALL` seconds; then silence is given out as time passes, for `MAX_SILENCE` seconds: a detector of
pauses hears that the sender has stopped.

A jump of a second or more in the sequence numbers is no hole but another place, where everything
goes on; backwards, it takes a second packet from there to believe it. How long it was silent
meanwhile is taken from the clock then, as numbers do not tell. Pure: `now`, in seconds on any
monotonic clock, is an argument.
"""

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Final

from fastrtc_webrtc.holes import Holes
from fastrtc_webrtc.reception import MAX_MISORDER, SEQUENCE_BITS, TIMESTAMP_BITS, unwrapped

STALL: Final = 0.5
"""Seconds without a packet until silence is given out."""

MAX_SILENCE: Final = 2.0
"""Seconds of silence for one pause at most. What is made up, silence and losses together, is never
further than this ahead of the time that passes, whatever numbers a sender invents."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of sound."""

    sequence: int
    """Unwrapped: it always grows, and its lower 16 bits are the header's."""

    timestamp: int
    """Unwrapped too: its lower 32 bits are the header's."""

    payload: bytes
    duration: int
    """In ticks of the RTP clock, like all durations here."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A packet that did not come in time, or several that were shorter."""

    duration: int
    """A multiple of 2.5 ms, and no longer than a packet before or after it."""

    next_payload: bytes | None
    """That of the packet after it, which may hold a copy; None if that is lost too."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The sender meant to be silent."""

    duration: int


Item = Packet | Lost | Silence


class JitterBuffer:
    """The buffer of one stream. Call `pop` after `insert`, and when it is `deadline`.

    Args:
        clock_rate: Ticks of the RTP clock a second.
        packet: Ticks that a packet usually lasts; those of 20 ms by default.

    """

    def __init__(self, clock_rate: int = 48_000, packet: int | None = None) -> None:
        self.received = 0
        """Packets put in, whatever became of them."""

        self.lost = 0
        """Packets given up. Those that came nevertheless are `late` too."""

        self.late = 0
        """Packets that came after they were given up, or from before the beginning."""

        self.duplicates = 0
        """Packets that had come already."""

        self.reordered = 0
        """Packets that were missed and came in time, without being asked for."""

        self.recovered = 0
        """Packets that were missed, asked for, and came in time."""

        self._clock_rate = clock_rate
        self._packet = packet or clock_rate // 50
        self._window = clock_rate // self._packet  # a second of packets
        self._behind = max(MAX_MISORDER, self._window)
        self._step = clock_rate // 400  # 2.5 ms, in which Opus makes things up
        self._most = round(MAX_SILENCE * clock_rate)
        self._holes = Holes(self._behind)
        self._held: dict[int, Packet] = {}
        self._ready: deque[Item] = deque(maxlen=8 * self._window)  # 2 at most if it is popped
        self._stray: tuple[Packet, float] | None = None  # from long ago, and when it came
        self._begun = False
        self._first = 0
        self._next = 0  # the number to be given out next
        self._top = -1  # the highest number that came
        self._end = 0  # the timestamp at which what was given out ends
        self._duration = self._packet  # of the last one given out
        self._heard: float | None = None  # when the last packet came that was of use
        self._filled = 0  # ticks of silence since the last packet was given out
        self._credit, self._credited = 0.0, -inf  # ticks that may be made up, and as of when

    @property
    def held(self) -> int:
        """Packets that wait behind a missing one."""
        return len(self._held)

    @property
    def target(self) -> float:
        """Seconds for which a missing packet is waited for."""
        return self._holes.target

    @property
    def rtt(self) -> float | None:
        """Seconds from asking the sender for a packet to having it; None if there is no asking.

        With it set, `nack` is to be called whenever `pop` is.
        """
        return self._holes.rtt

    @rtt.setter
    def rtt(self, seconds: float | None) -> None:
        self._holes.rtt = seconds

    @property
    def deadline(self) -> float | None:
        """When to call `pop` again if no packet comes before; None if there is no need to."""
        if self._ready or self._next in self._held:
            return self._heard
        if self._held:
            return min(self._holes.deadline(self._next), self._holes.next_ask())
        if self._heard is None or self._filled + self._packet > self._most:
            return None
        return self._heard + STALL + (self._filled + self._packet) / self._clock_rate

    def insert(
        self, sequence: int, timestamp: int, payload: bytes, duration: int, now: float
    ) -> None:
        """Take a packet; the first two numbers are those of its header."""
        self.received += 1
        packet = Packet(sequence, timestamp, payload, duration)
        if not self._begun:
            self._begin(packet, now)
        ahead = unwrapped(sequence, self._next, SEQUENCE_BITS) - self._next
        if ahead >= self._window:
            self.reset(now)
            self._begin(packet, now)
        elif ahead < -self._behind:
            self._doubt(packet, now)
            return
        self._place(packet, now)

    def pop(self, now: float) -> list[Item]:
        """Return what is due, in order."""
        self._earn_credit(now)
        while self._held and (self._next in self._held or now >= self._holes.deadline(self._next)):
            self._give_next()
        if not self._held and self._heard is not None:
            passed = min(round((now - self._heard - STALL) * self._clock_rate), self._most)
            due = passed // self._packet * self._packet - self._filled
            if due > 0:
                self._be_silent(due)
                self._filled += due
        items = list(self._ready)
        self._ready.clear()
        return items

    def nack(self, now: float) -> list[int]:
        """Return the sequence numbers, as in headers, to ask the sender for now."""
        return [sequence % (1 << SEQUENCE_BITS) for sequence in self._holes.ask(now)]

    def reset(self, now: float) -> None:
        """Expect another stream, such as that of a new SSRC; what is held is given out first."""
        self._earn_credit(now)
        while self._held:
            self._give_next()
        self._holes.clear()
        self._stray = None
        self._begun = False

    def clear(self) -> None:
        """Let go of what is held. The counters stay."""
        self._held.clear()
        self._ready.clear()
        self._holes.clear()
        self._stray = None

    # Where a packet belongs

    def _begin(self, packet: Packet, now: float) -> None:
        """Expect this packet next, whatever was before."""
        if self._heard is not None:
            self._earn_credit(now)
            passed = min(round((now - self._heard) * self._clock_rate) - self._packet, self._most)
            if passed - self._filled >= self._packet:
                self._be_silent(passed - self._filled)
        self._begun = True
        self._next += (packet.sequence - self._next) % (1 << SEQUENCE_BITS)
        self._first = self._next
        self._top = self._next - 1
        self._end += (packet.timestamp - self._end) % (1 << TIMESTAMP_BITS)

    def _doubt(self, packet: Packet, now: float) -> None:
        """Take a packet from long ago for late, unless the one before agrees with it."""
        self.late += 1
        stray, self._stray = self._stray, (packet, now)
        if stray is None:
            return
        before, came = stray
        if 0 < (packet.sequence - before.sequence) % (1 << SEQUENCE_BITS) < self._window:
            self.late -= 2
            self.reset(came)
            self._begin(before, came)
            self._place(before, now)
            self._place(packet, now)

    def _place(self, packet: Packet, now: float) -> None:
        """Hold a packet unless it came too late or twice; notice what it shows to be missing."""
        place = unwrapped(packet.sequence, self._next, SEQUENCE_BITS)
        if place < self._next:
            if self._holes.regret(place, now) or place < self._first:
                self.late += 1
            else:
                self.duplicates += 1
            return
        if place in self._held:
            self.duplicates += 1
            return
        hole = self._holes.fill(place, now)
        if hole is not None:
            self.reordered += not hole.asked
            self.recovered += hole.asked > 0
        for missing in range(self._top + 1, place):
            self._holes.notice(missing, now)
        self._top = max(self._top, place)
        timestamp = unwrapped(packet.timestamp, self._end, TIMESTAMP_BITS)
        self._held[place] = Packet(place, timestamp, packet.payload, packet.duration)
        if self._heard is not None:
            self._holes.sink(now - self._heard)
        self._heard = now
        self._stray = None

    # What is given out

    def _give_next(self) -> None:
        """Give out the next packet that is held, and before it what is missing."""
        place = self._next if self._next in self._held else min(self._held)
        packet = self._held.pop(place)
        gap = packet.timestamp - self._end
        lost = self._give_up(range(self._next, place), packet, gap)
        self._ready.extend(lost[:-1])
        gap -= sum(item.duration for item in lost)
        if 2 * gap >= packet.duration:  # less is inaccuracy
            self._be_silent(min(gap, self._most - self._filled))
        self._ready.extend(lost[-1:])
        self._ready.append(packet)
        self._next = place + 1
        self._end = packet.timestamp + packet.duration
        self._duration = packet.duration
        self._filled = 0

    def _give_up(self, places: range, following: Packet, gap: int) -> list[Lost]:
        """Return what to give out for missing packets, in a gap of so many ticks."""
        for place in places:
            self._holes.give_up(place)
        self.lost += len(places)
        room = (gap + self._step // 2) // self._step * self._step
        each = min(max(self._duration, following.duration) // self._step * self._step, room)
        if each <= 0:
            return []
        # Fewer than are missing where the packets were shorter, or silence took their place.
        count = min(len(places), min(room, int(self._credit)) // each)
        self._credit -= count * each
        return [Lost(each, None)] * (count - 1) + [Lost(each, following.payload)] * min(count, 1)

    def _be_silent(self, duration: int) -> None:
        duration = min(duration, int(self._credit))
        if duration > 0:
            self._ready.append(Silence(duration))
            self._credit -= duration
            self._end += duration

    def _earn_credit(self, now: float) -> None:
        if now > self._credited:
            earned = (now - self._credited) * self._clock_rate
            self._credit = min(self._credit + earned, float(self._most))
            self._credited = now
