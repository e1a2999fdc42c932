import io
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.audio.files import audio_to_bytes, audio_to_file, read_wav, write_wav


@pytest.fixture
def without_av(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)


def sine(rate: int, channels: int = 1) -> NDArray[np.float32]:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate)
    return np.tile(tone, (channels, 1)).astype(np.float32)


def decoded(data: bytes) -> tuple[int, NDArray[np.float32]]:
    """Rate, and samples shaped (channels, n), as FFmpeg hears the file."""
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
        return frames[0].sample_rate, np.concatenate([f.to_ndarray() for f in frames], axis=1)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
def test_wav_gives_back_what_it_was_given(tmp_path: Path, channels: int, kind: type[Any]) -> None:
    samples = np.arange(-300, 300, dtype=np.int16).reshape(channels, -1)
    given = samples if kind is np.int16 else (samples / 32768).astype(kind)
    write_wav(tmp_path / "a.wav", (24000, given))
    rate, received = read_wav(tmp_path / "a.wav")
    assert rate == 24000
    assert received.dtype == np.int16
    np.testing.assert_array_equal(received, samples)


def test_wav_bytes_are_a_wav_file() -> None:
    data = audio_to_bytes((16000, np.array([0.1, -0.2, 0.3])), format="wav")
    with wave.open(io.BytesIO(data)) as file:
        assert file.getparams()[:4] == (1, 2, 16000, 3)
        assert np.frombuffer(file.readframes(3), "<i2").tolist() == [3277, -6554, 9830]


def test_too_loud_audio_saturates() -> None:
    data = audio_to_bytes((16000, np.array([1.5, -1.5])), format="wav")
    assert np.frombuffer(data[-4:], "<i2").tolist() == [32767, -32768]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 24000, 44100, 48000])
def test_mp3_sounds_as_what_it_was_given(rate: int, channels: int) -> None:
    pytest.importorskip("av")
    samples = sine(rate, channels)
    heard_rate, heard = decoded(audio_to_bytes((rate, samples), format="mp3"))
    assert heard_rate == rate
    assert heard.shape[0] == channels
    middle = heard[:, rate // 5 : rate * 2 // 5]
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.5, rel=0.1)
    peak = np.abs(np.fft.rfft(middle[0] * np.hanning(middle.shape[1]))).argmax()
    assert peak * rate / middle.shape[1] == pytest.approx(440, abs=5)


def test_auto_is_mp3_with_pyav() -> None:
    pytest.importorskip("av")
    audio = (16000, sine(16000))
    assert audio_to_bytes(audio) == audio_to_bytes(audio, format="mp3")


@pytest.mark.usefixtures("without_av")
def test_auto_is_wav_without_pyav() -> None:
    audio = (16000, sine(16000))
    assert audio_to_bytes(audio) == audio_to_bytes(audio, format="wav")


@pytest.mark.usefixtures("without_av")
def test_mp3_without_pyav_names_the_extra() -> None:
    with pytest.raises(ImportError, match=r"pip install 'fastrtc-core\[mp3\]'"):
        audio_to_bytes((16000, sine(16000)), format="mp3")


@pytest.mark.parametrize(("rate", "channels"), [(12345, 1), (16000, 3)])
def test_what_mp3_cannot_hold_is_refused(rate: int, channels: int) -> None:
    pytest.importorskip("av")
    with pytest.raises(ValueError, match=f"no {rate} Hz with {channels} channels"):
        audio_to_bytes((rate, sine(rate, channels)), format="mp3")


@pytest.mark.parametrize("form", ["mp3", "wav"])
def test_a_file_has_the_bytes_and_the_suffix(form: Any) -> None:
    if form == "mp3":
        pytest.importorskip("av")
    audio = (16000, sine(16000))
    path = Path(audio_to_file(audio, format=form))
    try:
        assert path.suffix == f".{form}"
        assert path.read_bytes() == audio_to_bytes(audio, format=form)
    finally:
        path.unlink()


@pytest.mark.parametrize("shape", [(16000, 2), (0, 100), (2, 3, 4)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(n,\) or \(channels, n\)"):
        audio_to_bytes((16000, np.zeros(shape)), format="wav")


def test_other_formats_and_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown audio format 'ogg'"):
        audio_to_bytes((16000, np.zeros(3)), format="ogg")  # type: ignore[arg-type]  # refused
    with pytest.raises(ValueError, match="rate must be positive, got 0"):
        audio_to_bytes((0, np.zeros(3)), format="wav")


def test_files_that_are_no_16_bit_wav_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"ID3 this is no wav file")
    with pytest.raises(ValueError, match=r"a\.wav is not a PCM WAV file"):
        read_wav(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.wav is not a PCM WAV file: it ends early"):
        read_wav(path)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(8))
    with pytest.raises(ValueError, match="has 8-bit samples"):
        read_wav(path)
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "none.wav")
