import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_core.playout import Playout


def test_sound_may_run_ahead_by_the_lead() -> None:
    playout = Playout(lead=0.2)
    assert playout.delay(now=10.0) == 0.0
    playout.push(0.2, now=10.0)
    assert playout.delay(now=10.0) == 0.0
    playout.push(0.1, now=10.0)
    assert playout.delay(now=10.0) == pytest.approx(0.1)
    assert playout.delay(now=10.1) == pytest.approx(0.0)


def test_one_second_is_heard_a_second() -> None:
    playout = Playout(lead=0.2)
    playout.push(1.0, now=5.0)
    assert playout.played(now=5.4) == pytest.approx(0.4)
    assert playout.pending(now=5.4) == pytest.approx(0.6)
    assert playout.played(now=9.0) == 1.0
    assert playout.pending(now=9.0) == 0.0


def test_nothing_is_heard_in_a_gap() -> None:
    playout = Playout(lead=0.2)
    playout.push(1.0, now=0.0)
    playout.push(1.0, now=10.0)
    assert playout.played(now=10.5) == pytest.approx(1.5)


def test_what_is_flushed_does_not_count() -> None:
    playout = Playout(lead=0.2)
    playout.push(1.0, now=0.0)
    assert playout.flush(now=0.25) == pytest.approx(0.75)
    assert (playout.sent, playout.pending(0.25), playout.delay(0.25)) == (0.25, 0.0, 0.0)
    assert playout.played(now=99.0) == 0.25
    assert playout.flush(now=99.0) == 0.0


def test_the_peer_knows_better() -> None:
    playout = Playout(lead=0.2)
    playout.push(1.0, now=0.0)
    playout.acknowledge(0.3, now=0.5)
    assert playout.played(now=0.5) == pytest.approx(0.3)
    assert playout.played(now=1.0) == pytest.approx(0.8)


@pytest.mark.parametrize("position", [-0.1, 1.1])
def test_impossible_reports_change_nothing(position: float) -> None:
    playout = Playout(lead=0.2)
    playout.push(1.0, now=0.0)
    playout.acknowledge(position, now=0.5)
    assert playout.played(now=0.5) == pytest.approx(0.5)


steps = st.lists(
    st.tuples(
        st.sampled_from(["push", "flush", "acknowledge"]),
        st.floats(0.001, 3.0),
        st.floats(0.0, 2.0),
    ),
    max_size=40,
)


@given(steps)
def test_played_and_pending_always_make_up_what_was_sent(
    steps: list[tuple[str, float, float]],
) -> None:
    playout = Playout(lead=0.2)
    now = 0.0
    for kind, amount, wait in steps:
        now += wait
        getattr(playout, kind)(*(() if kind == "flush" else (amount,)), now)
        pending, played = playout.pending(now), playout.played(now)
        assert pending >= 0
        assert played >= 0
        assert pending + played == pytest.approx(playout.sent, abs=1e-6)
        assert playout.delay(now) <= pending
