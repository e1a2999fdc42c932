"""Turn any Python function into a real-time stream: the part that knows no transport.

`Stream` describes, `Session` is one connection; handlers derive from `StreamHandler` and its kin.
Transports, models and the user interface are packages of their own that plug in.
"""

from fastrtc_core.audio import (
    aggregate_bytes_to_16bit,
    async_aggregate_bytes_to_16bit,
    audio_to_bytes,
    audio_to_file,
    audio_to_float32,
    audio_to_int16,
    wait_for_item,
)
from fastrtc_core.callables import VideoStreamHandler
from fastrtc_core.context import Context, Warning, get_current_context
from fastrtc_core.detection import (
    AudioChunk,
    ModelOptions,
    PauseDetectionModel,
    StreamingPauseDetectionModel,
)
from fastrtc_core.errors import (
    AdmissionError,
    ArgumentsTimeoutError,
    ConcurrencyLimitError,
    FastRTCError,
    HandlerError,
    IdInUseError,
    MissingPackageError,
    PluginError,
    PluginNotFoundError,
    ProtocolError,
    SessionClosedError,
    UnauthorizedError,
    UnknownSessionError,
    WebRTCError,
    WorkersExhaustedError,
)
from fastrtc_core.events import (
    CloseReason,
    DigitPressed,
    Event,
    HandlerFailed,
    Interrupted,
    PauseDetected,
    ResponseFinished,
    ResponseStarting,
    SessionClosed,
    StartedTalking,
    StopWordDetected,
)
from fastrtc_core.factory import HandlerFactory
from fastrtc_core.frames import AudioFrame, LazyVideoFrame, VideoFrame
from fastrtc_core.handlers import (
    AsyncAudioVideoStreamHandler,
    AsyncStreamHandler,
    AudioEmitType,
    AudioVideoStreamHandler,
    EmitType,
    StreamHandler,
    StreamHandlerBase,
    VideoEmitType,
)
from fastrtc_core.messages import Message
from fastrtc_core.outputs import AdditionalOutputs, CloseStream
from fastrtc_core.session import Session
from fastrtc_core.speaker import Utterance
from fastrtc_core.stream import Stream
from fastrtc_core.transport import ConnectionRequest, Limits, TransportPlugin, Wire

__version__ = "0.1.0"

__all__ = [
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
]
