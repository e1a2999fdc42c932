import shutil

import numpy as np
import pytest
from benchmarks import corpus
from benchmarks.settings import RATE

pytestmark = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng makes the speech"
)


def test_bounds_follow_the_energy() -> None:
    audio = np.zeros(RATE, np.float32)
    audio[6000:12_000] = 0.5
    audio[18_000:18_240] = 0.5 * 10 ** (-40 / 20)
    assert corpus.speech_bounds(audio) == (6000, 12_000)


def test_speech_is_the_same_every_time() -> None:
    corpus.spoken.cache_clear()
    first = corpus.fluent(2)
    corpus.spoken.cache_clear()
    for one, two in zip(first, corpus.fluent(2), strict=True):
        np.testing.assert_array_equal(one.audio, two.audio)


def test_fluent_turns_last_one_to_four_seconds() -> None:
    assert all(1 <= clip.seconds <= 4 for clip in corpus.fluent(20))


def test_pauses_have_their_length() -> None:
    clips = corpus.paused(5)
    assert [clip.pause for clip in clips] == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    for clip in clips:
        silent = np.flatnonzero(clip.audio == 0)
        longest = max(len(run) for run in np.split(silent, np.flatnonzero(np.diff(silent) > 1) + 1))
        assert longest / RATE == pytest.approx(clip.pause, abs=0.02)
