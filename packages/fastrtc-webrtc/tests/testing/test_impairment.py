import struct
from collections.abc import Iterable
from itertools import groupby

import pytest

from fastrtc_webrtc.testing import Impairment, packet_kind, rtp_header

STUN = bytes.fromhex("000100002112a442") + bytes(12)
DTLS = bytes([22, 254, 253, 0])


def rtp(sequence: int = 0, payload_type: int = 96, marker: bool = False) -> bytes:
    return struct.pack("!BBHLL", 0x80, marker << 7 | payload_type, sequence, 960, 7) + b"sound"


RTCP = struct.pack("!BBHL", 0x81, 200, 6, 7)


def fates(
    impairment: Impairment, packets: Iterable[bytes], step: float = 0.02
) -> list[list[float]]:
    """Return when each packet arrives, if they are sent every 20 ms."""
    return [
        [index * step + delay for delay in impairment.decide(packet, index * step)]
        for index, packet in enumerate(packets)
    ]


def lost(impairment: Impairment, count: int = 1000) -> list[int]:
    arrivals = fates(impairment, (rtp(n % 65536) for n in range(count)))
    return [index for index, times in enumerate(arrivals) if not times]


# Packets


@pytest.mark.parametrize(
    ("packet", "kind"),
    [
        (STUN, "stun"),
        (b"\x03", "stun"),
        (b"\x04", "other"),
        (DTLS, "dtls"),
        (b"\x3f", "dtls"),
        (b"\x40", "other"),  # a TURN channel
        (rtp(), "rtp"),
        (rtp(marker=True), "rtp"),
        (RTCP, "rtcp"),
        (b"\x80", "other"),
        (b"\xc0\x60", "other"),
        (b"", "other"),
    ],
)
def test_kinds(packet: bytes, kind: str) -> None:
    assert packet_kind(packet) == kind


def test_headers() -> None:
    header = rtp_header(rtp(513, 111, marker=True))
    assert header is not None
    assert (header.sequence, header.payload_type, header.marker) == (513, 111, True)
    assert (header.timestamp, header.ssrc) == (960, 7)
    assert rtp_header(RTCP) is None
    assert rtp_header(rtp()[:11]) is None


# Decisions


def test_nothing_is_impaired_by_default() -> None:
    assert fates(Impairment(), [rtp()] * 3, step=1.0) == [[0.0], [1.0], [2.0]]


def test_the_same_seed_loses_the_same_packets() -> None:
    assert lost(Impairment(loss=0.1, seed=4)) == lost(Impairment(loss=0.1, seed=4))
    assert lost(Impairment(loss=0.1, seed=4)) != lost(Impairment(loss=0.1, seed=5))


def test_losses_do_not_depend_on_other_faults() -> None:
    others = Impairment(loss=0.1, delay=0.05, jitter=0.1, reorder=0.2, duplicate=0.3)
    assert lost(Impairment(loss=0.1)) == lost(others)


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.3, 1.0])
@pytest.mark.parametrize("burst", [1, 4])
def test_the_share_of_lost_packets(loss: float, burst: int) -> None:
    impairment = Impairment(loss=loss, burst=burst)
    assert len(lost(impairment, 50_000)) / 50_000 == pytest.approx(loss, rel=0.15)
    assert impairment.counts["seen"] == 50_000


def test_losses_come_in_bursts() -> None:
    indices = lost(Impairment(loss=0.02, burst=3), 5000)
    runs = [
        len(list(run)) for _, run in groupby(enumerate(indices), lambda pair: pair[1] - pair[0])
    ]
    assert set(runs) <= {3, 6}  # two may touch


def test_single_packets() -> None:
    assert lost(Impairment(drop={0, 7}), 10) == [0, 7]
    impairment = Impairment()
    impairment.drop_next(2)
    assert lost(impairment, 10) == [0, 1]


def test_an_outage() -> None:
    impairment = Impairment()
    impairment.cut(0.1, now=0.0)
    assert lost(impairment, 10) == [0, 1, 2, 3, 4]


def test_delay_and_jitter_keep_the_order() -> None:
    times = [time for [time] in fates(Impairment(delay=0.1, jitter=0.06), [rtp()] * 500)]
    delays = [time - 0.02 * index for index, time in enumerate(times)]
    assert times == sorted(times)
    assert min(delays) == pytest.approx(0.1, abs=0.005)
    assert 0.15 < max(delays) < 0.16


def test_reordering() -> None:
    impairment = Impairment(reorder=0.1)
    arrivals = fates(impairment, [rtp()] * 500)
    late = [index for index, [time] in enumerate(arrivals) if time > index * 0.02]
    assert len(late) == impairment.counts["reordered"]
    assert 30 < len(late) < 70
    for index in late[:-1]:
        assert arrivals[index] > arrivals[index + 1] or index + 1 in late


def test_duplication() -> None:
    impairment = Impairment(duplicate=0.1)
    twice = [times for times in fates(impairment, [rtp()] * 500) if len(times) == 2]
    assert len(twice) == impairment.counts["duplicated"]
    assert 30 < len(twice) < 70


def test_only_what_is_selected() -> None:
    everything = [STUN, DTLS, rtp(), RTCP]
    impairment = Impairment(loss=1.0, only="rtp")
    assert [bool(impairment.decide(packet, 0.0)) for packet in everything] == [1, 1, 0, 1]
    assert impairment.counts == {"seen": 1, "lost": 1}
    odd = Impairment(loss=1.0, only=lambda packet: packet[3] % 2 == 1)
    assert lost(odd, 6) == [1, 3, 5]


@pytest.mark.parametrize(
    "wrong", [{"loss": 1.5}, {"loss": float("nan")}, {"delay": -1.0}, {"burst": 0}]
)
def test_what_can_not_be(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"Impairment\\({next(iter(wrong))}="):
        Impairment(**wrong)  # type: ignore[arg-type]
