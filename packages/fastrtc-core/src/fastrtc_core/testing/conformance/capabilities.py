"""What models say that they can do."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from fastrtc_core.speech import STTCapabilities, TTSCapabilities
from fastrtc_core.testing.conformance.report import Rule, require
from fastrtc_core.testing.conformance.threads import in_thread

LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
"""The shape of a tag of BCP 47."""


def require_stt_capabilities(model: object) -> None:
    """Check what a speech-to-text model says of itself.

    Raises:
        RuleBrokenError: It makes no sense.

    """
    told: object = getattr(model, "capabilities", None)
    if not isinstance(told, STTCapabilities):
        require(False, f"capabilities is {told!r}, no STTCapabilities")
        return
    for name in ("streaming", "partials", "timestamps"):
        value = getattr(told, name)
        require(isinstance(value, bool), f"{name} is {value!r}, neither True nor False")
    require(told.streaming or not told.partials, "it has partials and is not streaming")
    _require_languages(told.languages)


def require_tts_capabilities(model: object) -> None:
    """Check what a text-to-speech model says of itself.

    Raises:
        RuleBrokenError: It makes no sense.

    """
    told: object = getattr(model, "capabilities", None)
    if not isinstance(told, TTSCapabilities):
        require(False, f"capabilities is {told!r}, no TTSCapabilities")
        return
    streaming: object = told.streaming
    require(isinstance(streaming, bool), f"streaming is {streaming!r}, neither True nor False")
    require(told.timing in ("clause", "word"), f"timing is {told.timing!r}")
    _require_languages(told.languages)
    voices: object = told.voices
    named = isinstance(voices, tuple) and all(isinstance(v, str) and v for v in voices)
    require(named, f"voices is {voices!r}, no tuple of names")


def _require_languages(languages: object) -> None:
    require(isinstance(languages, tuple), f"languages is {languages!r}, no tuple")
    for tag in languages if isinstance(languages, tuple) else ():
        is_tag = isinstance(tag, str) and LANGUAGE.fullmatch(tag) is not None
        require(is_tag, f"the language {tag!r} is no tag of BCP 47, such as 'en' or 'pt-BR'")


def _of_tts(make_model: Callable[[], object]) -> Awaitable[None]:
    return in_thread(lambda: require_tts_capabilities(make_model()))


TTS_CAPABILITIES: Final = Rule("capabilities", "capabilities make sense", _of_tts)
