import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_webrtc.ratelimit import BURST, RateLimiter

PER_MINUTE = 60.0


def spend(limiter: RateLimiter, address: str | None, now: float) -> int:
    """Make requests until one is refused, and say how many were not."""
    allowed = 0
    while limiter.allow(address, now):
        allowed += 1
    return allowed


def test_a_burst_then_the_rate() -> None:
    limiter = RateLimiter(PER_MINUTE)
    assert spend(limiter, "1.2.3.4", 100.0) == BURST
    assert spend(limiter, "1.2.3.4", 100.5) == 0
    assert spend(limiter, "1.2.3.4", 103.0) == 3
    assert spend(limiter, "1.2.3.4", 1e9) == BURST


def test_a_low_rate_lets_one_request_pass() -> None:
    limiter = RateLimiter(1.0)
    assert spend(limiter, "1.2.3.4", 0.0) == 1
    assert not limiter.allow("1.2.3.4", 59.0)
    assert limiter.allow("1.2.3.4", 60.1)


def test_addresses_do_not_share() -> None:
    limiter = RateLimiter(PER_MINUTE)
    spend(limiter, "1.2.3.4", 0.0)
    assert limiter.allow("1.2.3.5", 0.0)
    assert limiter.allow(None, 0.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2a00:1:2:3::1", "2a00:1:2:3:ffff:ffff:ffff:ffff"),
        ("1.2.3.4", "::ffff:1.2.3.4"),
        ("testclient", "testclient"),
        (None, None),
        ("x" * 100, "x" * 200),
    ],
)
def test_forms_of_one_client_share(one: str | None, other: str | None) -> None:
    limiter = RateLimiter(PER_MINUTE)
    spend(limiter, one, 0.0)
    assert not limiter.allow(other, 0.0)
    assert len(limiter) == 1


def test_networks_of_ipv6_do_not_share() -> None:
    limiter = RateLimiter(PER_MINUTE)
    spend(limiter, "2a00:1:2:3::1", 0.0)
    assert limiter.allow("2a00:1:2:4::1", 0.0)


def test_retry_after() -> None:
    limiter = RateLimiter(PER_MINUTE)
    assert limiter.retry_after("1.2.3.4", 0.0) == 0.0
    spend(limiter, "1.2.3.4", 0.0)
    assert limiter.retry_after("1.2.3.4", 0.0) == pytest.approx(1.0)
    assert limiter.retry_after("1.2.3.4", 0.75) == pytest.approx(0.25)
    assert limiter.retry_after("1.2.3.4", 2.0) == 0.0


@given(st.floats(0.1, 300.0), st.floats(0.0, 1e6), st.floats(0.0, 10.0))
def test_a_request_is_allowed_when_the_client_was_told(
    per_minute: float, start: float, later: float
) -> None:
    limiter = RateLimiter(per_minute)
    spend(limiter, "1.2.3.4", start)
    now = start + later
    assert limiter.allow("1.2.3.4", now + limiter.retry_after("1.2.3.4", now))


def test_a_refused_request_costs_nothing() -> None:
    limiter = RateLimiter(PER_MINUTE)
    spend(limiter, "1.2.3.4", 0.0)
    for _ in range(1000):
        limiter.allow("1.2.3.4", 0.5)
    assert limiter.allow("1.2.3.4", 1.1)


def test_quiet_addresses_are_forgotten() -> None:
    limiter = RateLimiter(PER_MINUTE)
    for number in range(100):
        limiter.allow(f"1.2.3.{number}", 0.0)
    assert len(limiter) == 100
    limiter.allow("5.6.7.8", 10.0)
    assert len(limiter) == 1


def test_the_number_of_addresses_is_bounded() -> None:
    limiter = RateLimiter(PER_MINUTE, most_addresses=50)
    for number in range(10_000):
        limiter.allow(f"1.2.{number >> 8}.{number & 255}", number / 1e6)
        assert len(limiter) <= 50


def test_a_flood_of_addresses_does_not_free_the_latest() -> None:
    limiter = RateLimiter(PER_MINUTE, most_addresses=50)
    spend(limiter, "1.2.3.4", 0.0)
    for number in range(49):
        limiter.allow(f"5.6.7.{number}", 0.0)
    assert not limiter.allow("1.2.3.4", 0.0)
