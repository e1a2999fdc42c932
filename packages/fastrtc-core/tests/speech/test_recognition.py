from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.detection import AudioChunk
from fastrtc_core.speech import (
    Audio,
    BufferedStream,
    RecognitionStream,
    Recognizer,
    StreamingSTTModel,
    STTCapabilities,
    STTModel,
    Transcript,
    as_streaming_stt,
    is_silent,
    mono,
)


class Counts(Recognizer):
    """Tells how many samples it heard, and keeps them."""

    def __init__(self) -> None:
        self.heard: list[NDArray[np.float32]] = []

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        self.heard.append(samples)
        return Transcript(str(samples.size))


def tone(rate: int, seconds: float = 0.5, hertz: float = 440) -> NDArray[np.float32]:
    times = np.arange(int(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


@pytest.mark.parametrize(
    ("audio", "error", "says"),
    [
        (tone(16000), TypeError, r"tuple \(rate, array\), not ndarray"),
        ((16000, [0.0]), TypeError, "not a tuple of int, list"),
        ((16000, tone(16000), 1), TypeError, "not a tuple of int, ndarray, int"),
        ((16000.0, tone(16000)), TypeError, "an int in Hz, not float"),
        ((True, tone(16000)), TypeError, "an int in Hz, not bool"),
        ((0, tone(16000)), ValueError, "audio at 0 Hz"),
        ((3999, tone(16000)), ValueError, "4000 to 384000 Hz"),
        ((1_000_000, tone(16000)), ValueError, "audio at 1000000 Hz"),
        ((16000, np.zeros(9)), TypeError, "int16 or float32, not float64"),
        ((16000, np.zeros(9, np.int32)), TypeError, "int16 or float32, not int32"),
        ((16000, np.zeros((2, 9), np.int16)), ValueError, r"one channel.*shape \(2, 9\)"),
        ((16000, np.zeros((9, 1), np.int16)), ValueError, r"shape \(9, 1\)"),
        ((16000, np.zeros((1, 1, 9), np.int16)), ValueError, r"shape \(1, 1, 9\)"),
        ((16000, np.array(1, np.int16)), ValueError, r"shape \(\)"),
    ],
)
def test_what_is_no_audio_is_named(audio: Audio, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        mono(audio, 16000)
    with pytest.raises(error, match=says):
        Counts().stt(audio)
    with pytest.raises(error, match=says):
        Counts().stt_for_chunks(audio, [AudioChunk(start=0, end=1)])


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_every_rate_becomes_the_engines(rate: int) -> None:
    sound = mono((rate, tone(rate)), 16000)
    assert (sound.ndim, str(sound.dtype)) == (1, "float32")
    assert abs(sound.size - 8000) <= 2
    middle = slice(800, 7200)  # the filter rings at the edges
    assert np.abs(sound[middle] - tone(16000)[middle]).max() < 0.01


@pytest.mark.parametrize("shape", [(-1,), (1, -1)])
def test_int16_and_float32_of_both_shapes_are_the_same(shape: tuple[int, ...]) -> None:
    ints = (tone(16000) * 32767).astype(np.int16)
    from_ints = mono((16000, ints.reshape(shape)), 16000)
    from_floats = mono((np.int64(16000), tone(16000).reshape(shape)), 16000)  # type: ignore[arg-type]
    assert np.abs(from_ints - from_floats).max() < 1e-4
    assert from_ints.flags.c_contiguous


def test_a_strided_sound_is_made_contiguous() -> None:
    both = np.stack((tone(16000), tone(16000)), axis=1)
    assert mono((16000, both[:, 0]), 16000).flags.c_contiguous


@pytest.mark.parametrize("samples", [0, 1, 16000])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_of_silence_nothing_is_asked(samples: int, dtype: str) -> None:
    model = Counts()
    silence = np.zeros(samples, np.int16) if dtype == "int16" else np.zeros(samples, np.float32)
    assert model.stt((16000, silence)) == ""
    assert model.stt((48000, silence)) == ""
    assert model.heard == []


def test_silence_is_below_70_decibels() -> None:
    assert is_silent(np.full(9, -0.0003, np.float32))
    assert not is_silent(np.full(9, -0.0004, np.float32))
    assert is_silent(np.zeros(0, np.float32))


def test_parts_of_an_audio_are_told_one_by_one() -> None:
    model = Counts()
    audio = 16000, np.concatenate((tone(16000), np.zeros(8000, np.float32), tone(16000)))
    chunks = [AudioChunk(start=a, end=b) for a, b in ((0, 100), (9000, 9999), (16000, 16050))]
    assert model.stt_for_chunks(audio, chunks) == "100 50"
    assert model.stt_for_chunks((16000, audio[1].reshape(1, -1)), chunks) == "100 50"
    assert model.stt_for_chunks(audio, []) == ""


def test_warming_up_runs_it() -> None:
    model = Counts()
    model.warmup()
    assert [sound.size for sound in model.heard] == [16000]


def test_a_recognizer_has_both_forms() -> None:
    model = Counts()
    assert isinstance(model, STTModel)
    assert isinstance(model, StreamingSTTModel)
    assert as_streaming_stt(model) is model
    assert model.capabilities == STTCapabilities()


def test_a_buffered_stream_tells_all_at_the_end_and_begins_anew() -> None:
    stream = Counts().stream()
    assert isinstance(stream, RecognitionStream)
    assert stream.finish() == ()
    assert stream.push(tone(16000)) == ()
    assert stream.push(np.zeros(0, np.float32)) == ()
    stream.push(tone(16000))
    assert stream.finish() == (Transcript("16000"),)
    assert stream.finish() == ()
    stream.push(np.zeros(160, np.float32))
    assert stream.finish() == ()  # nothing is said in silence
    stream.push(tone(16000))
    stream.close()
    stream.close()
    assert stream.finish() == ()


def test_a_buffered_stream_keeps_what_was_said_not_the_callers_array() -> None:
    model = Counts()
    stream = BufferedStream(model, 16000)
    array = tone(16000)
    stream.push(array)
    array[:] = 0
    assert stream.finish() == (Transcript("8000"),)
    assert np.array_equal(model.heard[0], tone(16000))


def test_a_model_of_the_documented_form_is_lifted() -> None:
    class Plain:
        def stt(self, audio: Audio) -> str:
            rate, samples = audio
            return f"{samples.shape} at {rate}"

    model = as_streaming_stt(Plain())
    assert isinstance(model, StreamingSTTModel)
    assert model.capabilities == STTCapabilities()
    stream = model.stream()
    stream.push(tone(model.sample_rate))
    told: Sequence[Transcript] = stream.finish()
    assert [transcript.text for transcript in told] == ["(8000,) at 16000"]


def test_what_is_no_model_is_named() -> None:
    with pytest.raises(TypeError, match=r"int is no speech-to-text model: it needs stt\(audio\)"):
        as_streaming_stt(1)
    with pytest.raises(TypeError, match=r"Counts is a class: give an object of it, Counts\(\)"):
        as_streaming_stt(Counts)
