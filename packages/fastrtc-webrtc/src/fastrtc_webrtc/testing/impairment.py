"""A bad network, packet by packet and the same every time.

`Impairment` decides what becomes of each packet and does nothing itself;
`fastrtc_webrtc.testing.link` puts it into a connection.

A packet's class is told by its first byte, as RFC 7983 section 7 does; RTCP from RTP by the
second, as RFC 5761 section 4 does. Nothing is decrypted.
"""

import struct
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

PacketKind = Literal["stun", "dtls", "rtp", "rtcp", "other"]

Selection = PacketKind | Callable[[bytes], bool]
"""Which packets an impairment is about: a class of packets, or whatever a function says."""

RTCP_TYPES: Final = range(192, 224)
"""Second bytes that RFC 5761 section 4 sets aside for RTCP."""

RTP_HEADER: Final = struct.Struct("!BBHLL")


@dataclass(frozen=True, slots=True)
class RtpHeader:
    """What a packet of sound or video says of itself in the clear, RFC 3550 section 5.1."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int


def packet_kind(packet: bytes) -> PacketKind:
    """Return the class of a packet."""
    first = packet[0] if packet else 255
    if first <= 3:
        return "stun"
    if 20 <= first <= 63:
        return "dtls"
    if 128 <= first <= 191 and len(packet) > 1:
        return "rtcp" if packet[1] in RTCP_TYPES else "rtp"
    return "other"


def rtp_header(packet: bytes) -> RtpHeader | None:
    """Return the header of an RTP packet, None if it is none."""
    if packet_kind(packet) != "rtp" or len(packet) < RTP_HEADER.size:
        return None
    _, second, sequence, timestamp, ssrc = RTP_HEADER.unpack_from(packet)
    return RtpHeader(second >= 128, second & 127, sequence, timestamp, ssrc)


@dataclass(kw_only=True)
class Impairment:
    """What one direction of a network does to the packets that `only` selects.

    All draws come from `seed`, and each kind of fault has draws of its own: the same packets are
    lost whatever the jitter is. Times are those of whoever asks, in seconds.

    Raises:
        ValueError: A share is beyond 0-1, a time is negative, or `burst` is less than one packet.

    """

    loss: float = 0.0
    """Share of packets that are lost, 0-1."""

    burst: int = 1
    """Packets lost at a time."""

    delay: float = 0.0
    """Seconds that every packet takes."""

    jitter: float = 0.0
    """Seconds that a packet takes longer at most; how much is drawn evenly. Packets keep their
    order."""

    reorder: float = 0.0
    """Share of packets that are held back, so that later ones overtake them."""

    reorder_by: float = 0.03
    """Seconds for which they are held back; by default one frame of sound overtakes."""

    duplicate: float = 0.0
    """Share of packets that come twice."""

    drop: Collection[int] = ()
    """Ordinals of packets to lose, from 0 on."""

    seed: int = 0

    only: Selection | None = None
    """Which packets are meant; others pass untouched. All if it is None."""

    counts: Counter[Literal["seen", "lost", "reordered", "duplicated"]] = field(
        default_factory=Counter, init=False
    )
    """What was done so far to the packets that are meant."""

    def __post_init__(self) -> None:
        for name in ("loss", "reorder", "duplicate"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise ValueError(f"Impairment({name}={share!r}): must be a share from 0 to 1")
        for name in ("delay", "jitter", "reorder_by"):
            if not (time := getattr(self, name)) >= 0:
                raise ValueError(f"Impairment({name}={time!r}): must not be negative")
        if self.burst < 1:
            raise ValueError(f"Impairment(burst={self.burst!r}): must be at least one packet")
        self._loss_draws = Random(f"{self.seed} loss")
        self._jitter_draws = Random(f"{self.seed} jitter")
        self._reorder_draws = Random(f"{self.seed} reorder")
        self._duplicate_draws = Random(f"{self.seed} duplicate")
        # A packet either passes or is the first of a burst. For the share of lost packets to be
        # `loss`, the latter has to happen q times out of all, q burst / (1 - q + q burst) = loss.
        self._burst_chance = self.loss / (self.burst * (1 - self.loss) + self.loss)
        self._to_lose = 0
        self._out_until = float("-inf")
        self._last_due = float("-inf")

    def drop_next(self, count: int = 1) -> None:
        """Lose the next packets, as many as that."""
        self._to_lose += count

    def cut(self, seconds: float, now: float) -> None:
        """Lose every packet for some seconds from `now` on."""
        self._out_until = now + seconds

    def selects(self, packet: bytes) -> bool:
        """Return whether the impairment is about this packet."""
        if self.only is None:
            return True
        return self.only(packet) if callable(self.only) else packet_kind(packet) == self.only

    def decide(self, packet: bytes, now: float) -> list[float]:
        """Return after how many seconds a packet arrives: never, once or twice."""
        if not self.selects(packet):
            return [0.0]
        ordinal = self.counts["seen"]
        self.counts["seen"] += 1
        starts_burst = self._loss_draws.random() < self._burst_chance
        late = self._jitter_draws.random() * self.jitter
        held_back = self._reorder_draws.random() < self.reorder
        twice = self._duplicate_draws.random() < self.duplicate
        if self._is_lost(ordinal, starts_burst, now):
            self.counts["lost"] += 1
            return []
        due = max(now + self.delay + late, self._last_due)
        if held_back:
            self.counts["reordered"] += 1
            due += self.reorder_by
        else:
            self._last_due = due
        self.counts["duplicated"] += twice
        return [due - now] * (1 + twice)

    def _is_lost(self, ordinal: int, starts_burst: bool, now: float) -> bool:
        if self._to_lose:
            self._to_lose -= 1
            return True
        if starts_burst:
            self._to_lose = self.burst - 1
        return starts_burst or ordinal in self.drop or now < self._out_until
