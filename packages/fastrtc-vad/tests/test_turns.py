import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_vad.options import AlgoOptions, SileroVadOptions
from fastrtc_vad.turns import TRANSITIONS, TurnEvent, TurnMachine

WINDOW = 0.032
ALGO = AlgoOptions()
PLAIN = SileroVadOptions(min_speech_duration_ms=0, min_silence_duration_ms=0, speech_pad_ms=0)

Told = list[tuple[str, int]]


class Rig:
    """A machine, and what it told so far with the window that made it tell."""

    def __init__(
        self,
        algo: AlgoOptions = ALGO,
        speech: SileroVadOptions | None = None,
        release: float = 0.0,
    ) -> None:
        self.machine = TurnMachine(algo, speech, window=WINDOW, release=release)
        self.events: list[TurnEvent] = []
        self.told: Told = []

    def hear(
        self, *runs: tuple[int, float], speaking: bool = False, can_interrupt: bool = True
    ) -> Told:
        """Push runs of windows; return what they led to, with the number of the window."""
        before = len(self.told)
        for length, probability in runs:
            for _ in range(length):
                self.note(
                    self.machine.push(probability, speaking=speaking, can_interrupt=can_interrupt)
                )
        return self.told[before:]

    def hear_loud(self, *runs: tuple[int, float, float]) -> Told:
        """The same, with the power of all frames of each run's windows."""
        before = len(self.told)
        for length, probability, power in runs:
            for _ in range(length):
                self.note(
                    self.machine.push(probability, [power] * 4, speaking=False, can_interrupt=True)
                )
        return self.told[before:]

    def note(self, events: Iterable[TurnEvent]) -> None:
        for event in events:
            self.events.append(event)
            self.told.append((event.kind, round(self.machine.now / WINDOW)))


def test_a_turn_starts_and_ends() -> None:
    rig = Rig(speech=PLAIN)
    assert rig.hear((10, 0), (20, 1), (30, 0)) == [
        ("started_talking", 10 + 6),
        ("pause_detected", 30 + 16),
    ]
    started, pause = rig.events
    assert started.start == pause.start == pytest.approx(10 * WINDOW)
    assert pause.end == pytest.approx(30 * WINDOW)
    assert started.end == pytest.approx(16 * WINDOW)


def test_turns_follow_each_other() -> None:
    rig = Rig()
    kinds = [kind for kind, _ in rig.hear((10, 0), *[(20, 1), (20, 0)] * 3)]
    assert kinds == ["started_talking", "pause_detected"] * 3


def test_nothing_is_told_of_silence() -> None:
    assert Rig().hear((500, 0)) == []


# The delay of a pause


@pytest.mark.parametrize("release", [0.0, 0.02, 0.04, 0.058, 0.1])
def test_a_pause_is_told_half_a_second_after_the_end_of_speech_to_the_nearest_window(
    release: float,
) -> None:
    rig = Rig(release=release)
    rig.hear((10, 0), (40, 1))
    end_of_speech = rig.machine.now - release
    ((_, window),) = rig.hear((30, 0))
    assert abs(window * WINDOW - end_of_speech - 0.5) <= WINDOW / 2 + 1e-9


@pytest.mark.parametrize("gap", range(1, 14))
def test_400_ms_of_silence_in_a_sentence_do_not_end_the_turn(gap: int) -> None:
    rig = Rig(release=0.058)
    rig.hear((10, 0), (20, 1))
    assert rig.hear((gap, 0), (20, 1), (5, 0)) == []


def test_a_short_word_is_a_turn() -> None:
    rig = Rig(release=0.058)
    rig.hear((10, 0), (7, 1), (30, 0))
    assert [kind for kind, _ in rig.told] == ["started_talking", "pause_detected"]


def test_a_turn_of_hardly_any_speech_lasts_as_long_as_the_stretch() -> None:
    rig = Rig(replace(ALGO, started_talking_threshold=0.03), PLAIN)
    assert rig.hear((10, 0), (1, 1), (30, 0)) == [("started_talking", 11), ("pause_detected", 29)]


