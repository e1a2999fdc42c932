"""Where the names of FastRTC's own modules are now.

Programs written for it import from modules such as ``fastrtc.tracks``. Those are here too, empty:
each looks a name up in this table when it is asked for it: ``module``, or ``module:name`` where it
has another name now. What is not in the table was FastRTC's inside; MIGRATING.md says what to use
instead.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

_CORE: Final = "fastrtc_core"
_HANDLERS: Final = "fastrtc_core.handlers"
_SPEECH: Final = "fastrtc_core.speech"
_CREDENTIALS: Final = "fastrtc_webrtc"
_GRADIO: Final = "fastrtc_gradio"


def _all(where: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, where)


_DETECTION: Final = {
    **_all(_CORE, "ModelOptions", "PauseDetectionModel"),
    **_all("fastrtc_vad", "SileroVADModel", "SileroVadOptions", "get_silero_model"),
}
_RECOGNITION: Final = {
    **_all(_SPEECH, "STTModel", "get_stt_model", "stt_for_chunks"),
    **_all("fastrtc_stt", "MoonshineSTT"),
}
_SYNTHESIS: Final = {
    **_all(_SPEECH, "TTSModel", "get_tts_model"),
    **_all("fastrtc_tts", "CartesiaTTSOptions", "KokoroTTSOptions"),
    "CartesiaTTSModel": "fastrtc_tts:CartesiaModel",
    "KokoroTTSModel": "fastrtc_tts:KokoroModel",
}

FORMER: Final[Mapping[str, Mapping[str, str]]] = {
    "fastrtc.credentials": _all(
        _CREDENTIALS,
        "get_cloudflare_turn_credentials",
        "get_cloudflare_turn_credentials_async",
        "get_hf_turn_credentials",
        "get_hf_turn_credentials_async",
        "get_turn_credentials",
        "get_turn_credentials_async",
        "get_twilio_turn_credentials",
    ),
    "fastrtc.pause_detection": _DETECTION,
    "fastrtc.pause_detection.protocol": _all(_CORE, "ModelOptions", "PauseDetectionModel"),
    "fastrtc.pause_detection.silero": _DETECTION,
    "fastrtc.reply_on_pause": _all("fastrtc_vad", "AlgoOptions", "AppState", "ReplyOnPause"),
    "fastrtc.reply_on_stopwords": _all("fastrtc_vad", "ReplyOnStopWords", "ReplyOnStopWordsState"),
    "fastrtc.speech_to_text": _RECOGNITION,
    "fastrtc.speech_to_text.stt_": _RECOGNITION,
    "fastrtc.stream": {**_all(_CORE, "Stream"), **_all(_GRADIO, "UIArgs")},
    "fastrtc.text_to_speech": _SYNTHESIS,
    "fastrtc.text_to_speech.tts": _SYNTHESIS,
    "fastrtc.tracks": {
        **_all(
            _CORE,
            "AsyncAudioVideoStreamHandler",
            "AsyncStreamHandler",
            "AudioEmitType",
            "AudioVideoStreamHandler",
            "EmitType",
            "StreamHandler",
            "StreamHandlerBase",
            "VideoEmitType",
            "VideoStreamHandler",
        ),
        **_all("fastrtc_core.factory", "HandlerType"),
        "AudioVideoStreamHandlerImpl": f"{_HANDLERS}:StreamHandlerBase",
        "StreamHandlerImpl": f"{_HANDLERS}:StreamHandlerBase",
    },
    "fastrtc.utils": {
        **_all(
            _CORE,
            "AdditionalOutputs",
            "AudioChunk",
            "CloseStream",
            "Context",
            "Warning",
            "WebRTCError",
            "aggregate_bytes_to_16bit",
            "async_aggregate_bytes_to_16bit",
            "audio_to_bytes",
            "audio_to_file",
            "audio_to_float32",
            "audio_to_int16",
            "get_current_context",
            "wait_for_item",
        ),
        **_all(_GRADIO, "WebRTCData"),
        **_all(_HANDLERS, "DataChannel"),
        "RTCConfigurationCallable": "fastrtc_core.stream:RTCConfiguration",
        **_all("fastrtc_core.messages", "create_message"),
    },
    "fastrtc.webrtc": _all(_GRADIO, "WebRTC"),
    "fastrtc.websocket": _all("fastrtc_websocket", "WebSocketTransport"),
}
"""By module: where each name is."""


def names_of(module: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a former module (PEP 562).

    Args:
        module: Its ``__name__``.

    """
    places = FORMER[module]

    def get(name: str) -> Any:
        place = places.get(name)
        if place is None:
            raise AttributeError(
                f"module {module!r} has no attribute {name!r}; MIGRATING.md says what has changed"
            )
        where, _, now = place.partition(":")
        part = where.partition(".")[0]
        try:
            value = getattr(import_module(where), now or name)
        except ModuleNotFoundError as error:
            if error.name != part:
                raise
            from fastrtc_core import MissingPackageError

            raise MissingPackageError(f"{module}.{name}", part.replace("_", "-")) from None
        return value

    return get, lambda: sorted(places)
