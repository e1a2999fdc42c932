from itertools import pairwise

import pytest

from fastrtc_core.pacing import Pace


def times(pace: Pace, works: list[float]) -> list[float]:
    """When each piece of work begins, if it is done again after the pace's delay."""
    now = 100.0
    begun = []
    for work in works:
        begun.append(now)
        now += work
        now += pace.delay(now)
    return begun


def distances(begun: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(begun)]


@pytest.mark.parametrize("rate", [1, 24, 25, 29.97, 30, 60])
def test_it_does_not_drift(rate: float) -> None:
    begun = times(Pace(rate), [0.0] * 10_000)
    assert distances(begun) == pytest.approx([1 / rate] * 9_999)
    assert begun[-1] - begun[0] == pytest.approx(9_999 / rate)


def test_work_does_not_slow_it() -> None:
    begun = times(Pace(10), [0.09] * 100)
    assert begun[-1] - begun[1] == pytest.approx(9.8)


def test_what_is_a_little_late_is_caught_up_with() -> None:
    begun = times(Pace(10), [0.0, 0.0, 0.15, 0.0, 0.0, 0.0])
    assert distances(begun) == pytest.approx([0.1, 0.1, 0.15, 0.05, 0.1])


def test_after_a_stall_it_begins_anew() -> None:
    begun = times(Pace(10), [0.0, 5.0, 0.0, 0.0, 0.0])
    assert distances(begun) == pytest.approx([0.1, 5.0, 0.1, 0.1])


def test_what_is_slower_is_not_held() -> None:
    assert distances(times(Pace(10), [0.3] * 10)) == pytest.approx([0.3] * 9, abs=0.1)
    begun = times(Pace(10), [0.3] * 100)
    assert begun[-1] - begun[1] == pytest.approx(98 * 0.3)
