"""Speech to text: Moonshine, moonshine-voice and pocketsphinx, each loaded when it is used."""

from fastrtc_core.speech import STTCapabilities, get_stt_model
from fastrtc_stt.errors import DecodersExhaustedError, GrammarError, STTError
from fastrtc_stt.moonshine import Moonshine, MoonshineSTT
from fastrtc_stt.moonshine_adapter import MoonshineOnnx
from fastrtc_stt.moonshine_voice import MoonshineVoice
from fastrtc_stt.pocketsphinx import PocketSphinx

__version__ = "0.1.0"

__all__ = [
    "DecodersExhaustedError",
    "GrammarError",
    "Moonshine",
    "MoonshineOnnx",
    "MoonshineSTT",
    "MoonshineVoice",
    "PocketSphinx",
    "STTCapabilities",
    "STTError",
    "get_stt_model",
]
