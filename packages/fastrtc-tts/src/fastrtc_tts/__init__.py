"""Text to speech: Kokoro, Cartesia and espeak-ng.

Nothing is loaded by importing this, nor by making a model: an engine loads when it is first used.
"""

from fastrtc_core.speech import get_tts_model
from fastrtc_tts.cartesia import CartesiaModel, CartesiaTTSOptions
from fastrtc_tts.errors import EngineError, ServiceError, UnknownVoiceError
from fastrtc_tts.espeak import EspeakModel, EspeakTTSOptions
from fastrtc_tts.kokoro import KokoroModel, KokoroTTSOptions
from fastrtc_tts.kokoro_torch import KokoroTorchModel

__version__ = "0.1.0"

__all__ = [
    "CartesiaModel",
    "CartesiaTTSOptions",
    "EngineError",
    "EspeakModel",
    "EspeakTTSOptions",
    "KokoroModel",
    "KokoroTTSOptions",
    "KokoroTorchModel",
    "ServiceError",
    "UnknownVoiceError",
    "get_tts_model",
]
