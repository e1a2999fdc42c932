"""Every codec by what comes out again."""

from typing import Any

import numpy as np
import pytest

from fastrtc_core.audio import alaw_decode, ulaw_decode
from fastrtc_webrtc.audiocodecs import (
    OPUS,
    OPUS_CLOCK,
    PCMA,
    PCMU,
    G711Encoder,
    make_decoder,
    make_encoder,
    opus_rate,
)
from fastrtc_webrtc.opuspacket import packet_duration
from fastrtc_webrtc.testing.media import decibels, level, loudest_hz, silence, tone, tone_level

RATES = [8000, 12_000, 16_000, 24_000, 48_000]
PEAK = 8000.0


def encoded(encoder: Any, sound: Any, rate: int) -> list[bytes]:
    length = rate // 50
    return [
        encoder.encode(sound[:, first : first + length])
        for first in range(0, sound.shape[1], length)
    ]


@pytest.mark.parametrize("codec", [OPUS, PCMU, PCMA])
@pytest.mark.parametrize("rate", RATES)
def test_there_and_back(codec: str, rate: int) -> None:
    encoder = make_encoder(codec, rate, 1)
    decoder, decoded_rate = make_decoder(codec, rate, 1)
    assert decoded_rate == (rate if codec == OPUS else 8000)
    payloads = encoded(encoder, tone(440, 1.0, rate, PEAK), rate)
    sound = np.concatenate([decoder.decode(payload) for payload in payloads], axis=1)
    middle = sound[:, decoded_rate // 4 : -decoded_rate // 4]
    assert middle.shape[0] == 1
    assert loudest_hz(middle, decoded_rate) == pytest.approx(440, abs=1)
    gain = tone_level(middle, 440, decoded_rate) / PEAK
    assert decibels(gain) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("rate", RATES)
def test_payloads_last_20_ms(rate: int) -> None:
    sound = tone(440, 1.0, rate)
    for payload in encoded(make_encoder(OPUS, rate, 1), sound, rate):
        assert packet_duration(payload) == OPUS_CLOCK // 50
    lengths = [len(payload) for payload in encoded(make_encoder(PCMU, rate, 1), sound, rate)]
    # A resampler holds a little back at the beginning; from then on every payload is whole.
    assert 0 < lengths[0] <= 160
    assert set(lengths[1:]) == {160}


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_g711_has_one_channel(codec: str) -> None:
    stereo = np.concatenate([tone(440, 0.02, 8000, PEAK), silence(0.02, 8000)])
    payload = make_encoder(codec, 8000, 2).encode(stereo)
    decode = ulaw_decode if codec == PCMU else alaw_decode
    assert len(payload) == 160
    assert level(decode(payload)) == pytest.approx(PEAK / 2, rel=0.05)


def test_stereo_opus() -> None:
    encoder = make_encoder(OPUS, 48_000, 2)
    decoder, rate = make_decoder(OPUS, 48_000, 2)
    sides = np.concatenate([tone(440, 1.0, peak=PEAK), tone(1000, 1.0, peak=PEAK)])
    payloads = encoded(encoder, sides, rate)
    left, right = np.concatenate([decoder.decode(p) for p in payloads], axis=1)[:, 12_000:-12_000]
    assert loudest_hz(left) == pytest.approx(440, abs=1)
    assert loudest_hz(right) == pytest.approx(1000, abs=1)


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_what_g711_makes_up(codec: str) -> None:
    encoder = make_encoder(codec, 8000, 1)
    decoder, _ = make_decoder(codec, 8000, 1)
    assert not decoder.conceal(160).any()  # nothing came yet
    heard = decoder.decode(encoder.encode(tone(400, 0.02, 8000, PEAK)))
    first, second = decoder.conceal(160), decoder.recover(b"", 80)
    assert first.shape == (1, 160)
    assert second.shape == (1, 80)
    assert level(first) == pytest.approx(level(heard) / 2, rel=0.05)
    assert level(second) == pytest.approx(level(heard) / 4, rel=0.05)


def test_g711_has_no_redundancy() -> None:
    encoder = G711Encoder(lambda samples: samples.tobytes(), 8000, 1)
    encoder.set_packet_loss(50)
    assert len(encoder.encode(tone(440, 0.02, 8000))) == 320


@pytest.mark.parametrize(
    ("rate", "expected"), [(8000, 8000), (24_000, 24_000), (44_100, 48_000), (96_000, 48_000)]
)
def test_the_rate_of_opus(rate: int, expected: int) -> None:
    assert opus_rate(rate) == expected
    assert make_decoder(OPUS, rate, 1)[1] == expected


def test_a_codec_that_is_not_spoken() -> None:
    with pytest.raises(ValueError, match="no encoder for 'audio/g722'"):
        make_encoder("audio/g722", 16_000, 1)
    with pytest.raises(ValueError, match="no decoder for 'audio/g722'"):
        make_decoder("audio/g722", 16_000, 1)


def test_a_payload_that_is_corrupt() -> None:
    decoder, _ = make_decoder(OPUS, 48_000, 1)
    with pytest.raises(ValueError, match=r".+"):
        decoder.decode(b"\xff\xff\xff\xff")
