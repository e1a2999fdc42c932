"""Models by name: each is made once in a process, by whichever package offers it."""

import threading
from collections.abc import Callable, Hashable
from typing import Final

from fastrtc_core import plugins
from fastrtc_core.errors import MissingPackageError, PluginError, PluginNotFoundError
from fastrtc_core.speech.recognition import StreamingSTTModel, STTModel
from fastrtc_core.speech.voices import TTSModel

STT: Final = "fastrtc.stt"
TTS: Final = "fastrtc.tts"

OURS: Final = {
    STT: {
        "moonshine/base": "fastrtc-stt[moonshine]",
        "moonshine/tiny": "fastrtc-stt[moonshine]",
        "moonshine-voice": "fastrtc-stt[moonshine-voice]",
        "pocketsphinx": "fastrtc-stt[pocketsphinx]",
    },
    TTS: {
        "cartesia": "fastrtc-tts[cartesia]",
        "espeak": "fastrtc-tts[espeak]",
        "kokoro": "fastrtc-tts[kokoro]",
        "kokoro-torch": "fastrtc-tts[kokoro-torch]",
    },
}
"""The project's own models, and what to install for each."""


class Models:
    """Models that were made, by group, name and settings."""

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[object, dict[str, object]]] = {}
        self._lock = threading.RLock()  # a model may be made of others

    def get(self, group: str, name: str, settings: dict[str, object]) -> object:
        """Return a model, made by the first call.

        Raises:
            PluginError: It can't be made.

        """
        key = (group, name, tuple(sorted((key, repr(value)) for key, value in settings.items())))
        with self._lock:
            if key not in self._made:
                # The settings are kept: an object's repr may be its address, which must stay its.
                self._made[key] = _maker(group, name)(**settings), settings
            return self._made[key][0]


def _maker(group: str, name: str) -> Callable[..., object]:
    try:
        make = plugins.load(group, name)
    except PluginNotFoundError:
        if name in OURS[group]:
            raise MissingPackageError(f"the model {name!r}", OURS[group][name]) from None
        raise
    if not callable(make):
        raise PluginError(f"{name!r} in {group} is no function that returns a model: {make!r}")
    return make


_models: Final = Models()


def get_stt_model(model: str = "moonshine/base", **settings: object) -> STTModel:
    """Return a speech-to-text model by name; the same one for the same name and settings.

    What it needs is loaded when it is first used or warmed up, not here.

    Args:
        model: A name that an installed package offers; ``fastrtc plugins`` lists them.
        settings: The model's own, such as ``path=``.

    Raises:
        PluginNotFoundError: No installed package offers it; the error lists what is there.
        MissingPackageError: It is one of this project's, and not installed.

    """
    found = _models.get(STT, model, settings)
    if not isinstance(found, STTModel | StreamingSTTModel):
        raise PluginError(f"{model!r} is no speech-to-text model, it has no stt(): {found!r}")
    return found  # type: ignore[return-value] # a plugin may have the native form alone


def get_tts_model(model: str = "kokoro", **settings: object) -> TTSModel:
    """Return a text-to-speech model by name; the same one for the same name and settings.

    What it needs is loaded when it is first used or warmed up, not here.

    Args:
        model: A name that an installed package offers; ``fastrtc plugins`` lists them.
        settings: The model's own, such as ``path=`` or ``cartesia_api_key=``.

    Raises:
        PluginNotFoundError: No installed package offers it; the error lists what is there.
        MissingPackageError: It is one of this project's, and not installed.

    """
    found = _models.get(TTS, model, settings)
    if not isinstance(found, TTSModel):
        raise PluginError(f"{model!r} is no text-to-speech model, it has no tts(): {found!r}")
    return found
