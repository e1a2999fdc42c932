"""Real-time audio and video streams out of Python functions: every installed part by one name.

``from fastrtc import X`` takes X from the part that has it, which is imported then (PEP 562). The
parts are optional: a name whose part is missing says what to install. There is no ``__all__``,
because ``from fastrtc import *`` would need every part.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # what editors and type checkers see; the same names as in _PARTS
    from fastrtc_core import AdditionalOutputs as AdditionalOutputs
    from fastrtc_core import AdmissionError as AdmissionError
    from fastrtc_core import ArgumentsTimeoutError as ArgumentsTimeoutError
    from fastrtc_core import AsyncAudioVideoStreamHandler as AsyncAudioVideoStreamHandler
    from fastrtc_core import AsyncStreamHandler as AsyncStreamHandler
    from fastrtc_core import AudioChunk as AudioChunk
    from fastrtc_core import AudioEmitType as AudioEmitType
    from fastrtc_core import AudioFrame as AudioFrame
    from fastrtc_core import AudioVideoStreamHandler as AudioVideoStreamHandler
    from fastrtc_core import CloseReason as CloseReason
    from fastrtc_core import CloseStream as CloseStream
    from fastrtc_core import ConcurrencyLimitError as ConcurrencyLimitError
    from fastrtc_core import ConnectionRequest as ConnectionRequest
    from fastrtc_core import Context as Context
    from fastrtc_core import DigitPressed as DigitPressed
    from fastrtc_core import EmitType as EmitType
    from fastrtc_core import Event as Event
    from fastrtc_core import FastRTCError as FastRTCError
    from fastrtc_core import HandlerError as HandlerError
    from fastrtc_core import HandlerFactory as HandlerFactory
    from fastrtc_core import HandlerFailed as HandlerFailed
    from fastrtc_core import IdInUseError as IdInUseError
    from fastrtc_core import Interrupted as Interrupted
    from fastrtc_core import LazyVideoFrame as LazyVideoFrame
    from fastrtc_core import Limits as Limits
    from fastrtc_core import Message as Message
    from fastrtc_core import MissingPackageError as MissingPackageError
    from fastrtc_core import ModelOptions as ModelOptions
    from fastrtc_core import PauseDetected as PauseDetected
    from fastrtc_core import PauseDetectionModel as PauseDetectionModel
    from fastrtc_core import PluginError as PluginError
    from fastrtc_core import PluginNotFoundError as PluginNotFoundError
    from fastrtc_core import ProtocolError as ProtocolError
    from fastrtc_core import ResponseFinished as ResponseFinished
    from fastrtc_core import ResponseStarting as ResponseStarting
    from fastrtc_core import Session as Session
    from fastrtc_core import SessionClosed as SessionClosed
    from fastrtc_core import SessionClosedError as SessionClosedError
    from fastrtc_core import StartedTalking as StartedTalking
    from fastrtc_core import StopWordDetected as StopWordDetected
    from fastrtc_core import Stream as Stream
    from fastrtc_core import StreamHandler as StreamHandler
    from fastrtc_core import StreamHandlerBase as StreamHandlerBase
    from fastrtc_core import StreamingPauseDetectionModel as StreamingPauseDetectionModel
    from fastrtc_core import TransportPlugin as TransportPlugin
    from fastrtc_core import UnauthorizedError as UnauthorizedError
    from fastrtc_core import UnknownSessionError as UnknownSessionError
    from fastrtc_core import Utterance as Utterance
    from fastrtc_core import VideoEmitType as VideoEmitType
    from fastrtc_core import VideoFrame as VideoFrame
    from fastrtc_core import VideoStreamHandler as VideoStreamHandler
    from fastrtc_core import Warning as Warning
    from fastrtc_core import WebRTCError as WebRTCError
    from fastrtc_core import Wire as Wire
    from fastrtc_core import WorkersExhaustedError as WorkersExhaustedError
    from fastrtc_core import aggregate_bytes_to_16bit as aggregate_bytes_to_16bit
    from fastrtc_core import async_aggregate_bytes_to_16bit as async_aggregate_bytes_to_16bit
    from fastrtc_core import audio_to_bytes as audio_to_bytes
    from fastrtc_core import audio_to_file as audio_to_file
    from fastrtc_core import audio_to_float32 as audio_to_float32
    from fastrtc_core import audio_to_int16 as audio_to_int16
    from fastrtc_core import get_current_context as get_current_context
    from fastrtc_core import wait_for_item as wait_for_item
    from fastrtc_core.speech import Narration as Narration
    from fastrtc_core.speech import RecognitionStream as RecognitionStream
    from fastrtc_core.speech import Recognizer as Recognizer
    from fastrtc_core.speech import SpeechChunk as SpeechChunk
    from fastrtc_core.speech import StreamingSTTModel as StreamingSTTModel
    from fastrtc_core.speech import STTCapabilities as STTCapabilities
    from fastrtc_core.speech import STTModel as STTModel
    from fastrtc_core.speech import Synthesizer as Synthesizer
    from fastrtc_core.speech import Transcript as Transcript
    from fastrtc_core.speech import TTSCapabilities as TTSCapabilities
    from fastrtc_core.speech import TTSModel as TTSModel
    from fastrtc_core.speech import WeightsError as WeightsError
    from fastrtc_core.speech import Word as Word
    from fastrtc_core.speech import get_stt_model as get_stt_model
    from fastrtc_core.speech import get_tts_model as get_tts_model
    from fastrtc_core.speech import stt_for_chunks as stt_for_chunks
    from fastrtc_gradio import UIArgs as UIArgs
    from fastrtc_gradio import WebRTC as WebRTC
    from fastrtc_gradio import WebRTCData as WebRTCData
    from fastrtc_stt import MoonshineSTT as MoonshineSTT
    from fastrtc_telephony import Asterisk as Asterisk
    from fastrtc_telephony import Call as Call
    from fastrtc_telephony import CallControlError as CallControlError
    from fastrtc_telephony import CallInfo as CallInfo
    from fastrtc_telephony import Exotel as Exotel
    from fastrtc_telephony import Genesys as Genesys
    from fastrtc_telephony import Plivo as Plivo
    from fastrtc_telephony import TelephoneSettings as TelephoneSettings
    from fastrtc_telephony import Telnyx as Telnyx
    from fastrtc_telephony import Twilio as Twilio
    from fastrtc_telephony import Vonage as Vonage
    from fastrtc_telephony import call_of as call_of
    from fastrtc_telephony import current_call as current_call
    from fastrtc_tts import CartesiaTTSOptions as CartesiaTTSOptions
    from fastrtc_tts import EspeakTTSOptions as EspeakTTSOptions
    from fastrtc_tts import KokoroTTSOptions as KokoroTTSOptions
    from fastrtc_vad import AlgoOptions as AlgoOptions
    from fastrtc_vad import AppState as AppState
    from fastrtc_vad import Batcher as Batcher
    from fastrtc_vad import ReplyOnPause as ReplyOnPause
    from fastrtc_vad import ReplyOnStopWords as ReplyOnStopWords
    from fastrtc_vad import ReplyOnStopWordsState as ReplyOnStopWordsState
    from fastrtc_vad import SileroTorchModel as SileroTorchModel
    from fastrtc_vad import SileroVADModel as SileroVADModel
    from fastrtc_vad import SileroVadOptions as SileroVadOptions
    from fastrtc_vad import TurnEvent as TurnEvent
    from fastrtc_vad import TurnMachine as TurnMachine
    from fastrtc_vad import batcher_for as batcher_for
    from fastrtc_vad import get_silero_model as get_silero_model
    from fastrtc_webrtc import ConfigurationError as ConfigurationError
    from fastrtc_webrtc import CredentialsError as CredentialsError
    from fastrtc_webrtc import TurnCredentials as TurnCredentials
    from fastrtc_webrtc import WebRTCSettings as WebRTCSettings
    from fastrtc_webrtc import WebRTCTransport as WebRTCTransport
    from fastrtc_webrtc import get_cloudflare_turn_credentials as get_cloudflare_turn_credentials
    from fastrtc_webrtc import (
        get_cloudflare_turn_credentials_async as get_cloudflare_turn_credentials_async,
    )
    from fastrtc_webrtc import get_coturn_credentials as get_coturn_credentials
    from fastrtc_webrtc import get_hf_turn_credentials as get_hf_turn_credentials
    from fastrtc_webrtc import get_hf_turn_credentials_async as get_hf_turn_credentials_async
    from fastrtc_webrtc import get_turn_credentials as get_turn_credentials
    from fastrtc_webrtc import get_turn_credentials_async as get_turn_credentials_async
    from fastrtc_webrtc import get_twilio_turn_credentials as get_twilio_turn_credentials
    from fastrtc_websocket import WebSocketTransport as WebSocketTransport

__version__ = "0.1.0"

_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "fastrtc_core": (
        "AdditionalOutputs",
        "AdmissionError",
        "ArgumentsTimeoutError",
        "AsyncAudioVideoStreamHandler",
        "AsyncStreamHandler",
        "AudioChunk",
        "AudioEmitType",
        "AudioFrame",
        "AudioVideoStreamHandler",
        "CloseReason",
        "CloseStream",
        "ConcurrencyLimitError",
        "ConnectionRequest",
        "Context",
        "DigitPressed",
        "EmitType",
        "Event",
        "FastRTCError",
        "HandlerError",
        "HandlerFactory",
        "HandlerFailed",
        "IdInUseError",
        "Interrupted",
        "LazyVideoFrame",
        "Limits",
        "Message",
        "MissingPackageError",
        "ModelOptions",
        "PauseDetected",
        "PauseDetectionModel",
        "PluginError",
        "PluginNotFoundError",
        "ProtocolError",
        "ResponseFinished",
        "ResponseStarting",
        "Session",
        "SessionClosed",
        "SessionClosedError",
        "StartedTalking",
        "StopWordDetected",
        "Stream",
        "StreamHandler",
        "StreamHandlerBase",
        "StreamingPauseDetectionModel",
        "TransportPlugin",
        "UnauthorizedError",
        "UnknownSessionError",
        "Utterance",
        "VideoEmitType",
        "VideoFrame",
        "VideoStreamHandler",
        "Warning",
        "WebRTCError",
        "Wire",
        "WorkersExhaustedError",
        "aggregate_bytes_to_16bit",
        "async_aggregate_bytes_to_16bit",
        "audio_to_bytes",
        "audio_to_file",
        "audio_to_float32",
        "audio_to_int16",
        "get_current_context",
        "wait_for_item",
    ),
    "fastrtc_core.speech": (
        "Narration",
        "RecognitionStream",
        "Recognizer",
        "STTCapabilities",
        "STTModel",
        "SpeechChunk",
        "StreamingSTTModel",
        "Synthesizer",
        "TTSCapabilities",
        "TTSModel",
        "Transcript",
        "WeightsError",
        "Word",
        "get_stt_model",
        "get_tts_model",
        "stt_for_chunks",
    ),
    "fastrtc_gradio": ("UIArgs", "WebRTC", "WebRTCData"),
    "fastrtc_stt": ("MoonshineSTT",),
    "fastrtc_telephony": (
        "Asterisk",
        "Call",
        "CallControlError",
        "CallInfo",
        "Exotel",
        "Genesys",
        "Plivo",
        "TelephoneSettings",
        "Telnyx",
        "Twilio",
        "Vonage",
        "call_of",
        "current_call",
    ),
    "fastrtc_tts": (
        "CartesiaTTSOptions",
        "EspeakTTSOptions",
        "KokoroTTSOptions",
    ),
    "fastrtc_vad": (
        "AlgoOptions",
        "AppState",
        "Batcher",
        "ReplyOnPause",
        "ReplyOnStopWords",
        "ReplyOnStopWordsState",
        "SileroTorchModel",
        "SileroVADModel",
        "SileroVadOptions",
        "TurnEvent",
        "TurnMachine",
        "batcher_for",
        "get_silero_model",
    ),
    "fastrtc_webrtc": (
        "ConfigurationError",
        "CredentialsError",
        "TurnCredentials",
        "WebRTCSettings",
        "WebRTCTransport",
        "get_cloudflare_turn_credentials",
        "get_cloudflare_turn_credentials_async",
        "get_coturn_credentials",
        "get_hf_turn_credentials",
        "get_hf_turn_credentials_async",
        "get_turn_credentials",
        "get_turn_credentials_async",
        "get_twilio_turn_credentials",
    ),
    "fastrtc_websocket": ("WebSocketTransport",),
}

_WHERE: Final = {name: module for module, names in _PARTS.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a name from its part, once.

    Raises:
        AttributeError: No part has this name.
        MissingPackageError: The part that has it is not installed.

    """
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value: object = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if (
            error.name != module
        ):  # the part is there, and what it needs is not: this error says what
            raise
        from fastrtc_core import MissingPackageError

        raise MissingPackageError(f"fastrtc.{name}", module.replace("_", "-")) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
