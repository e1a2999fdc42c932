import numpy as np
import pytest

from fastrtc_core import StreamingPauseDetectionModel
from fastrtc_core.testing import ScriptedModel, sound_of

WINDOW = 512 / 16000
NO_SOUND = np.zeros((1, 512), dtype=np.float32)


def heard(model: ScriptedModel, windows: int) -> list[bool]:
    state = model.new_state()
    return [bool(model.infer(NO_SOUND, [state])[0] > 0.5) for _ in range(windows)]


def test_it_is_a_model() -> None:
    assert isinstance(ScriptedModel(), StreamingPauseDetectionModel)


def test_it_hears_speech_where_the_script_says() -> None:
    said = heard(ScriptedModel([(10 * WINDOW, 20 * WINDOW), (25 * WINDOW, 26 * WINDOW)]), 30)
    assert [i for i, speech in enumerate(said) if speech] == [*range(10, 20), 25]


def test_the_release_prolongs_speech() -> None:
    model = ScriptedModel([(0, 2 * WINDOW)], release=3 * WINDOW)
    assert heard(model, 7) == [True] * 5 + [False] * 2
    assert model.release == 3 * WINDOW


def test_probabilities_are_given_one_by_one() -> None:
    model = ScriptedModel(probabilities=[0.1, 0.7])
    state = model.new_state()
    given = [model.infer(NO_SOUND, [state])[0] for _ in range(3)]
    assert given == pytest.approx([0.1, 0.7, 0.02])


def test_streams_do_not_share_their_place() -> None:
    model = ScriptedModel(probabilities=[0.1, 0.7, 0.3])
    first, second = model.new_state(), model.new_state()
    model.infer(NO_SOUND, [first])
    both = model.infer(np.zeros((2, 512), dtype=np.float32), [first, second])
    assert both == pytest.approx([0.7, 0.1])
    assert both.dtype == np.float32


@pytest.mark.parametrize("speech", [[(2.0, 1.0)], [(-1.0, 1.0)]])
def test_a_wrong_script_is_refused(speech: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="speech from"):
        ScriptedModel(speech)


def test_a_wrong_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        ScriptedModel(probabilities=[1.5])


def test_the_sound_matches_the_script() -> None:
    sound = sound_of([(0.5, 1.0)], duration=2.0, rate=8000)
    assert sound.shape == (16000,)
    assert np.flatnonzero(sound)[0] == pytest.approx(4000, abs=2)
    assert np.flatnonzero(sound)[-1] == pytest.approx(8000, abs=2)


def test_the_sound_ends_with_the_script() -> None:
    assert sound_of([(0.5, 1.0)], rate=8000).shape == (8000,)
