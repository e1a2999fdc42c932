import subprocess
import wave
from collections.abc import Callable

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler
from fastrtc_webrtc.opus import (
    BITRATES,
    MAX_PACKET,
    RATES,
    OpusDecoder,
    OpusEncoder,
    OpusError,
    has_fec,
    packet_duration,
)

Samples = NDArray[np.int16]

HZ = 400
PEAK = 10_000


def tone(rate: int, channels: int = 1, seconds: float = 1.5) -> Samples:
    times = np.arange(round(rate * seconds)) / rate
    wave = np.round(PEAK * np.sin(2 * np.pi * HZ * times)).astype(np.int16)
    return np.tile(wave, (channels, 1))


def frames(sound: Samples, size: int) -> list[Samples]:
    return [sound[:, at : at + size] for at in range(0, sound.shape[1] - size + 1, size)]


def coded(sound: Samples, rate: int, loss: int = 0) -> list[bytes]:
    encoder = OpusEncoder(rate, len(sound))
    encoder.set_packet_loss(loss)
    return [encoder.encode(frame) for frame in frames(sound, rate // 50)]


def heard(packets: list[bytes], rate: int, channels: int = 1) -> Samples:
    decoder = OpusDecoder(rate, channels)
    return np.concatenate([decoder.decode(packet) for packet in packets], axis=1)


def gain_and_noise(sound: Samples, rate: int, channel: int = 0) -> tuple[float, float]:
    """Gain of the tone in dB, and what is no tone as a part of its peak."""
    middle = sound[channel, rate // 4 : rate].astype(np.float64)
    angles = 2 * np.pi * HZ * np.arange(middle.size) / rate
    basis = np.stack([np.sin(angles), np.cos(angles)])
    parts = 2 * basis @ middle / middle.size
    gain = 20 * np.log10(np.hypot(*parts) / PEAK)
    return float(gain), float(np.std(middle - parts @ basis)) / PEAK


@pytest.fixture(scope="module")
def speech(
    require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Samples]:
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    text = "Good morning, can you hear me? The seller sells sea shells by the sea shore."
    subprocess.run([require("espeak-ng"), "-v", "en-us", "-w", path, text], check=True)
    with wave.open(str(path)) as file:
        recorded = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(1, -1)
        rate = file.getframerate()
    return lambda wanted: Resampler(rate, wanted, 1).process(recorded)


# Sound


@pytest.mark.parametrize("loss", [0, 10])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_a_tone_comes_back_as_it_was(rate: int, channels: int, loss: int) -> None:
    once = heard(coded(tone(rate, channels), rate, loss), rate, channels)
    twice = heard(coded(once, rate, loss), rate, channels)
    for sound in (once, twice):
        assert sound.shape == (channels, sound.shape[1])
        assert sound.dtype == np.int16
        for channel in range(channels):
            gain, noise = gain_and_noise(sound, rate, channel)
            assert abs(gain) <= 0.1
            assert noise <= 0.01


@pytest.mark.parametrize("decoded", RATES)
def test_every_rate_decodes_every_other(decoded: int) -> None:
    gain, noise = gain_and_noise(heard(coded(tone(48_000), 48_000), decoded), decoded)
    assert abs(gain) <= 0.1
    assert noise <= 0.01


@pytest.mark.parametrize(("sent", "received"), [(1, 2), (2, 1)])
def test_mono_and_stereo_become_each_other_at_unity_gain(sent: int, received: int) -> None:
    sound = heard(coded(tone(48_000, sent), 48_000), 48_000, received)
    for channel in range(received):
        assert abs(gain_and_noise(sound, 48_000, channel)[0]) <= 0.1


def test_a_mono_encoder_makes_mono_packets() -> None:
    assert not any(packet[0] & 4 for packet in coded(tone(24_000), 24_000))


@pytest.mark.parametrize("units", [1, 2, 4, 8, 16, 24, 32, 40, 48])
def test_every_length_of_a_frame(units: int) -> None:
    size = 24_000 * units // 400
    packet = OpusEncoder(24_000, 1).encode(np.zeros((1, size), np.int16))
    assert packet_duration(packet, 24_000) == size
    assert OpusDecoder(24_000, 1).decode(packet).shape == (1, size)


# Settings


@pytest.mark.parametrize("bitrate", [16_000, 40_000, 96_000])
def test_bitrate(speech: Callable[[int], Samples], bitrate: int) -> None:
    encoder = OpusEncoder(24_000, 1)
    encoder.set_bitrate(bitrate)
    sizes = [len(encoder.encode(frame)) for frame in frames(speech(24_000), 480)]
    assert 0.7 * bitrate <= 8 * 50 * np.mean(sizes) <= 1.1 * bitrate


def test_a_packet_fits_a_datagram_at_any_bitrate() -> None:
    encoder = OpusEncoder(48_000, 2, bitrate=510_000)
    noise = np.random.default_rng(0).integers(-20_000, 20_000, (2, 48_000), np.int16)
    sizes = [len(encoder.encode(frame)) for frame in frames(noise, 5760)]
    assert max(sizes) <= MAX_PACKET


@pytest.mark.parametrize("percent", [1, 5, 20])
@pytest.mark.parametrize("channels", BITRATES)
@pytest.mark.parametrize("rate", RATES)
def test_speech_is_sent_twice_where_there_is_loss(
    speech: Callable[[int], Samples], rate: int, channels: int, percent: int
) -> None:
    sound = np.tile(speech(rate), (channels, 1))
    assert not any(has_fec(packet) for packet in coded(sound, rate))
    protected = [has_fec(packet) for packet in coded(sound, rate, percent)]
    assert np.mean(protected) > 0.5


def test_dtx_is_off_unless_asked_for() -> None:
    silence = frames(np.zeros((1, 48_000), np.int16), 480)
    for dtx in (False, True):
        encoder = OpusEncoder(24_000, 1, dtx=dtx)
        assert any(len(encoder.encode(frame)) <= 2 for frame in silence) == dtx


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (0, 1), (48_000, 0), (48_000, 3)])
@pytest.mark.parametrize("coder", [OpusEncoder, OpusDecoder])
def test_what_opus_does_not_have(
    coder: type[OpusEncoder | OpusDecoder], rate: int, channels: int
) -> None:
    with pytest.raises(ValueError, match=str(rate if channels == 1 else channels)):
        coder(rate, channels)


@pytest.mark.parametrize("bitrate", [0, 5_999, 510_001])
def test_a_bitrate_out_of_range(bitrate: int) -> None:
    with pytest.raises(ValueError, match=f"not {bitrate}"):
        OpusEncoder(48_000, 1, bitrate=bitrate)


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_loss_out_of_range(percent: int) -> None:
    with pytest.raises(ValueError, match=f"not {percent}"):
        OpusEncoder(48_000, 1).set_packet_loss(percent)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 960), np.int16),
        np.zeros(960, np.int16),
        np.zeros((1, 960), np.float32),
        np.zeros((1, 0), np.int16),
        np.zeros((1, 961), np.int16),
        np.zeros((1, 1440), np.int16),
        np.zeros((1, 6720), np.int16),
    ],
)
def test_samples_that_make_no_packet(samples: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="Opus"):
        OpusEncoder(48_000, 1).encode(samples)  # type: ignore[arg-type]  # that is the point


