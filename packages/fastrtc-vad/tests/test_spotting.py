from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.speech import STTCapabilities, Transcript, Word
from fastrtc_vad.spotting import Spotter, WarmUp
from fastrtc_vad.stop_words import StopWords

RATE = 16000
FRAME = np.full((1, RATE // 50), 5000, np.int16)
SILENCE = np.zeros((1, RATE // 50), np.int16)


class Script:
    """An engine whose results are written down: for each frame, then for the end."""

    sample_rate = RATE
    capabilities = STTCapabilities(streaming=True, partials=True)

    def __init__(self, frames: dict[int, Transcript], end: Sequence[Transcript] = ()) -> None:
        self.frames, self.end = frames, end
        self.pushed = self.opened = self.closed = 0

    def stream(self) -> "Script":
        self.opened += 1
        self.pushed = 0
        return self

    def push(self, samples: NDArray[np.float32]) -> Sequence[Transcript]:
        if not samples.size:
            return ()
        self.pushed += 1
        return [self.frames[self.pushed]] if self.pushed in self.frames else []

    def finish(self) -> Sequence[Transcript]:
        self.pushed = 0
        return self.end

    def close(self) -> None:
        self.closed += 1


def partial(text: str) -> Transcript:
    return Transcript(text, final=False)


def noticed(engine: Script, frames: int) -> int | None:
    """After how many frames the stop word is noticed."""
    spotter = Spotter(engine, StopWords(["computer"]).find_in, RATE)
    return next((n for n in range(1, frames + 1) if spotter.push(FRAME) is not None), None)


def test_a_partial_result_counts_when_it_was_kept_for_a_tenth_of_a_second() -> None:
    assert noticed(Script({10: partial("computer")}), 40) == 15
    assert noticed(Script({10: partial("computer"), 12: partial("computer what")}), 40) == 15


def test_a_partial_result_that_is_taken_back_does_not_count() -> None:
    engine = Script({10: partial("computer"), 13: partial("commuter"), 20: partial("computer")})
    assert noticed(engine, 24) is None
    assert noticed(engine, 40) == 25


def test_a_final_result_counts_at_once() -> None:
    assert noticed(Script({10: Transcript("computer")}), 40) == 10


def test_a_phrase_may_reach_over_two_results() -> None:
    engine = Script({5: Transcript("ok"), 9: Transcript("computer")})
    spotter = Spotter(engine, StopWords(["ok computer"]).find_in, RATE)
    assert [n for n in range(1, 20) if spotter.push(FRAME) is not None] == [9]


def test_what_follows_is_known_at_the_end() -> None:
    words = (Word("computer", 0.1, 0.5), Word("go", 0.6, 0.8))
    engine = Script({3: partial("computer")}, [Transcript("computer go", words=words)])
    spotter = Spotter(engine, StopWords(["computer"]).find_in, RATE)
    for _ in range(20):
        spotter.push(FRAME)
    assert spotter.found is not None
    assert spotter.found.rest == ""
    found = spotter.finish()
    assert found is not None
    assert (found.rest, found.end) == ("go", 0.5)
    assert spotter.found is None


def test_silence_before_the_turn_is_not_heard_and_counts_in_its_places() -> None:
    engine = Script({}, [Transcript("computer", words=(Word("computer", 0.1, 0.5),))])
    spotter = Spotter(engine, StopWords(["computer"]).find_in, RATE)
    for _ in range(50):
        spotter.push(SILENCE)
    assert engine.opened == 0
    spotter.push(FRAME)
    found = spotter.finish()
    assert found is not None
    assert found.end == pytest.approx(1.5)


def test_a_turn_of_silence_needs_no_engine() -> None:
    engine = Script({}, [Transcript("computer")])
    spotter = Spotter(engine, StopWords(["computer"]).find_in, RATE)
    spotter.push(SILENCE)
    assert spotter.finish() is None
    assert engine.opened == 0


def test_turns_do_not_know_each_other() -> None:
    engine = Script({2: Transcript("computer")})
    spotter = Spotter(engine, StopWords(["computer"]).find_in, RATE)
    for _ in range(3):
        spotter.push(FRAME)
    assert spotter.finish() is not None
    engine.frames = {}
    spotter.push(FRAME)
    assert spotter.finish() is None
    assert engine.opened == 1


def test_a_discarded_stream_is_closed_and_another_one_opened() -> None:
    engine = Script({1: Transcript("computer")})
    spotter = Spotter(engine, StopWords(["computer"]).find_in, RATE)
    spotter.push(FRAME)
    spotter.discard()
    assert (spotter.found, engine.closed) == (None, 1)
    spotter.push(FRAME)
    assert engine.opened == 2
    spotter.close()
    spotter.close()


def test_a_model_is_warmed_up_once() -> None:
    class Model:
        calls = 0

        def warmup(self) -> None:
            self.calls += 1

    model = Model()
    warm_up = WarmUp(model)
    warm_up()
    warm_up()
    assert model.calls == 1
    WarmUp(object())()