def test_resumed_speech_may_falter() -> None:
    rig = Rig(release=0.058)
    rig.hear((10, 0), (20, 1), (13, 0))
    assert rig.hear((3, 1), (1, 0), (20, 1)) == []


def test_a_click_after_the_last_word_does_not_start_the_silence_anew() -> None:
    rig = Rig(release=0.058)
    rig.hear((10, 0), (20, 1), (8, 0), (2, 1))
    assert rig.hear((30, 0)) == [("pause_detected", 44)]


def test_a_pause_waits_for_speech_that_seems_to_begin() -> None:
    rig = Rig()
    rig.hear((10, 0), (20, 1), (15, 0))
    assert rig.hear((2, 0.2), (20, 1)) == []


def test_hints_of_speech_put_off_a_pause_only_so_far() -> None:
    rig = Rig()
    rig.hear((10, 0), (20, 1), (15, 0))
    assert rig.hear((20, 0.2)) == [("pause_detected", 30 + 20)]


def test_noise_below_the_threshold_does_not_hold_a_turn() -> None:
    rig = Rig(release=0.058)
    rig.hear((10, 0), (20, 1))
    ((kind, _),) = rig.hear((30, 0.3))
    assert kind == "pause_detected"


# The end of speech by its level

LOUD, FAINT = 0.01, 1e-7


@pytest.mark.parametrize("lag", range(-3, 6))
def test_a_pause_is_told_at_a_constant_time_after_the_last_sound(lag: int) -> None:
    rig = Rig(release=0.058)
    rig.hear_loud((70, 0, FAINT), (30, 1, LOUD))
    fading = [(-lag, 0, LOUD), (30, 0, FAINT)] if lag < 0 else [(lag, 1, FAINT), (30, 0, FAINT)]
    last_sound = 100 + max(0, -lag)
    assert rig.hear_loud(*fading) == [("pause_detected", last_sound + 16)]
    assert rig.events[-1].end == pytest.approx(last_sound * WINDOW + 0.1, abs=0.005)


@pytest.mark.parametrize(("seconds", "window"), [(0.605, 116), (0.615, 117)])
def test_silence_is_waited_for_in_full(seconds: float, window: int) -> None:
    rig = Rig(replace(ALGO, audio_chunk_duration=seconds), release=0.058)  # 16 windows: 0.512 s
    told = rig.hear_loud((70, 0, FAINT), (30, 1, LOUD), (30, 0, FAINT))
    assert told[-1] == ("pause_detected", window)


def test_steady_noise_leaves_the_end_to_the_model() -> None:
    runs = [(70, 0.0), (30, 1.0), (30, 0.0)]
    plain, noisy = Rig(release=0.058), Rig(release=0.058)
    plain.hear(*runs)
    noisy.hear_loud(*[(length, probability, LOUD) for length, probability in runs])
    assert noisy.events == plain.events


def test_sound_after_silence_puts_off_a_pause_before_the_model_hears_it() -> None:
    rig = Rig(release=0.058)
    rig.hear_loud((70, 0, FAINT), (30, 1, LOUD), (15, 0, FAINT))
    assert rig.hear_loud((4, 0, LOUD), (20, 1, LOUD)) == []


def test_sound_that_is_not_speech_puts_off_a_pause_only_so_far() -> None:
    rig = Rig(release=0.058)
    rig.hear_loud((70, 0, FAINT), (30, 1, LOUD), (15, 0, FAINT))
    assert rig.hear_loud((20, 0, LOUD)) == [("pause_detected", 120)]


def test_a_doubtful_model_does_not_put_off_a_pause_in_evident_silence() -> None:
    rig = Rig(release=0.058)
    rig.hear_loud((70, 0, FAINT), (30, 1, LOUD))
    assert rig.hear_loud((30, 0.2, FAINT)) == [("pause_detected", 116)]


@pytest.mark.parametrize("windows", [1, 2])
def test_a_click_in_loud_noise_does_not_start_a_turn(windows: int) -> None:
    rig = Rig(release=0.058)
    rig.hear_loud((70, 0, FAINT), (5, 0.3, LOUD), (windows, 1, LOUD))
    assert rig.hear_loud((6, 0, LOUD), (30, 0, FAINT)) == []


# Interruption


