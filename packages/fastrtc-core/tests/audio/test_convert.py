from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_core.audio.convert import (
    Layout,
    audio_to_float32,
    audio_to_int16,
    to_float32,
    to_int16,
    to_layout,
)

ALL_SAMPLES = np.arange(1 << 16, dtype=np.uint16).view(np.int16)


def test_every_int16_survives_float32() -> None:
    floats = to_float32(ALL_SAMPLES)
    assert floats.dtype == np.float32
    assert floats.min() == -1.0
    assert floats.max() < 1.0
    np.testing.assert_array_equal(to_int16(floats), ALL_SAMPLES)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (0.0, 0),
        (0.5, 16384),
        (1.0, 32767),
        (1.0005, 32767),
        (1.5, 32767),
        (1e30, 32767),
        (-1.0, -32768),
        (-1.5, -32768),
        (0.6 / 32768, 1),
        (-0.6 / 32768, -1),
        (0.4 / 32768, 0),
    ],
)
def test_floats_round_and_saturate(kind: type[Any], sample: float, expected: int) -> None:
    assert to_int16(np.array([sample], kind)).tolist() == [expected]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_the_largest_floats_saturate_too(kind: type[np.floating[Any]]) -> None:
    largest = np.finfo(kind).max
    assert to_int16(np.array([largest, -largest], kind)).tolist() == [32767, -32768]


def test_int32_is_scaled() -> None:
    samples = np.array([0, 1 << 30, (1 << 31) - 1, -(1 << 31)], np.int32)
    assert to_int16(samples).tolist() == [0, 16384, 32767, -32768]
    assert to_float32(samples).tolist() == [0.0, 0.5, 1.0, -1.0]


@given(st.lists(st.floats(-4, 4, width=32), max_size=50))
def test_the_nearest_int16_is_taken(values: list[float]) -> None:
    samples = np.array(values, np.float32)
    nearest = np.clip(samples.astype(np.float64) * 32768, -32768, 32767)
    assert np.abs(to_int16(samples) - nearest).max(initial=0) <= 0.5


@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3), (2, 3, 4)])
def test_shapes_are_kept(shape: tuple[int, ...]) -> None:
    assert to_int16(np.zeros(shape)).shape == shape
    assert to_float32(np.zeros(shape, np.int16)).shape == shape


def test_what_is_right_already_is_not_copied() -> None:
    integers, floats = np.zeros(3, np.int16), np.zeros(3, np.float32)
    assert to_int16(integers) is integers
    assert to_float32(floats) is floats


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_without_a_value_are_counted_and_shown(bad: float) -> None:
    samples = np.zeros((2, 100), np.float32)
    samples[1, 7:9] = bad
    with pytest.raises(ValueError, match=r"2 of 200 samples .* first at index \(1, 7\)"):
        to_int16(samples)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.complex64, np.bool_])
def test_other_dtypes_are_named(kind: type[Any]) -> None:
    for convert in (to_int16, to_float32):
        with pytest.raises(TypeError, match=np.dtype(kind).name):
            convert(np.zeros(3, kind))


def test_documented_names_take_tuples_and_arrays() -> None:
    samples = np.array([0.5, -0.5])
    for audio in (samples, (16000, samples)):
        assert audio_to_int16(audio).tolist() == [16384, -16384]
        assert audio_to_float32(audio).dtype == np.float32


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
def test_mono_is_the_mean_without_clipping(kind: type[Any]) -> None:
    loud = 32767 if kind is np.int16 else 1.0
    stereo = np.array([[loud, loud, loud], [loud, -loud, 0]], kind)
    mono = to_layout(stereo, "mono")
    assert mono.dtype == kind
    assert mono.shape == (1, 3)
    np.testing.assert_allclose(mono[0], [loud, 0, loud / 2], atol=0.5 if kind is np.int16 else 0)


def test_stereo_is_mono_twice_at_unity_gain() -> None:
    mono = np.array([[100, -200]], np.int16)
    assert to_layout(mono, "stereo").tolist() == [[100, -200], [100, -200]]
    np.testing.assert_array_equal(to_layout(to_layout(mono, "stereo"), "mono"), mono)


def test_more_channels_become_stereo_through_mono() -> None:
    surround = np.arange(12, dtype=np.float32).reshape(6, 2)
    assert to_layout(surround, "stereo").tolist() == [[5, 6], [5, 6]]


@pytest.mark.parametrize(("channels", "layout"), [(1, "mono"), (2, "stereo")])
def test_the_right_layout_is_not_copied(channels: int, layout: Layout) -> None:
    samples = np.zeros((channels, 5), np.int16)
    assert to_layout(samples, layout) is samples


def test_what_is_no_layout_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(channels, samples\), got \(5,\)"):
        to_layout(np.zeros(5), "mono")
    with pytest.raises(ValueError, match=r"got \(0, 5\)"):
        to_layout(np.zeros((0, 5)), "mono")
    with pytest.raises(ValueError, match="unknown layout 'quad'"):
        to_layout(np.zeros((1, 5)), "quad")  # type: ignore[arg-type]  # what it refuses
