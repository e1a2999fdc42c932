from math import inf

import pytest

from fastrtc_webrtc.holes import HIGHEST_TARGET, LOWEST_TARGET, MARGIN, MAX_ASKS, Holes


@pytest.fixture
def holes() -> Holes:
    return Holes(memory=100)


def test_a_packet_is_waited_for_as_long_as_the_target(holes: Holes) -> None:
    holes.notice(7, 1.0)
    assert holes.deadline(7) == pytest.approx(1.0 + LOWEST_TARGET)
    assert holes.next_ask() == inf


def test_a_packet_that_came_in_time_teaches_how_long_to_wait(holes: Holes) -> None:
    holes.notice(7, 1.0)
    assert holes.fill(7, 1.015) is not None
    assert holes.target == pytest.approx(0.015 + MARGIN)
    assert holes.fill(7, 1.016) is None


def test_so_does_one_that_came_too_late(holes: Holes) -> None:
    holes.notice(7, 1.0)
    holes.give_up(7)
    assert holes.regret(7, 1.08)
    assert holes.target == pytest.approx(0.08 + MARGIN)
    assert not holes.regret(7, 1.08)


def test_the_target_is_bounded(holes: Holes) -> None:
    holes.notice(7, 1.0)
    holes.fill(7, 1.0 + HIGHEST_TARGET - 0.001)
    assert holes.target == HIGHEST_TARGET
    holes.sink(1.0)
    assert holes.target < HIGHEST_TARGET
    holes.sink(1000.0)
    assert holes.target == LOWEST_TARGET


def test_what_could_not_have_been_waited_for_teaches_nothing(holes: Holes) -> None:
    holes.notice(7, 1.0)
    holes.give_up(7)
    assert holes.regret(7, 1.2)
    assert holes.target == LOWEST_TARGET


def test_the_memory_of_what_was_given_up_is_bounded(holes: Holes) -> None:
    for sequence in range(500):
        holes.notice(sequence, 1.0)
        holes.give_up(sequence)
    assert not holes.regret(399, 1.0)
    assert holes.regret(400, 1.0)


def test_asking_again_takes_a_round_trip_and_prolongs_the_wait(holes: Holes) -> None:
    holes.rtt = 0.04
    holes.notice(7, 1.0)
    assert holes.next_ask() == 1.0
    assert holes.ask(1.0) == [7]
    assert holes.deadline(7) == pytest.approx(1.0 + LOWEST_TARGET + 0.04)
    assert holes.ask(1.02) == []
    again = holes.next_ask()
    assert 1.04 < again < holes.deadline(7)
    assert holes.ask(again) == [7]
    assert holes.deadline(7) == pytest.approx(1.0 + LOWEST_TARGET + 0.08)


def test_nothing_is_asked_for_that_cannot_come_in_time(holes: Holes) -> None:
    holes.rtt = 0.13
    holes.notice(7, 1.0)
    assert holes.ask(1.0) == []
    assert holes.deadline(7) == pytest.approx(1.0 + LOWEST_TARGET)


def test_the_wait_is_bounded_however_often_was_asked(holes: Holes) -> None:
    holes.rtt = 0.11
    holes.notice(7, 1.0)
    holes.ask(1.0)
    assert holes.deadline(7) == pytest.approx(1.0 + HIGHEST_TARGET)


def test_nobody_is_asked_for_ever(holes: Holes) -> None:
    holes.rtt = 0.0
    holes.notice(7, 1.0)
    asked = [tick for tick in range(200) if holes.ask(1.0 + tick / 1000)]
    assert len(asked) == MAX_ASKS
    assert asked[1] - asked[0] >= LOWEST_TARGET * 1000
    assert holes.next_ask() == inf


def test_a_round_trip_is_no_lateness(holes: Holes) -> None:
    holes.rtt = 0.05
    for sequence, waited in ((7, 0.01), (8, 0.049)):
        holes.notice(sequence, 1.0)
        holes.ask(1.0)
        holes.fill(sequence, 1.0 + waited)
        assert holes.target == LOWEST_TARGET
    holes.notice(9, 1.0)
    holes.ask(1.0)
    holes.fill(9, 1.08)
    assert holes.target == pytest.approx(0.03 + MARGIN)


def test_clear_forgets_what_is_missing_but_not_how_long_to_wait(holes: Holes) -> None:
    holes.notice(6, 1.0)
    holes.notice(7, 1.0)
    holes.fill(7, 1.05)
    holes.give_up(6)
    holes.notice(8, 1.0)
    holes.clear()
    assert holes.fill(8, 1.0) is None
    assert not holes.regret(6, 1.0)
    assert holes.target > LOWEST_TARGET