# Loss


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_what_is_concealed_goes_on_and_fades_out_without_a_click(
    speech: Callable[[int], Samples], rate: int
) -> None:
    decoder = OpusDecoder(rate, 1)
    before: list[Samples] = []
    for packet in coded(speech(rate), rate):
        before.append(decoder.decode(packet))
        if len(before) > 10 and level(before[-1]) > 2000 and level(before[-2]) > 2000:
            break
    concealed = [decoder.conceal(rate // 50) for _ in range(10)]
    steepest = np.abs(np.diff(np.concatenate(before, axis=1))).max()
    assert np.abs(np.diff(np.concatenate([before[-1], *concealed], axis=1))).max() <= steepest
    assert level(concealed[0]) > level(before[-1]) / 3
    assert level(concealed[-1]) < level(before[-1]) / 30


def level(sound: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_recovered_speech_is_closer_than_concealed(
    speech: Callable[[int], Samples], rate: int
) -> None:
    packets = coded(speech(rate), rate, loss=10)
    size = rate // 50
    true, recovered, concealed = (OpusDecoder(rate, 1) for _ in range(3))
    wrong = np.zeros((2, 0))
    for index, packet in enumerate(packets):
        sound = true.decode(packet)
        if index % 7 == 6 and index + 1 < len(packets) and has_fec(packets[index + 1]):
            guesses = recovered.recover(packets[index + 1], size), concealed.conceal(size)
            assert guesses[0].shape == guesses[1].shape == (1, size)
            errors = [np.abs(spectrum(guess) - spectrum(sound)).mean() for guess in guesses]
            wrong = np.concatenate([wrong, np.reshape(errors, (2, 1))], axis=1)
        else:
            recovered.decode(packet)
            concealed.decode(packet)
    assert wrong.shape[1] >= 20
    assert wrong[0].mean() < 0.6 * wrong[1].mean()


def spectrum(frame: Samples) -> NDArray[np.float64]:
    return np.abs(np.fft.rfft(frame[0] * np.hanning(frame.shape[1])))


def test_without_a_copy_in_the_next_packet_it_is_concealed() -> None:
    packets = coded(tone(48_000), 48_000)
    assert not has_fec(packets[11])
    sounds = []
    for by_recovery in (True, False):
        decoder = OpusDecoder(48_000, 1)
        for packet in packets[:10]:
            decoder.decode(packet)
        sounds.append(decoder.recover(packets[11], 960) if by_recovery else decoder.conceal(960))
    assert np.array_equal(*sounds)


@pytest.mark.parametrize("samples", [-120, 0, 1, 119, 5880, 1 << 40])
def test_lengths_that_cannot_be_made_up(samples: int) -> None:
    decoder = OpusDecoder(48_000, 1)
    with pytest.raises(ValueError, match=f"not {samples}"):
        decoder.conceal(samples)
    with pytest.raises(ValueError, match=f"not {samples}"):
        decoder.recover(coded(tone(48_000), 48_000)[0], samples)


@pytest.mark.parametrize("samples", [120, 960, 5760])
def test_lengths_that_can(samples: int) -> None:
    decoder = OpusDecoder(48_000, 2)
    assert decoder.conceal(samples).shape == (2, samples)
    assert decoder.recover(coded(tone(48_000), 48_000)[0], samples).shape == (2, samples)


# Bad input


@pytest.mark.parametrize("payload", [b"", bytes([3]), bytes([0xFF, 0x42, 5]), b"\xfa\xff"])
def test_a_corrupt_packet_is_refused_and_the_next_one_decoded(payload: bytes) -> None:
    decoder = OpusDecoder(48_000, 1)
    with pytest.raises(OpusError) as caught:
        decoder.decode(payload)
    assert caught.value.code == -4
    with pytest.raises(OpusError):
        decoder.recover(payload, 960)
    sound = np.concatenate([decoder.decode(p) for p in coded(tone(48_000), 48_000)], axis=1)
    assert abs(gain_and_noise(sound, 48_000)[0]) <= 0.1


@given(st.lists(st.binary(max_size=200), max_size=10), st.sampled_from(RATES), st.integers(1, 2))
def test_any_bytes_are_decoded_or_refused(payloads: list[bytes], rate: int, channels: int) -> None:
    decoder = OpusDecoder(rate, channels)
    for payload in payloads:
        try:
            assert decoder.recover(payload, rate // 50).shape == (channels, rate // 50)
            assert decoder.decode(payload).shape == (channels, packet_duration(payload, rate))
        except OpusError:
            pass
        assert decoder.conceal(rate // 50).shape == (channels, rate // 50)


def test_what_was_returned_does_not_change_later() -> None:
    packets = coded(tone(48_000, 2), 48_000)
    decoder = OpusDecoder(48_000, 2)
    first = decoder.decode(packets[5])
    copy = first.copy()
    decoder.decode(packets[6])
    assert np.array_equal(first, copy)
    assert first.flags.writeable
    assert first.flags.c_contiguous


def test_no_memory_is_lost() -> None:
    packets = coded(tone(48_000, 2), 48_000)
    process = psutil.Process()

    def work(times: int) -> None:
        decoder = OpusDecoder(48_000, 2)
        for index in range(times):
            decoder.decode(packets[index % len(packets)])
            if index % 10 == 0:
                OpusEncoder(48_000, 2)
                OpusDecoder(48_000, 2)

    work(1000)
    before = process.memory_info().rss
    work(10_000)
    assert process.memory_info().rss - before < 2_000_000
