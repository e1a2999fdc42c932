"""Audio as numbers: formats, rates, telephone codecs, files."""

from fastrtc_core.audio.chunks import (
    aggregate_bytes_to_16bit,
    async_aggregate_bytes_to_16bit,
    wait_for_item,
)
from fastrtc_core.audio.convert import (
    Layout,
    audio_to_float32,
    audio_to_int16,
    to_float32,
    to_int16,
    to_layout,
)
from fastrtc_core.audio.files import (
    AudioFormat,
    audio_to_bytes,
    audio_to_file,
    read_wav,
    write_wav,
)
from fastrtc_core.audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from fastrtc_core.audio.resample import Resampler

__all__ = [
    "AudioFormat",
    "Layout",
    "Resampler",
    "aggregate_bytes_to_16bit",
    "alaw_decode",
    "alaw_encode",
    "async_aggregate_bytes_to_16bit",
    "audio_to_bytes",
    "audio_to_file",
    "audio_to_float32",
    "audio_to_int16",
    "read_wav",
    "to_float32",
    "to_int16",
    "to_layout",
    "ulaw_decode",
    "ulaw_encode",
    "wait_for_item",
    "write_wav",
]
