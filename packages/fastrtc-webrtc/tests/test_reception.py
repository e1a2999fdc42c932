import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_webrtc.reception import Reception, ReceptionStatistics, unwrapped

PACKET = 960


def receive(statistics: ReceptionStatistics, numbers: list[int]) -> None:
    """Packets with these unwrapped numbers, each at its time."""
    for number in numbers:
        statistics.record(number % (1 << 16), number * PACKET % (1 << 32), number / 50)


@given(st.integers(0, 1 << 40), st.integers(-32_768, 32_767))
def test_unwrapped(near: int, distance: int) -> None:
    assert unwrapped((near + distance) % (1 << 16), near, 16) == near + distance


def test_nothing_received() -> None:
    assert ReceptionStatistics(48_000).report() == Reception(0, 0, 0, 0)


def test_nothing_lost() -> None:
    statistics = ReceptionStatistics(48_000)
    receive(statistics, list(range(500, 600)))
    assert statistics.report() == Reception(0, 0, 599, 0)


def test_loss_since_the_last_report_and_since_the_beginning() -> None:
    statistics = ReceptionStatistics(48_000)
    receive(statistics, [number for number in range(100) if number % 4 != 3])
    report = statistics.report()
    assert report.fraction_lost == 24 * 256 // 99
    assert report.cumulative_lost == 24
    receive(statistics, list(range(100, 200)))
    report = statistics.report()
    assert report.fraction_lost == 1 * 256 // 101  # number 99 is missed only now
    assert report.cumulative_lost == 25


def test_packets_that_come_twice_make_the_loss_negative_but_not_the_fraction() -> None:
    statistics = ReceptionStatistics(48_000)
    receive(statistics, [number for number in range(100) for _ in range(2)])
    assert statistics.report() == Reception(0, -100, 99, statistics.report().jitter)


def test_everything_lost_but_one_is_less_than_256_of_256() -> None:
    statistics = ReceptionStatistics(48_000)
    receive(statistics, [0])
    statistics.report()
    receive(statistics, [2999])
    assert statistics.report().fraction_lost == 255


def test_reordering_is_no_loss() -> None:
    statistics = ReceptionStatistics(48_000)
    receive(statistics, [0, 3, 1, 2, 4])
    assert statistics.report().cumulative_lost == 0


def test_the_highest_number_counts_how_often_numbers_began_anew() -> None:
    statistics = ReceptionStatistics(48_000)
    receive(statistics, list(range(65_500, 65_600)))
    assert statistics.report() == Reception(0, 0, (1 << 16) + 63, 0)


def test_one_packet_from_elsewhere_is_not_believed_two_are() -> None:
    statistics = ReceptionStatistics(48_000)
    receive(statistics, list(range(100)))
    receive(statistics, [40_000])
    receive(statistics, [100])
    assert statistics.report().highest_sequence == 100
    receive(statistics, [40_000, 40_001, 40_002])
    assert statistics.report() == Reception(0, 0, 40_002, statistics.report().jitter)


def test_jitter_of_packets_that_come_early_and_late_by_turns() -> None:
    statistics = ReceptionStatistics(48_000)
    for number in range(200):
        statistics.record(number, number * PACKET, number / 50 + number % 2 * 0.005)
    assert statistics.report().jitter == pytest.approx(240, abs=1)  # 5 ms


def test_jitter_knows_timestamps_that_begin_anew() -> None:
    statistics = ReceptionStatistics(48_000)
    for number in range(100):
        timestamp = ((1 << 32) - 50 * PACKET + number * PACKET) % (1 << 32)
        statistics.record(number, timestamp, number / 50)
    assert statistics.report().jitter == 0


def test_jitter_of_a_random_delay() -> None:
    statistics = ReceptionStatistics(8000)
    lots = random.Random(0)
    for number in range(1000):
        statistics.record(number, number * 160, number / 50 + lots.uniform(0, 0.02))
    assert 0.003 < statistics.report().jitter / 8000 < 0.01


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, (1 << 32) - 1))))
def test_any_packets_make_a_report_that_fits_its_fields(packets: list[tuple[int, int]]) -> None:
    statistics = ReceptionStatistics(48_000)
    for index, (sequence, timestamp) in enumerate(packets):
        statistics.record(sequence, timestamp, index / 50)
    report = statistics.report()
    assert 0 <= report.fraction_lost < 1 << 8
    assert -(1 << 23) <= report.cumulative_lost < 1 << 23
    assert 0 <= report.highest_sequence < 1 << 32
    assert 0 <= report.jitter < 1 << 32
