"""One clock for all of a session's media."""

import pytest

from fastrtc_webrtc.encoded import SECONDS_1900_TO_1970, MediaClock

CLOCK = MediaClock(origin=1000.0, wall=1_700_000_000.0)


@pytest.mark.parametrize(
    ("time", "rate", "ticks"),
    [
        (1000.0, 48_000, 0),
        (1001.5, 48_000, 72_000),
        (1001.5, 90_000, 135_000),
        (999.0, 8000, -8000),
    ],
)
def test_ticks(time: float, rate: int, ticks: int) -> None:
    assert CLOCK.ticks(time, rate) == ticks


def test_ntp_time() -> None:
    assert CLOCK.ntp(1000.0) == (1_700_000_000 + SECONDS_1900_TO_1970) << 32
    assert CLOCK.ntp(1000.5) - CLOCK.ntp(1000.0) == 1 << 31


@pytest.mark.parametrize("time", [1000.0, 1234.5678, 90_000.0])
def test_both_tell_the_same(time: float) -> None:
    wall = (CLOCK.ntp(time) - CLOCK.ntp(1000.0)) / (1 << 32)
    assert wall == pytest.approx(CLOCK.ticks(time, 90_000) / 90_000, abs=1e-4)
