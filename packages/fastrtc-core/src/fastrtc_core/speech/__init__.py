"""Speech models: what they must do, and how they are found.

Engines are packages of their own that derive from `Recognizer` or `Synthesizer` and offer
themselves by entry point, in the groups ``fastrtc.stt`` and ``fastrtc.tts``.
"""

from fastrtc_core.speech.clauses import ClauseSplitter, clauses
from fastrtc_core.speech.models import get_stt_model, get_tts_model
from fastrtc_core.speech.recognition import (
    Audio,
    BufferedStream,
    RecognitionStream,
    Recognizer,
    StreamingSTTModel,
    STTCapabilities,
    STTModel,
    Transcript,
    Word,
    as_streaming_stt,
    is_silent,
    mono,
    stt_for_chunks,
)
from fastrtc_core.speech.synthesis import Narration, Synthesizer
from fastrtc_core.speech.voices import SpeechChunk, Spoken, TTSCapabilities, TTSModel, Written
from fastrtc_core.speech.weights import WeightFile, Weights, WeightsError
from fastrtc_core.stopping import Stop, current_stop

__all__ = [
    "Audio",
    "BufferedStream",
    "ClauseSplitter",
    "Narration",
    "RecognitionStream",
    "Recognizer",
    "STTCapabilities",
    "STTModel",
    "SpeechChunk",
    "Spoken",
    "Stop",
    "StreamingSTTModel",
    "Synthesizer",
    "TTSCapabilities",
    "TTSModel",
    "Transcript",
    "WeightFile",
    "Weights",
    "WeightsError",
    "Word",
    "Written",
    "as_streaming_stt",
    "clauses",
    "current_stop",
    "get_stt_model",
    "get_tts_model",
    "is_silent",
    "mono",
    "stt_for_chunks",
]
