"""From what the user gave as a handler to a new handler for every session."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fastrtc_core.callables import AudioFunctionHandler, VideoStreamHandler
from fastrtc_core.errors import HandlerError
from fastrtc_core.handlers import (
    AsyncAudioVideoStreamHandler,
    AudioVideoStreamHandler,
    StreamHandlerBase,
)
from fastrtc_core.session import Mode
from fastrtc_core.signatures import is_generator

Modality = Literal["audio", "video", "audio-video"]


@dataclass(frozen=True, slots=True)
class HandlerFactory:
    """Wraps a function that returns a new handler, for handlers that can't be copied.

    ``Stream(HandlerFactory(lambda: MyHandler(database)), modality="audio")``
    """

    make: Callable[[], StreamHandlerBase]


HandlerType = StreamHandlerBase | type[StreamHandlerBase] | HandlerFactory | Callable[..., object]


def handler_factory(
    handler: HandlerType, modality: Modality, mode: Mode
) -> Callable[[], StreamHandlerBase]:
    """Return what makes a handler for one session.

    Raises:
        HandlerError: The handler does not fit the modality or the mode.

    """
    if isinstance(handler, HandlerFactory):
        return _checked(handler.make, modality)
    if isinstance(handler, type):
        if not issubclass(handler, StreamHandlerBase):
            raise HandlerError(f"{handler.__name__} is no StreamHandler")
        return _checked(handler, modality)
    if isinstance(handler, StreamHandlerBase):
        _check(handler, modality)
        return _checked(handler.copy, modality, prototype=handler)
    if callable(handler):
        return _of_function(handler, modality, mode)
    raise HandlerError(f"a handler is a function or a StreamHandler, not {handler!r}")


def _of_function(
    function: Callable[..., object], modality: Modality, mode: Mode
) -> Callable[[], StreamHandlerBase]:
    if modality == "audio-video":
        raise HandlerError(
            "modality='audio-video' needs an AudioVideoStreamHandler, not a function"
        )
    if mode == "receive" and not is_generator(function):
        raise HandlerError("mode='receive' needs a generator function, which yields what is sent")
    if mode != "receive" and is_generator(function):
        raise HandlerError(
            "a generator function replies to a turn, not to a frame: wrap it in ReplyOnPause "
            "(pip install fastrtc-vad), or use mode='receive'"
        )
    handler = (
        AudioFunctionHandler(function) if modality == "audio" else VideoStreamHandler(function)
    )
    return handler.copy


def _checked(
    make: Callable[[], object], modality: Modality, prototype: StreamHandlerBase | None = None
) -> Callable[[], StreamHandlerBase]:
    def new_handler() -> StreamHandlerBase:
        handler = make()
        if not isinstance(handler, StreamHandlerBase):
            raise HandlerError(f"a new handler was to be made, but the result is {handler!r}")
        if handler is prototype:
            raise HandlerError(
                f"{type(handler).__name__}.copy() returned itself: each session needs its own"
            )
        _check(handler, modality)
        return handler

    return new_handler


_CLASSES: dict[Modality, tuple[type[StreamHandlerBase], ...]] = {
    "video": (VideoStreamHandler,),
    "audio-video": (AudioVideoStreamHandler, AsyncAudioVideoStreamHandler),
}


def _check(handler: StreamHandlerBase, modality: Modality) -> None:
    name = type(handler).__name__
    if "args_set" not in vars(handler):
        raise HandlerError(f"{name}.__init__ must call super().__init__()")
    wanted = _CLASSES.get(modality)
    if wanted and not isinstance(handler, wanted):
        names = " or ".join(c.__name__ for c in wanted)
        raise HandlerError(f"modality={modality!r} needs a function or {names}, not {name}")
    if modality == "audio" and isinstance(handler, VideoStreamHandler):
        raise HandlerError(f"{name} handles pictures; use modality='video'")
