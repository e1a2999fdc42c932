"""Audio as files: WAV always, MP3 where PyAV is installed."""

import io
import wave
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio.convert import to_int16

AudioFormat: TypeAlias = Literal["auto", "mp3", "wav"]

_MOST_CHANNELS: Final = 8
"""7.1 surround. More rows than this are taken for samples in the wrong order."""
_MP3_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Hz that MPEG-1, MPEG-2 (ISO/IEC 11172-3 and 13818-3) and MPEG 2.5 define for layer III."""
_MP3_BIT_RATE: Final = 128_000
"""The usual rate for MP3; LAME lowers it where the sample rate allows less."""


def audio_to_bytes(audio: tuple[int, NDArray[Any]], format: AudioFormat = "auto") -> bytes:
    """The bytes of an audio file, for APIs that take uploads.

    **The format depends on the installation unless it is named.** With "auto" these are MP3 bytes
    where PyAV is installed (``pip install 'fastrtc-core[mp3]'``) and WAV bytes where it is not. An
    API that needs a file name or a media type needs a named format.

    Args:
        audio: ``(rate, samples)``: Hz, and samples shaped ``(n,)`` or ``(channels, n)``, never
            ``(n, channels)``; int16, int32 or floats with full scale 1.0.
        format: "mp3", "wav" (16 bits), or "auto".

    Raises:
        ImportError: MP3 is asked for and PyAV is missing.
        TypeError: The dtype is not one that `to_int16` reads.
        ValueError: The samples are not shaped so or not finite, or MP3 has no such rate.
    """
    return _ENCODERS[_chosen(format)](audio)


def audio_to_file(audio: tuple[int, NDArray[Any]], format: AudioFormat = "auto") -> str:
    """The path of a new temporary file, which the caller owns: remove it when done with it.

    **The format depends on the installation unless it is named**, as in `audio_to_bytes`; the
    suffix says which it is, ``.mp3`` or ``.wav``.

    Args:
        audio: As in `audio_to_bytes`.
        format: As in `audio_to_bytes`.

    Raises:
        ImportError: See `audio_to_bytes`.
        TypeError: See `audio_to_bytes`.
        ValueError: See `audio_to_bytes`.
    """
    chosen = _chosen(format)
    data = _ENCODERS[chosen](audio)
    with NamedTemporaryFile(prefix="fastrtc-", suffix=f".{chosen}", delete=False) as file:
        file.write(data)
    return file.name


def read_wav(path: str | PathLike[str]) -> tuple[int, NDArray[np.int16]]:
    """Rate in Hz, and samples shaped ``(channels, n)``, of a 16-bit PCM WAV file.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no WAV file, or its samples are not 16-bit PCM.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getparams()[:3]
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"{path} is not a PCM WAV file: {str(error) or 'it ends early'}"
        ) from error
    if width != 2:
        raise ValueError(f"{path} has {8 * width}-bit samples: only 16 bits are read")
    samples = np.frombuffer(data, "<i2").astype(np.int16)
    return rate, np.ascontiguousarray(samples.reshape(-1, channels).T)


def write_wav(path: str | PathLike[str], audio: tuple[int, NDArray[Any]]) -> None:
    """Writes a 16-bit PCM WAV file, replacing what is there.

    Args:
        path: Where to.
        audio: As in `audio_to_bytes`.

    Raises:
        OSError: The file cannot be written.
        TypeError: See `audio_to_bytes`.
        ValueError: See `audio_to_bytes`.
    """
    Path(path).write_bytes(_encode_wav(audio))


def _chosen(format: AudioFormat) -> Literal["mp3", "wav"]:
    if format == "auto":
        return "mp3" if find_spec("av") else "wav"
    if format not in _ENCODERS:
        raise ValueError(f"unknown audio format {format!r}: use 'auto', 'mp3' or 'wav'")
    return format


def _encode_wav(audio: tuple[int, NDArray[Any]]) -> bytes:
    rate, samples = _normalised(audio)
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.T.astype("<i2").tobytes())
    return target.getvalue()


def _encode_mp3(audio: tuple[int, NDArray[Any]]) -> bytes:
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "MP3 needs PyAV: pip install 'fastrtc-core[mp3]', or ask for format='wav'"
        ) from error
    rate, samples = _normalised(audio)
    if rate not in _MP3_RATES or len(samples) > 2:
        raise ValueError(
            f"MP3 has no {rate} Hz with {len(samples)} channels: use 1 or 2 channels at one of "
            f"{', '.join(map(str, _MP3_RATES))} Hz, or format='wav'"
        )
    layout = "mono" if len(samples) == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(samples, format="s16p", layout=layout)
    frame.sample_rate = rate
    target = io.BytesIO()
    with av.open(target, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout=layout)
        stream.bit_rate = _MP3_BIT_RATE
        for block in (frame, None):
            container.mux(stream.encode(block))
    return target.getvalue()


def _normalised(audio: tuple[int, NDArray[Any]]) -> tuple[int, NDArray[np.int16]]:
    """The rate, and C-ordered int16 samples shaped ``(channels, n)``."""
    rate, samples = audio
    if rate < 1:
        raise ValueError(f"the sample rate must be positive, got {rate}")
    rows = samples[np.newaxis] if samples.ndim == 1 else samples
    if rows.ndim != 2 or not 1 <= len(rows) <= _MOST_CHANNELS:
        raise ValueError(
            f"expected samples shaped (n,) or (channels, n) with at most {_MOST_CHANNELS} "
            f"channels, got {samples.shape}: transpose (n, channels) first"
        )
    return rate, np.ascontiguousarray(to_int16(rows))


_ENCODERS: Final[Mapping[str, Callable[[tuple[int, NDArray[Any]]], bytes]]] = {
    "mp3": _encode_mp3,
    "wav": _encode_wav,
}
