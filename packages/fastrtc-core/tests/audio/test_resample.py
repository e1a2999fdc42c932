import itertools
import tracemalloc
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrtc_core.audio import resample
from fastrtc_core.audio.resample import Resampler

RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
PAIRS = list(itertools.permutations(RATES, 2))
FLAT = 0.84
"""The passband's end, in lower Nyquist frequencies."""


def tones(rate: int, frequencies: NDArray[np.float64], seconds: float = 0.2) -> NDArray[np.float32]:
    """A sine of amplitude 1 on each channel."""
    time = np.arange(round(rate * seconds)) / rate
    return np.sin(2 * np.pi * frequencies[:, np.newaxis] * time + 0.3).astype(np.float32)


def settled(
    source: int, target: int, frequencies: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times by the input's clock, and output, of tones after the filter has filled."""
    resampler = Resampler(source, target, len(frequencies))
    output = resampler.process(tones(source, frequencies)).astype(np.float64)
    time = np.arange(output.shape[1]) / target - resampler.delay
    steady = time > resampler.delay
    return time[steady], output[:, steady]


def decibels(amplitude: NDArray[np.float64]) -> NDArray[np.float64]:
    return 20 * np.log10(amplitude)


def split(signal: NDArray[Any], cuts: list[int]) -> list[NDArray[Any]]:
    return np.split(signal, sorted(cuts), axis=1)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_tones_keep_gain_and_delay_and_bring_no_images(source: int, target: int) -> None:
    lower = min(source, target) / 2
    frequencies = (
        np.concatenate([np.linspace(0.02, FLAT, 20), np.linspace(FLAT, 0.999, 20)[1:]]) * lower
    )
    time, output = settled(source, target, frequencies)
    gains, phases, rests = [], [], []
    for frequency, channel in zip(frequencies, output, strict=True):
        angle = 2 * np.pi * frequency * time + 0.3
        basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        amplitude = np.linalg.lstsq(basis, channel, rcond=None)[0]
        gains.append(np.hypot(*amplitude))
        phases.append(np.arctan2(amplitude[1], amplitude[0]))
        rests.append(np.std(channel - basis @ amplitude) * np.sqrt(2))

    gain, flat = decibels(np.array(gains)), frequencies <= FLAT * lower * 1.001
    assert np.abs(gain[flat]).max() < 0.1
    assert decibels(np.array(rests)).max() < -90
    lag = np.array(phases)[flat] / (2 * np.pi * frequencies[flat])
    assert np.abs(lag).max() < 1e-6


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_tones_above_the_new_nyquist_frequency_are_gone(source: int, target: int) -> None:
    _, output = settled(source, target, np.linspace(target / 2, source / 2 * 0.999, 60))
    assert decibels(np.sqrt(2 * (output**2).mean(axis=1))).max() < -90


@pytest.mark.parametrize("source", [16000, 48000])
def test_telephone_band_is_kept(source: int) -> None:
    _, output = settled(source, 8000, np.array([3360.0, 3400.0, 3520.0]))
    gain = decibels(np.sqrt(2 * (output**2).mean(axis=1)))
    assert gain == pytest.approx([-0.05, -0.37, -3.1], abs=0.15)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_frame_of_20_ms_gives_20_ms(source: int, target: int) -> None:
    resampler = Resampler(source, target)
    assert 0 < resampler.delay <= 0.003
    for frame in split(
        np.ones((1, source // 5), np.int16), [*range(source // 50, source // 5, source // 50)]
    ):
        assert resampler.process(frame).shape == (1, target // 50)


@given(
    pair=st.sampled_from(PAIRS),
    kind=st.sampled_from([np.int16, np.float32]),
    channels=st.integers(1, 2),
    cuts=st.lists(st.integers(0, 1500), max_size=8),
    seed=st.integers(0, 9),
)
@settings(max_examples=100, deadline=None)
def test_cutting_does_not_show(
    pair: tuple[int, int],
    kind: type[Any],
    channels: int,
    cuts: list[int],
    seed: int,
) -> None:
    noise = np.random.default_rng(seed).uniform(-1, 1, (channels, 1500))
    signal = (noise * (32767 if kind is np.int16 else 1)).astype(kind)
    whole = Resampler(*pair, channels).process(signal)
    resampler = Resampler(*pair, channels)
    sent, received = 0, []
    for frame in split(signal, cuts):
        sent += frame.shape[1]
        received.append(resampler.process(frame))
        assert sum(part.shape[1] for part in received) == ceil(sent * pair[1] / pair[0])
    assert all(part.dtype == kind for part in received)
    np.testing.assert_allclose(np.concatenate(received, axis=1), whole, rtol=0, atol=1e-6)


def test_single_samples_are_as_good_as_frames() -> None:
    signal = tones(44100, np.array([440.0]), 0.02)
    resampler = Resampler(44100, 48000)
    received = [
        resampler.process(frame) for frame in split(signal, list(range(1, signal.shape[1])))
    ]
    whole = Resampler(44100, 48000).process(signal)
    np.testing.assert_allclose(np.concatenate(received, axis=1), whole, rtol=0, atol=1e-6)


def test_recordings_longer_than_one_step_are_as_good_as_frames() -> None:
    signal = tones(48000, np.array([440.0, 1000.0]), 1.0)
    resampler = Resampler(48000, 44100, 2)
    received = [resampler.process(frame) for frame in split(signal, list(range(960, 48000, 960)))]
    whole = Resampler(48000, 44100, 2).process(signal)
    np.testing.assert_allclose(np.concatenate(received, axis=1), whole, rtol=0, atol=1e-6)


def test_channels_stay_apart() -> None:
    resampler = Resampler(24000, 48000, 2)
    output = resampler.process(np.stack([np.zeros(2400), np.ones(2400)]).astype(np.float32))
    assert not output[0].any()
    assert output[1, -1] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("extreme", [-32768, 32767])
def test_int16_saturates(extreme: int) -> None:
    step = np.full((1, 4800), extreme, np.int16)
    step[:, 2400:] = -extreme - 1
    # A low-pass filter overshoots beside a step; what wrapped around would change its sign.
    output = Resampler(24000, 48000).process(step)[0, 60:]
    assert (output.min(), output.max()) == (-32768, 32767)
    assert np.count_nonzero(np.diff(output >= 0)) == 1


def test_long_recordings_need_little_memory() -> None:
    recording = np.zeros((1, 480_000), np.int16)
    tracemalloc.start()
    Resampler(48000, 8000).process(recording)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_flush_gives_the_end_and_starts_afresh(kind: type[Any]) -> None:
    resampler = Resampler(8000, 48000)
    click = np.zeros((1, 160), kind)
    click[0, -1] = 1000
    assert np.abs(resampler.process(click)).max() < 500
    rest = resampler.flush()
    assert rest.dtype == kind
    assert rest.shape == (1, 144)
    assert rest.argmax() == 144 - 6  # 3 ms after the click, which was one input before the end
    assert not resampler.process(np.zeros((1, 160), np.float32)).any()


def test_reset_forgets() -> None:
    resampler = Resampler(48000, 16000)
    first = resampler.process(tones(48000, np.array([300.0]), 0.01))
    resampler.reset()
    np.testing.assert_array_equal(resampler.process(tones(48000, np.array([300.0]), 0.01)), first)


def test_equal_rates_pass_through() -> None:
    resampler = Resampler(16000, 16000)
    frame = np.arange(320, dtype=np.int16).reshape(1, -1)
    assert resampler.delay == 0
    assert resampler.process(frame) is frame
    assert resampler.flush().shape == (1, 0)


def test_empty_frames_give_empty_frames() -> None:
    resampler = Resampler(44100, 48000, 2)
    assert resampler.process(np.zeros((2, 0), np.int16)).shape == (2, 0)
    assert resampler.flush().dtype == np.int16


@pytest.mark.parametrize(
    ("source", "target"), [(11025, 16000), (96000, 8000), (8000, 192000), (4000, 8000)]
)
def test_other_rates(source: int, target: int) -> None:
    time, output = settled(source, target, np.array([400.0]))
    np.testing.assert_allclose(output[0], np.sin(2 * np.pi * 400 * time + 0.3), atol=0.012)


@pytest.mark.parametrize("arguments", [(0, 8000), (8000, -1), (8000, 16000, 0)])
def test_numbers_that_are_not_positive_are_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Resampler(*arguments)


def test_rates_that_hardly_meet_are_refused() -> None:
    with pytest.raises(ValueError, match="44100 Hz to 47999 Hz: the rates only meet every 6300"):
        Resampler(44100, 47999)


def test_frames_that_do_not_fit_are_refused() -> None:
    resampler = Resampler(48000, 16000)
    with pytest.raises(ValueError, match=r"shaped \(1, n\), got \(960,\)"):
        resampler.process(np.zeros(960, np.int16))
    with pytest.raises(ValueError, match=r"shaped \(1, n\), got \(2, 960\)"):
        resampler.process(np.zeros((2, 960), np.int16))
    with pytest.raises(TypeError, match="expected int16 or float32 samples, got float64"):
        resampler.process(np.zeros((1, 960)))  # type: ignore[type-var]  # what it refuses
    resampler.process(np.zeros((1, 960), np.int16))
    with pytest.raises(TypeError, match="expected int16 samples, got float32"):
        resampler.process(np.zeros((1, 960), np.float32))


def test_gains_are_the_fit_they_claim_to_be() -> None:
    bands = [(0.0, 0.6, 1.0, 2e-3), (0.6, 0.841, 1.0, 1e-2), (1.0, 8.0, 0.0, 2.4e-5)]
    half, terms = 24, np.arange(25) + 0.5
    frequency = [np.linspace(a, b, ceil((b - a) * half * 8)) for a, b, _, _ in bands]
    sizes = [len(grid) for grid in frequency]
    wanted = np.repeat([gain for _, _, gain, _ in bands], sizes)
    tolerance = np.repeat([error for _, _, _, error in bands], sizes)
    # Each cosine, cut off at both ends, is a pair of sincs in frequency.
    cycles = half * np.concatenate(frequency)[:, np.newaxis]
    response = np.sinc(cycles - terms) + np.sinc(cycles + terms)
    weight, gains = np.ones_like(wanted), np.zeros_like(terms)
    for _ in range(8):
        scale = np.sqrt(weight) / tolerance
        gains = np.linalg.lstsq(response * scale[:, np.newaxis], wanted * scale, rcond=None)[0]
        weight *= np.abs(response @ gains - wanted) / tolerance
    np.testing.assert_allclose(resample._GAINS, gains, rtol=0, atol=2e-8)