def test_speech_during_a_reply_interrupts_it_at_its_onset() -> None:
    rig = Rig(release=0.058)
    rig.hear((10, 0), speaking=True)
    assert rig.hear((5, 1), speaking=True) == [("interrupted", 13), ("started_talking", 13)]
    assert rig.events[0].start == rig.events[1].start == pytest.approx(10 * WINDOW - 0.1)


def test_an_interruption_is_told_once() -> None:
    rig = Rig()
    rig.hear((10, 0), speaking=True)
    told = rig.hear((60, 1), speaking=True)
    assert [kind for kind, _ in told] == ["interrupted", "started_talking"]


@pytest.mark.parametrize("windows", [1, 2])
@pytest.mark.parametrize("speaking", [True, False])
def test_a_click_of_64_ms_neither_interrupts_nor_starts_a_turn(
    windows: int, speaking: bool
) -> None:
    rig = Rig(release=0.058)
    assert rig.hear((10, 0), *[(windows, 1), (12, 0)] * 20, speaking=speaking) == []


def test_what_may_be_lingering_after_a_click_does_not_interrupt() -> None:
    rig = Rig(release=0.058)
    assert rig.hear((10, 0), (2, 0.98), (1, 0.8), (1, 0.5), (30, 0), speaking=True) == []


def test_doubtful_speech_that_goes_on_interrupts_too() -> None:
    rig = Rig(release=0.058)
    assert rig.hear((10, 0), (10, 0.8), speaking=True)[0] == ("interrupted", 15)


def test_the_audio_of_an_interruption_is_kept_though_it_was_too_short_to_be_speech() -> None:
    rig = Rig(speech=replace(PLAIN, min_speech_duration_ms=250))
    told = rig.hear((10, 0), (5, 1), speaking=True) + rig.hear((30, 0))
    assert [kind for kind, _ in told] == ["interrupted", "started_talking", "pause_detected"]
    assert rig.events[-1].end >= 15 * WINDOW


def test_broken_speech_interrupts_when_it_would_start_a_turn() -> None:
    rig = Rig(speech=PLAIN)
    told = rig.hear((10, 0), *[(2, 1), (1, 0)] * 5, speaking=True)
    assert told[:2] == [("interrupted", 18), ("started_talking", 18)]


def test_a_reply_that_begins_while_the_person_talks_is_interrupted() -> None:
    rig = Rig()
    rig.hear((10, 0), (20, 1))
    assert rig.hear((5, 1), speaking=True) == [("interrupted", 31)]
    assert rig.machine.state == "talking"


def test_each_reply_can_be_interrupted() -> None:
    rig = Rig()
    rig.hear((10, 0), speaking=True)
    for _ in range(3):
        told = rig.hear((10, 1), speaking=True) + rig.hear((30, 0), speaking=False)
        assert [kind for kind, _ in told] == ["interrupted", "started_talking", "pause_detected"]


def test_speech_just_before_a_reply_does_not_interrupt_it() -> None:
    rig = Rig()
    rig.hear((10, 0), (20, 1), (16, 0))
    assert rig.events[-1].kind == "pause_detected"
    assert rig.hear((30, 0), speaking=True) == []


# Replies that must not be interrupted


def test_speech_during_a_protected_reply_is_ignored() -> None:
    rig = Rig(speech=PLAIN)
    rig.hear((10, 0))
    assert rig.hear((40, 1), (40, 0), speaking=True, can_interrupt=False) == []
    assert rig.machine.state == "held"
    assert rig.hear((40, 0)) == []
    assert rig.machine.trigger()[0].start == pytest.approx(rig.machine.now)


def test_speech_that_outlasts_a_protected_reply_starts_a_turn_normally() -> None:
    rig = Rig(speech=PLAIN)
    rig.hear((40, 1), speaking=True, can_interrupt=False)
    assert rig.hear((20, 1), (30, 0)) == [("started_talking", 47), ("pause_detected", 76)]
    assert rig.events[0].start == pytest.approx(41 * WINDOW)  # the window that told of its end


