import math
import re
import warnings
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from fastrtc_vad.options import AlgoOptions, SileroVadOptions


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", 0.0),
        ("threshold", 1.0),
        ("threshold", math.nan),
        ("min_speech_duration_ms", -1),
        ("min_speech_duration_ms", math.inf),
        ("max_speech_duration_s", 0),
        ("max_speech_duration_s", math.nan),
        ("min_silence_duration_ms", -1),
        ("window_size_samples", 256),
        ("speech_pad_ms", -30),
    ],
)
def test_a_silero_option_out_of_range_is_named_with_its_value(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"SileroVadOptions.{field} must be")) as raised:
        replace(SileroVadOptions(), **{field: value})
    assert str(raised.value).endswith(f"not {value!r}")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("audio_chunk_duration", 0),
        ("audio_chunk_duration", math.inf),
        ("started_talking_threshold", -0.1),
        ("started_talking_threshold", 0.6),
        ("speech_threshold", 0.7),
        ("max_continuous_speech_s", 0),
        ("max_continuous_speech_s", math.inf),
        ("interrupt_threshold", -0.1),
        ("pre_roll", -0.5),
        ("pre_roll", math.nan),
    ],
)
def test_an_algo_option_out_of_range_is_named_with_its_value(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"AlgoOptions.{field} must be")) as raised:
        replace(AlgoOptions(), **{field: value})
    assert str(raised.value).endswith(f"not {value!r}")


def test_the_documented_defaults() -> None:
    algo = AlgoOptions()
    assert algo.audio_chunk_duration == 0.6
    assert algo.started_talking_threshold == 0.2
    assert algo.speech_threshold == 0.1
    assert SileroVadOptions().threshold == 0.5


def test_the_documented_example_is_accepted() -> None:
    options = SileroVadOptions(
        threshold=0.5, min_speech_duration_ms=250, min_silence_duration_ms=100
    )
    assert options.min_speech_duration_ms == 250


def test_options_do_not_change_under_a_running_session() -> None:
    with pytest.raises(FrozenInstanceError):
        AlgoOptions().pre_roll = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("samples", [1024, 1536])
def test_the_windows_of_older_models_are_read_as_512_and_say_so(samples: int) -> None:
    with pytest.warns(DeprecationWarning, match="read as 512") as caught:
        SileroVadOptions(window_size_samples=samples)
    assert caught[0].filename == __file__


def test_a_window_of_512_is_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SileroVadOptions(window_size_samples=512)
