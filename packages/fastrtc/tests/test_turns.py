import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc.player import Piece
from fastrtc.turns import Span, Turn, Turns, is_stage, speech_spans
from fastrtc_core.messages import LogEvent

RATE = 1000
SPEECH = [Span(0.5, 3.0), Span(3.8, 4.6)]


def piece(start: float, duration: float) -> Piece:
    return Piece(round(start * RATE), np.zeros(round(duration * RATE), np.int16))


def told(turns: Turns, *stages: tuple[LogEvent, float]) -> Turns:
    for stage, now in stages:
        turns.note(stage, now)
    return turns


def answered() -> Turns:
    turns = Turns(SPEECH, RATE)
    told(turns, ("started_talking", 0.8), ("pause_detected", 3.51), ("response_starting", 3.55))
    turns.hear(piece(3.56, 2.5))
    turns.hear(piece(6.06, 0.4))
    return turns


def test_a_turn_reads_as_a_line() -> None:
    turns = told(answered(), ("response_finished", 6.5))
    (turn,) = turns.seen()
    assert str(turn) == (
        "turn 1   spoke 0.50-3.00 s   pause detected 3.51   "
        "reply from 3.56 s (0.56 s after you stopped), 2.9 s long"
    )
    assert turns.settled


def test_an_interruption_ends_one_turn_and_begins_the_next() -> None:
    turns = told(answered(), ("interrupted", 4.0), ("started_talking", 4.01))
    assert not turns.settled
    turns = told(turns, ("pause_detected", 5.1))
    turns.hear(piece(5.2, 1.0))
    first, second = turns.seen()
    assert str(first).endswith("2.9 s long, interrupted at 4.00")
    assert second.spoke == SPEECH[1]
    assert second.delay == pytest.approx(0.6)
    assert second.reply_seconds == 1.0


def test_what_was_cleared_of_a_reply_does_not_count() -> None:
    turns = Turns(SPEECH, RATE)
    told(turns, ("started_talking", 0.8), ("pause_detected", 3.51))
    late = piece(3.7, 1.0)
    turns.hear(late)
    late.samples = late.samples[:0]
    (turn,) = turns.seen()
    assert str(turn).endswith("no reply")
    assert turn.delay is None


def test_sound_while_somebody_speaks_belongs_to_the_turn_before() -> None:
    turns = told(answered(), ("started_talking", 7.0))
    assert turns.hear(piece(7.1, 0.5))
    first, second = turns.seen()
    assert first.reply_seconds == pytest.approx(3.4)
    assert second.reply_seconds == 0


def test_sound_without_a_turn_belongs_to_none() -> None:
    turns = Turns(SPEECH, RATE)
    assert not turns.hear(piece(0.1, 1.0))
    assert not told(turns, ("started_talking", 0.8)).hear(piece(0.9, 1.0))
    assert turns.seen()[0].reply_start is None


def test_replies_in_a_row_are_turns_without_speech() -> None:
    stages: list[tuple[LogEvent, float]] = [("response_starting", 1.0), ("response_finished", 2.0)]
    turns = told(Turns([], RATE), *stages, *stages)
    assert [turn.number for turn in turns.seen()] == [1, 2]
    assert turns.seen()[1].spoke is None


@pytest.mark.parametrize(
    ("started", "pause", "spoke"),
    [
        (0.8, 3.51, Span(0.5, 3.0)),
        (0.8, 5.1, Span(0.5, 4.6)),  # the first pause was too short to end the turn
        (4.1, 5.1, Span(3.8, 4.6)),
        (0.8, 2.0, Span(0.5, 2.0)),  # a limit ended the turn in mid-speech
        (0.8, 0.4, None),
    ],
)
def test_the_speech_of_a_turn(started: float, pause: float, spoke: Span | None) -> None:
    turns = Turns(SPEECH, RATE)
    told(turns, ("started_talking", started), ("pause_detected", pause))
    assert turns.seen()[0].spoke == spoke


def test_other_log_messages_are_no_stages() -> None:
    assert is_stage("started_talking")
    assert not any(is_stage(data) for data in ("hello", None, [], {"started_talking": 1}))


def levels(*parts: tuple[float, float]) -> NDArray[np.int16]:
    """Return noise of these durations and levels in dBFS."""
    rng = np.random.default_rng(1)
    noise = [rng.uniform(-1, 1, round(16000 * s)) * 10 ** (db / 20) for s, db in parts]
    return np.rint(np.concatenate(noise) * 32767).astype(np.int16)


def test_speech_is_what_is_loud() -> None:
    samples = levels((0.5, -70), (1.0, -20), (0.2, -70), (0.3, -40), (0.5, -70), (0.4, -30))
    found = speech_spans(samples, 16000)
    assert [(span.start, span.end) for span in found] == [
        pytest.approx((0.5, 2.0)),
        pytest.approx((2.5, 2.9)),
    ]


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), levels((1.0, -65))], ids=len)
def test_silence_is_no_speech(samples: NDArray[np.int16]) -> None:
    assert speech_spans(samples, 16000) == []


def test_a_turn_without_anything() -> None:
    assert str(Turn(3, None, 0.1, None, None, None, None, None, 0.0)) == "turn 3   no reply"