def test_a_turn_begun_before_a_protected_reply_runs_to_its_end() -> None:
    rig = Rig()
    rig.hear((10, 0), (10, 1))
    told = rig.hear((10, 1), (30, 0), speaking=True, can_interrupt=False)
    assert [kind for kind, _ in told] == ["pause_detected"]


# By hand, and limits


def test_trigger_ends_the_turn_at_once() -> None:
    rig = Rig(speech=PLAIN)
    rig.hear((10, 0), (20, 1))
    (event,) = rig.machine.trigger()
    assert event == TurnEvent("pause_detected", 10 * WINDOW, 30 * WINDOW)
    assert rig.hear((30, 0)) == []


def test_trigger_takes_speech_too_short_for_a_turn() -> None:
    rig = Rig(speech=PLAIN)
    rig.hear((10, 0), (4, 1))
    assert rig.machine.trigger() == (TurnEvent("pause_detected", 10 * WINDOW, 14 * WINDOW),)


def test_trigger_after_nothing_was_said_gives_an_empty_turn() -> None:
    rig = Rig(speech=PLAIN)
    rig.hear((10, 0))
    assert rig.machine.trigger() == (TurnEvent("pause_detected", 10 * WINDOW, 10 * WINDOW),)


def test_trigger_works_while_a_protected_reply_plays() -> None:
    rig = Rig()
    rig.hear((10, 0), speaking=True, can_interrupt=False)
    assert [event.kind for event in rig.machine.trigger()] == ["pause_detected"]
    assert rig.machine.state == "held"


def test_reset_forgets_the_turn_but_not_the_time() -> None:
    rig = Rig()
    rig.hear((10, 0), (20, 1))
    rig.machine.reset()
    assert rig.machine.state == "listening"
    assert rig.machine.now == pytest.approx(30 * WINDOW)
    assert rig.hear((5, 1), (30, 0)) == []


def test_a_turn_that_reaches_the_limit_ends_and_the_next_starts_fresh() -> None:
    rig = Rig(replace(ALGO, max_continuous_speech_s=1.6))
    told = rig.hear((10, 0), (100, 1))
    assert told == [
        ("started_talking", 16),
        ("pause_detected", 60),
        ("started_talking", 66),
        ("pause_detected", 110),
    ]
    assert rig.events[2].start == rig.events[1].end == pytest.approx(60 * WINDOW)


# Every option matters


@pytest.mark.parametrize(("seconds", "window"), [(0.6, 46), (0.8, 52), (1.0, 58)])
def test_audio_chunk_duration_moves_the_pause(seconds: float, window: int) -> None:
    rig = Rig(replace(ALGO, audio_chunk_duration=seconds), PLAIN)
    assert rig.hear((10, 0), (20, 1), (40, 0))[-1] == ("pause_detected", window)


@pytest.mark.parametrize(("seconds", "window"), [(0.0, 11), (0.1, 13), (0.2, 16), (0.45, 24)])
def test_started_talking_threshold_moves_the_start(seconds: float, window: int) -> None:
    rig = Rig(replace(ALGO, started_talking_threshold=seconds), PLAIN)
    assert rig.hear((10, 0), (20, 1))[0] == ("started_talking", window)


@pytest.mark.parametrize(("seconds", "window"), [(0.0, 49), (0.1, 46), (0.3, 39)])
def test_speech_threshold_moves_the_pause(seconds: float, window: int) -> None:
    rig = Rig(replace(ALGO, speech_threshold=seconds), PLAIN)
    assert rig.hear((10, 0), (20, 1), (40, 0))[-1] == ("pause_detected", window)


@pytest.mark.parametrize(("seconds", "window"), [(0.0, 11), (0.1, 13), (0.15, 15)])
def test_interrupt_threshold_moves_the_interruption(seconds: float, window: int) -> None:
    rig = Rig(replace(ALGO, interrupt_threshold=seconds), PLAIN)
    assert rig.hear((10, 0), (20, 1), speaking=True)[0] == ("interrupted", window)


@pytest.mark.parametrize(("threshold", "turns"), [(0.5, 1), (0.7, 0)])
def test_threshold(threshold: float, turns: int) -> None:
    rig = Rig(speech=replace(PLAIN, threshold=threshold))
    assert len(rig.hear((10, 0), (20, 0.6))) == turns


