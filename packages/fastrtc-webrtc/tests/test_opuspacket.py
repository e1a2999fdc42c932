import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_webrtc.libopus import libopus
from fastrtc_webrtc.opus import OpusEncoder
from fastrtc_webrtc.opuspacket import OpusError, has_fec, packet_duration

payloads = st.binary(min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("payload", "milliseconds"),
    [
        (bytes([0 << 3]), 10),
        (bytes([3 << 3]), 60),
        (bytes([13 << 3]), 20),
        (bytes([16 << 3]), 2.5),
        (bytes([31 << 3]), 20),
        (bytes([31 << 3 | 1]), 40),
        (bytes([31 << 3 | 2]), 40),
        (bytes([31 << 3 | 3, 5]), 100),
        (bytes([31 << 3 | 3, 6 | 0xC0]), 120),
        (bytes([16 << 3 | 3, 48]), 120),
    ],
)
def test_duration(payload: bytes, milliseconds: float) -> None:
    assert packet_duration(payload) == milliseconds * 48
    assert packet_duration(payload, 16_000) == milliseconds * 16


@pytest.mark.parametrize(
    "payload", [b"", bytes([3]), bytes([3, 0]), bytes([3 << 3 | 3, 3]), bytes([31 << 3 | 3, 7])]
)
def test_what_has_no_duration(payload: bytes) -> None:
    with pytest.raises(OpusError, match=r"2\.5 to 120 ms"):
        packet_duration(payload)


@given(payloads)
def test_durations_are_those_of_libopus(payload: bytes) -> None:
    judge = libopus().opus_packet_get_nb_samples
    judge.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
    judged = judge(payload, len(payload), 48_000)
    try:
        duration = packet_duration(payload)
    except OpusError:
        duration = 0
    assert duration == max(judged, 0)


@given(payloads)
def test_forward_error_correction_is_seen_where_libopus_sees_it(payload: bytes) -> None:
    if not hasattr(libopus(), "opus_packet_has_lbrr"):
        pytest.skip("libopus 1.5 was the first to tell")
    judge = libopus().opus_packet_has_lbrr
    judge.argtypes = [ctypes.c_char_p, ctypes.c_int]
    judged = judge(payload, len(payload))
    # A negative answer calls the packet invalid, for which ours may be either: nobody decodes it.
    assert judged < 0 or has_fec(payload) == bool(judged)


def test_no_packet_has_no_forward_error_correction() -> None:
    assert not has_fec(b"")
    assert not any(has_fec(bytes([toc])) for toc in range(256))


@pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_packets_of_every_length(rate: int, channels: int, milliseconds: int) -> None:
    encoder = OpusEncoder(rate, channels)
    encoder.set_packet_loss(20)
    size = rate * milliseconds // 1000
    times = np.arange(size * 20) / rate
    voice = 8000 * np.sin(2 * np.pi * 150 * times) * (1 + np.sin(2 * np.pi * 4 * times))
    sound = np.tile(voice.astype(np.int16), (channels, 1))
    packets = [encoder.encode(sound[:, i : i + size]) for i in range(0, sound.shape[1], size)]
    assert {packet_duration(packet, rate) for packet in packets} == {size}
    assert any(has_fec(packet) for packet in packets)
