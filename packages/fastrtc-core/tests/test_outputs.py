import re

import numpy as np
import pytest

from fastrtc_core import AdditionalOutputs, AudioFrame, CloseStream, VideoFrame
from fastrtc_core.outputs import Output, audio_output, video_output

MONO = np.arange(6, dtype=np.int16)
PICTURE = np.zeros((4, 6, 3), dtype=np.uint8)


def audio(item: object) -> AudioFrame:
    media = audio_output(item).media
    assert isinstance(media, AudioFrame)
    return media


@pytest.mark.parametrize(
    ("item", "samples"),
    [
        ((16000, MONO), [[0, 1, 2, 3, 4, 5]]),
        ((16000, MONO.reshape(1, 6)), [[0, 1, 2, 3, 4, 5]]),
        ((16000, MONO.reshape(2, 3)), [[0, 1, 2], [3, 4, 5]]),
        ((16000, MONO, "mono"), [[0, 1, 2, 3, 4, 5]]),
        ((16000, MONO, "stereo"), [[0, 2, 4], [1, 3, 5]]),
        ((16000, MONO.reshape(1, 6), "stereo"), [[0, 2, 4], [1, 3, 5]]),
        ((16000, MONO.reshape(2, 3), "stereo"), [[0, 1, 2], [3, 4, 5]]),
        ((16000, MONO, None), [[0, 1, 2, 3, 4, 5]]),
        ((np.int64(16000), MONO[:0]), [[]]),
    ],
)
def test_forms_of_audio(item: object, samples: list[list[int]]) -> None:
    frame = audio(item)
    assert frame.samples.tolist() == samples
    assert frame.samples.dtype == np.int16
    assert frame.rate == 16000
    assert type(frame.rate) is int


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_scaled_and_saturate(dtype: type) -> None:
    frame = audio((24000, np.array([0.0, 0.5, 1.0, 2.0, -1.0, -9.0], dtype=dtype)))
    assert frame.samples[0].tolist() == [0, 16384, 32767, 32767, -32768, -32768]


@pytest.mark.parametrize(
    ("item", "error", "words"),
    [
        (MONO, TypeError, "(sample_rate, array)"),
        ("hello", TypeError, "not str ('hello')"),
        ((16000,), ValueError, "a tuple of 1 items"),
        ((16000, MONO, "mono", 1), ValueError, "a tuple of 4 items"),
        ((MONO, 16000), TypeError, "the sample rate must be an int"),
        ((16000.0, MONO), TypeError, "the sample rate must be an int"),
        ((True, MONO), TypeError, "the sample rate must be an int"),
        ((16, MONO), ValueError, "16 Hz is outside"),
        ((16000, [1, 2, 3]), TypeError, "must be a numpy array, not list"),
        ((16000, MONO, "quad"), ValueError, "'quad'"),
        ((16000, MONO.reshape(1, 2, 3)), ValueError, "(1, 2, 3)"),
        ((16000, MONO.reshape(3, 2)), ValueError, "transpose it"),
        ((16000, MONO[:5], "stereo"), ValueError, "even number of samples, not 5"),
        ((16000, MONO.reshape(2, 3), "mono"), ValueError, "2 channels do not fit"),
        ((16000, np.array([0.0, np.nan], np.float32)), ValueError, "(nan)"),
        ((16000, np.array([0.0, np.inf])), ValueError, "NaN or infinite"),
        ((16000, np.array(["a"])), TypeError, "cannot read"),
        ((16000, MONO.astype(np.complex64)), TypeError, "cannot read complex64"),
    ],
)
def test_what_is_no_audio_says_why(item: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        audio_output(item)


def test_nothing_is_nothing() -> None:
    assert audio_output(None) == video_output(None) == Output()


def test_additional_outputs_come_alone_or_in_a_pair() -> None:
    extra = AdditionalOutputs("a", 1)
    assert audio_output(extra) == video_output(extra) == Output(additional=extra)
    for item in (((16000, MONO), extra), (16000, MONO, extra), (16000, MONO, "stereo", extra)):
        output = audio_output(item)
        assert isinstance(output.media, AudioFrame)
        assert output.additional is extra
    pair = video_output((PICTURE, extra))
    assert isinstance(pair.media, VideoFrame)
    assert pair.additional is extra
    assert audio_output((None, extra)) == Output(additional=extra)


def test_close_stream_comes_alone_or_in_a_pair() -> None:
    close = CloseStream("bye")
    assert audio_output(close) == video_output(close) == Output(close=close)
    assert audio_output(((16000, MONO), close)).close is close
    assert video_output((PICTURE, close)).close is close
    assert close.msg == "bye"
    assert CloseStream().msg == "Stream closed"


@pytest.mark.parametrize(
    ("item", "error", "words"),
    [
        ([1, 2], TypeError, "not list"),
        (PICTURE.astype(np.float32), TypeError, "must be uint8"),
        (PICTURE[..., 0], ValueError, "(4, 6)"),
        (PICTURE[:0], ValueError, "(0, 6, 3)"),
        (np.zeros((4, 6, 4), np.uint8), ValueError, "(4, 6, 4)"),
    ],
)
def test_what_is_no_picture_says_why(item: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        video_output(item)


def test_pictures_are_made_contiguous() -> None:
    media = video_output(PICTURE[:, ::-1]).media
    assert isinstance(media, VideoFrame)
    assert media.pixels.flags.c_contiguous


def test_they_can_be_read_in_a_log() -> None:
    assert repr(AdditionalOutputs(1, "x")) == "AdditionalOutputs(1, 'x')"
    assert repr(CloseStream("bye")) == "CloseStream('bye')"