@pytest.mark.parametrize(("milliseconds", "turns"), [(64, 1), (250, 0)])
def test_min_speech_duration_drops_short_sounds(milliseconds: float, turns: int) -> None:
    rig = Rig(speech=replace(PLAIN, min_speech_duration_ms=milliseconds))
    assert len(rig.hear((10, 0), (4, 1), (3, 0), (4, 1), (1, 0))) == turns


@pytest.mark.parametrize(("milliseconds", "turns"), [(32, 0), (150, 1)])
def test_min_silence_duration_joins_what_is_closer(milliseconds: float, turns: int) -> None:
    options = replace(PLAIN, min_silence_duration_ms=milliseconds)
    rig = Rig(replace(ALGO, started_talking_threshold=0.4), options)
    assert len(rig.hear((10, 0), *[(3, 1), (2, 0)] * 3)) == turns


@pytest.mark.parametrize(("milliseconds", "window"), [(100, 46), (960, 60)])
def test_min_silence_duration_is_the_least_that_ends_a_turn(
    milliseconds: float, window: int
) -> None:
    rig = Rig(speech=replace(PLAIN, min_silence_duration_ms=milliseconds))
    assert rig.hear((10, 0), (20, 1), (40, 0))[-1] == ("pause_detected", window)


@pytest.mark.parametrize(("seconds", "window"), [(math.inf, 80), (0.96, 40)])
def test_max_speech_duration_ends_a_turn_without_silences(seconds: float, window: int) -> None:
    algo = replace(ALGO, max_continuous_speech_s=70 * WINDOW)
    rig = Rig(algo, replace(PLAIN, max_speech_duration_s=seconds))
    assert rig.hear((10, 0), (80, 1))[1] == ("pause_detected", window)


@pytest.mark.parametrize("pad", [0, 64, 200])
def test_padding_moves_what_is_handed_over_and_no_decision(pad: float) -> None:
    rig = Rig(speech=replace(PLAIN, speech_pad_ms=pad))
    assert rig.hear((10, 0), (20, 1), (40, 0)) == [("started_talking", 16), ("pause_detected", 46)]
    for event in rig.events:
        assert event.start == pytest.approx(10 * WINDOW - pad / 1000)
    assert rig.events[1].end == pytest.approx(30 * WINDOW + pad / 1000)


# Whatever comes

PUSHES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.04, 0.3, 0.6, 0.99, 1.0]), st.booleans(), st.integers(1, 20)),
    max_size=40,
)


@given(PUSHES, st.booleans(), st.sampled_from([0.0, 0.058]))
def test_turns_alternate_in_order_and_stay_within_the_limit(
    pushes: list[tuple[float, bool, int]], can_interrupt: bool, release: float
) -> None:
    rig = Rig(replace(ALGO, max_continuous_speech_s=2.0), release=release)
    for probability, speaking, length in pushes:
        rig.hear((length, probability), speaking=speaking, can_interrupt=can_interrupt)
    turns = [event for event in rig.events if event.kind != "interrupted"]
    kinds = [event.kind for event in turns]
    assert kinds == (["started_talking", "pause_detected"] * len(kinds))[: len(kinds)]
    ends = [event for event in turns if event.kind == "pause_detected"]
    for event in rig.events:
        assert 0 <= event.start <= event.end <= rig.machine.now
    for event in ends:
        assert event.end - event.start <= 2.0 + 0.1 + WINDOW
    for earlier, later in pairwise(ends):
        assert earlier.end <= later.start
    assert can_interrupt or len(turns) == len(rig.events)


@given(PUSHES)
def test_a_start_lies_no_further_back_than_promised(pushes: list[tuple[float, bool, int]]) -> None:
    rig = Rig(release=0.058)
    for probability, speaking, length in pushes:
        rig.hear((length, probability), speaking=speaking)
    for event in rig.events:
        if event.kind == "started_talking":
            assert event.end - event.start <= rig.machine.lookback + 1e-9


def test_every_state_is_left_and_reached() -> None:
    reached = {state for rows in TRANSITIONS.values() for state, _ in rows.values()}
    assert reached == set(TRANSITIONS)
