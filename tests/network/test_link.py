"""Sound over a link that delays, loses, and mixes up packets.

The client says another tone in every packet, so that each can be told apart in what the server's
handler was given: which of them it heard, and when. All clocks are one: the machine's.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tests.network.conftest import Networks, Program, Thrice

logger = logging.getLogger(__name__)

RATE = 48_000
FRAME = 960
PEAK = 8000.0
DELAY = 0.05
"""Seconds that the link takes, each way."""

PITCHES = 400.0 + 200.0 * np.arange(32)
"""In Hz, one a packet; each comes again after 0.64 s."""

LATEST = 0.5
"""Seconds after which a tone is another one's that sounds the same."""

WINDOW, STEP = 480, 120
"""Samples that are looked at together, and how far one look is from the next."""

CLOSE = 60.0
"""Hz by which a tone may be off."""

TOUCHED = range(-1, 3)
"""What is lost takes a part of the tones around it along: a packet of Opus reaches into the one
before it, and what comes after a gap begins with what was made up."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a handler was given of a melody."""

    said: NDArray[np.float64]
    """When each of its tones was said."""

    lost: set[int]
    """The tones whose packets the link has lost."""

    delays: dict[int, float]
    """The tones that were heard, and the seconds from saying it, those of the link left out."""

    gap: float
    """Seconds of the longest silence in it."""

    packets: dict[str, int]
    """The counts of the server."""

    @property
    def damaged(self) -> set[int]:
        """The tones that a loss touches."""
        return {index + offset for index in self.lost for offset in TOUCHED}

    @property
    def missing(self) -> set[int]:
        """The tones that came over the link whole, and were not heard."""
        return set(range(self.said.size)) - self.damaged - set(self.delays)

    def late(self, share: float = 95) -> float:
        """Return a percentile of the delays."""
        return float(np.percentile(list(self.delays.values()), share))


def find(
    said: NDArray[np.float64], pitches: Sequence[float], recording: Any
) -> tuple[dict[int, float], float]:
    """Look for tones in what was heard: their delays, and the longest silence between them."""
    sound = recording["sound"].astype(float)
    given = np.repeat(recording["times"], recording["lengths"])  # when, for each sample
    looks = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::STEP]
    ends = given[WINDOW - 1 :: STEP]
    loud = np.sqrt(2 * np.mean(looks**2, axis=1)) > PEAK / 8
    spectra = np.abs(np.fft.rfft(looks * np.hanning(WINDOW), 8 * WINDOW))
    strongest = np.argmax(spectra, axis=1) * RATE / (8 * WINDOW)
    delays = {}
    for index, (time, pitch) in enumerate(zip(said, pitches, strict=True)):
        near = slice(*np.searchsorted(ends, (time + DELAY, time + DELAY + LATEST)))
        is_it = loud[near] & (np.abs(strongest[near] - pitch) < CLOSE)
        if is_it.any():
            delays[index] = float(ends[near][is_it][0]) - time - DELAY
    gap = int(np.diff(np.flatnonzero(loud)).max()) - 1
    return delays, gap * STEP / RATE


@dataclass
class Call:
    """A server, a client, and the link between them."""

    link: "Program"
    server: "Program"
    client: "Program"
    url: str

    def sing(self, packets: int, **faults: Any) -> Heard:
        """Connect over a link with faults in both directions, sing, and hang up."""
        both = {"delay": DELAY, **faults}
        self.link.ask("impair", there={**both, "seed": 1}, back={**both, "seed": 2})
        connected = self.client.ask("connect", url=self.url)
        assert connected["connected"] is not None
        pitches = np.resize(PITCHES, packets).tolist()
        song = self.client.ask("sing", pitches=pitches)
        sent = self.link.ask("report")["there"]
        self.link.ask("impair")  # a goodbye that is lost would only be noticed after the grace
        self.client.ask("close")
        ended = self.server.wait("ended")
        said = np.array(song["times"])
        with np.load(Path(ended["recording"])) as recording:
            delays, gap = find(said, pitches, recording)
        begin = sent["first"] + song["timestamps"][0]
        lost = {((timestamp - begin) % (1 << 32)) // FRAME for timestamp in sent["lost"]}
        return Heard(said, {n for n in lost if n < packets}, delays, gap, ended["packets"])


@pytest.fixture(scope="module")
def call(networks: "Networks") -> Iterator[Call]:
    with networks() as network:
        home, office, link = network.linked("client", "server")
        client = network.client(home)
        yield Call(link, network.server(office), client, office.url)


def note(what: str, heard: Heard) -> None:
    """Log the figures; ``--log-cli-level=INFO`` shows them."""
    logger.info(
        "%s: added delay %.0f ms, p95 %.0f ms; longest silence %.0f ms; %s",
        what,
        1000 * heard.late(50),
        1000 * heard.late(),
        1000 * heard.gap,
        heard.packets,
    )


def test_a_link_that_only_delays(call: Call, thrice: "Thrice") -> None:
    def check(heard: Heard) -> None:
        note("delay", heard)
        assert not heard.lost
        assert not heard.missing
        assert heard.packets["lost"] == 0
        assert heard.late() < 0.06

    thrice(lambda: call.sing(150), check)


def test_a_twentieth_is_lost(call: Call, thrice: "Thrice") -> None:
    def check(heard: Heard) -> None:
        note("5 % lost", heard)
        assert len(heard.lost) >= 8
        assert heard.gap < 0.06
        assert not heard.missing
        assert heard.packets["late"] == 0
        assert heard.late() < 0.12

    thrice(lambda: call.sing(300, loss=0.05), check)


def test_five_in_a_row_are_lost(call: Call, thrice: "Thrice") -> None:
    def check(heard: Heard) -> None:
        note("five lost", heard)
        first, last = min(heard.lost), max(heard.lost)
        assert 30 < first < last < 180
        assert not heard.missing
        assert heard.gap < 0.1
        before = [delay for index, delay in heard.delays.items() if index < first - 2]
        after = [delay for index, delay in heard.delays.items() if index > 200]
        assert np.median(after) - np.median(before) < 0.005

    thrice(lambda: call.sing(250, drop=list(range(160, 165))), check)


def test_packets_that_are_late_and_out_of_order(call: Call, thrice: "Thrice") -> None:
    def check(heard: Heard) -> None:
        note("jitter", heard)
        assert heard.packets["reordered"] >= 5
        assert heard.gap < 0.06
        assert len(heard.missing) <= 6  # until the buffer knows of it
        assert heard.late() < 0.16

    thrice(lambda: call.sing(200, jitter=0.03, reorder=0.1), check)
