import numpy as np
import pytest

from fastrtc_core.testing import ScriptedModel, sound_of
from fastrtc_vad import AlgoOptions, SileroVadOptions
from fastrtc_vad.listening import Listener
from fastrtc_vad.turns import TurnEvent

RATE = 24_000
SPEECH = [(2.0, 3.0)]
LENGTH = 5.0
EXACT = 0.015  # a frame and a half: the tone rings for a few samples when it is resampled


def listener(model: ScriptedModel, *, pre_roll: float = 0.3, channels: int = 1) -> Listener:
    return Listener(model, AlgoOptions(pre_roll=pre_roll), SileroVadOptions(), RATE, channels)


def conversation(
    listener: Listener, model: ScriptedModel, *, frame: float = 0.02, channels: int = 1
) -> list[tuple[TurnEvent, float]]:
    """What one turn of a tone leads to, and when, in seconds of the stream."""
    sound = np.tile(sound_of(SPEECH, LENGTH, RATE), (channels, 1))
    told: list[tuple[TurnEvent, float]] = []
    for start in range(0, sound.shape[1], round(frame * RATE)):
        for window in listener.take(sound[:, start : start + round(frame * RATE)]):
            (heard,) = model.infer(window[np.newaxis], [listener.state])
            events = listener.judge(float(heard), speaking=False, can_interrupt=True)
            told.extend((event, listener.now) for event in events)
    return told


@pytest.mark.parametrize("lag", [-0.06, 0.0, 0.058, 0.15])
def test_a_pause_is_told_half_a_second_after_the_sound_whenever_the_model_lets_go(
    lag: float,
) -> None:
    model = ScriptedModel([(2.0, 3.0 + lag)], release=0.058)
    _, (pause, time) = conversation(listener(model), model)
    assert 0.5 <= time - 3.0 <= 0.5 + EXACT + 0.032
    assert pause.end == pytest.approx(3.1, abs=EXACT)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frame", [0.001, 0.02, 0.1, LENGTH])
def test_frames_may_be_of_any_length(frame: float, channels: int) -> None:
    model = ScriptedModel(SPEECH)
    told = conversation(listener(model, channels=channels), model, frame=frame, channels=channels)
    assert told == conversation(listener(model), model)


@pytest.mark.parametrize(("rate", "samples"), [(16_000, 256), (16_000, 480), (8_000, 256)])
def test_the_model_chooses_rate_and_window(rate: int, samples: int) -> None:
    model = ScriptedModel(SPEECH, sample_rate=rate, window_samples=samples)
    _, (pause, time) = conversation(listener(model), model)
    assert pause.end == pytest.approx(3.1, abs=EXACT)
    assert 0.495 <= time - 3.0 <= 0.5 + EXACT + samples / rate


@pytest.mark.parametrize("pre_roll", [0.0, 0.3, 0.5])
def test_a_turn_is_its_speech_with_a_pre_roll_and_a_tail(pre_roll: float) -> None:
    model = ScriptedModel(SPEECH)
    listening = listener(model, pre_roll=pre_roll)
    _, (pause, _) = conversation(listening, model)
    (turn,) = listening.turn(pause)
    tone = np.flatnonzero(np.abs(turn) > 500) / RATE
    assert tone[0] == pytest.approx(pre_roll + 0.1, abs=0.035)
    assert tone[-1] - tone[0] == pytest.approx(1.0, abs=0.01)
    assert len(turn) / RATE - tone[-1] == pytest.approx(0.2, abs=EXACT)
    assert listening.turn(pause).size == 0


def half_way(model: ScriptedModel) -> Listener:
    """A listener to whom half of the turn has been said."""
    listening = listener(model)
    for window in listening.take(sound_of(SPEECH, 2.5, RATE)[np.newaxis]):
        (heard,) = model.infer(window[np.newaxis], [listening.state])
        list(listening.judge(float(heard), speaking=False, can_interrupt=True))
    return listening


def test_talking_tells_whether_a_turn_goes_on() -> None:
    model = ScriptedModel(SPEECH)
    assert half_way(model).talking
    listening = listener(model)
    conversation(listening, model)
    assert not listening.talking


def test_a_turn_ended_by_hand_is_what_was_said_so_far() -> None:
    listening = half_way(ScriptedModel(SPEECH))
    (pause,) = listening.trigger()
    assert not listening.talking
    assert listening.turn(pause).shape[1] / RATE == pytest.approx(0.9, abs=0.04)


def test_what_was_said_before_a_reset_is_forgotten() -> None:
    listening = half_way(ScriptedModel(SPEECH))
    listening.reset()
    assert not listening.talking
    (pause,) = listening.trigger()
    assert pause.start == pause.end == listening.now
