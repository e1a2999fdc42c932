import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.audio import g711

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(1 << 16, dtype=np.uint16).view(np.int16)


@pytest.fixture(scope="module")
def audioop() -> Any:
    """The standard library's until 3.12; from 3.13 on, what audioop-lts puts in its place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("audioop")


@pytest.mark.parametrize(
    ("decode", "name"), [(g711.ulaw_decode, "ulaw2lin"), (g711.alaw_decode, "alaw2lin")]
)
def test_every_code_decodes_as_audioop_has_it(
    audioop: Any, decode: Callable[[bytes], NDArray[np.int16]], name: str
) -> None:
    samples = decode(ALL_CODES)
    assert samples.dtype == np.int16
    np.testing.assert_array_equal(
        samples, np.frombuffer(getattr(audioop, name)(ALL_CODES, 2), "=i2")
    )


@pytest.mark.parametrize(
    ("encode", "name"), [(g711.ulaw_encode, "lin2ulaw"), (g711.alaw_encode, "lin2alaw")]
)
def test_every_sample_encodes_as_audioop_has_it(
    audioop: Any, encode: Callable[[NDArray[np.int16]], bytes], name: str
) -> None:
    assert encode(ALL_SAMPLES) == getattr(audioop, name)(ALL_SAMPLES.tobytes(), 2)


@pytest.mark.parametrize(
    ("decode", "encode"),
    [(g711.ulaw_decode, g711.ulaw_encode), (g711.alaw_decode, g711.alaw_encode)],
)
def test_levels_survive_a_second_time(
    decode: Callable[[bytes], NDArray[np.int16]], encode: Callable[[NDArray[np.int16]], bytes]
) -> None:
    levels = decode(ALL_CODES)
    np.testing.assert_array_equal(decode(encode(levels)), levels)


@pytest.mark.parametrize(
    ("decode", "silence"), [(g711.ulaw_decode, b"\xff"), (g711.alaw_decode, b"\xd5")]
)
def test_silence(decode: Callable[[bytes], NDArray[np.int16]], silence: bytes) -> None:
    assert abs(int(decode(silence)[0])) <= 8


@pytest.mark.parametrize("encode", [g711.ulaw_encode, g711.alaw_encode])
def test_strided_and_two_dimensional_samples(encode: Callable[[NDArray[Any]], bytes]) -> None:
    assert encode(ALL_SAMPLES[::2]) == encode(ALL_SAMPLES)[::2]
    assert encode(ALL_SAMPLES.reshape(1, -1)) == encode(ALL_SAMPLES)


@pytest.mark.parametrize("decode", [g711.ulaw_decode, g711.alaw_decode])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_buffers_decode_like_bytes(decode: Callable[[Any], NDArray[Any]], kind: type[Any]) -> None:
    np.testing.assert_array_equal(decode(kind(ALL_CODES)), decode(ALL_CODES))


@pytest.mark.parametrize("encode", [g711.ulaw_encode, g711.alaw_encode])
def test_other_dtypes_are_refused(encode: Callable[[NDArray[Any]], bytes]) -> None:
    with pytest.raises(TypeError, match="int16 samples, got float32"):
        encode(np.zeros(160, np.float32))
