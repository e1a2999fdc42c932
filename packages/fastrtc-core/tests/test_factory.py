import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from fastrtc_core import (
    AsyncAudioVideoStreamHandler,
    AsyncStreamHandler,
    AudioVideoStreamHandler,
    HandlerError,
    HandlerFactory,
    StreamHandler,
    StreamHandlerBase,
    VideoStreamHandler,
)
from fastrtc_core.factory import handler_factory


def function(audio: object) -> object:
    return audio


def generator() -> Iterator[object]:
    yield None


async def async_generator() -> AsyncIterator[object]:
    yield None


class Sync(StreamHandler):
    def receive(self, frame: object) -> None: ...
    def emit(self) -> None: ...
    def copy(self) -> "Sync":
        return Sync()


class Async(AsyncStreamHandler):
    async def receive(self, frame: object) -> None: ...
    async def emit(self) -> None: ...


class Both(AudioVideoStreamHandler):
    def receive(self, frame: object) -> None: ...
    def emit(self) -> None: ...
    def video_receive(self, frame: object) -> None: ...
    def video_emit(self) -> None: ...


class AsyncBoth(AsyncAudioVideoStreamHandler):
    async def receive(self, frame: object) -> None: ...
    async def emit(self) -> None: ...
    async def video_receive(self, frame: object) -> None: ...
    async def video_emit(self) -> None: ...


class Forgetful(StreamHandler):
    def __init__(self) -> None:
        pass

    def receive(self, frame: object) -> None: ...
    def emit(self) -> None: ...


class Selfish(Sync):
    def copy(self) -> "Sync":
        return self


class Confused(Sync):
    def copy(self) -> Any:
        return 42


FITS: list[tuple[Any, Any, Any]] = [
    (function, "audio", "send-receive"),
    (function, "video", "send"),
    (partial(function), "video", "send-receive"),
    (generator, "audio", "receive"),
    (async_generator, "video", "receive"),
    (Sync(), "audio", "send-receive"),
    (Async, "audio", "send-receive"),
    (HandlerFactory(Async), "audio", "send"),
    (VideoStreamHandler(function), "video", "send-receive"),
    (Both, "audio-video", "send-receive"),
    (AsyncBoth, "audio-video", "receive"),
]


@pytest.mark.parametrize(("handler", "modality", "mode"), FITS)
def test_every_session_gets_its_own(handler: Any, modality: Any, mode: Any) -> None:
    make = handler_factory(handler, modality, mode)
    first, second = make(), make()
    assert isinstance(first, StreamHandlerBase)
    assert type(first) is type(second)
    assert len({id(handler), id(first), id(second)}) == 3


@pytest.mark.parametrize(
    ("handler", "modality", "mode", "words"),
    [
        (42, "audio", "send-receive", "not 42"),
        (dict, "audio", "send-receive", "dict is no StreamHandler"),
        (function, "audio-video", "send-receive", "needs an AudioVideoStreamHandler"),
        (function, "audio", "receive", "needs a generator"),
        (generator, "audio", "send-receive", "wrap it in ReplyOnPause"),
        (Sync(), "video", "send-receive", "VideoStreamHandler, not Sync"),
        (Sync(), "audio-video", "send-receive", "not Sync"),
        (VideoStreamHandler(function), "audio", "send-receive", "use modality='video'"),
    ],
)
def test_what_does_not_fit_is_refused(handler: Any, modality: Any, mode: Any, words: str) -> None:
    with pytest.raises(HandlerError, match=re.escape(words)):
        handler_factory(handler, modality, mode)


def test_the_constructor_of_the_base_must_be_called() -> None:
    with pytest.raises(HandlerError, match=re.escape("must call super().__init__()")):
        handler_factory(Forgetful(), "audio", "send-receive")
    make = handler_factory(Forgetful, "audio", "send-receive")
    with pytest.raises(HandlerError, match=re.escape("must call super().__init__()")):
        make()


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (Async(), "return a new Async from it, or pass the class itself"),
        (Selfish(), "returned itself"),
        (Confused(), "the result is 42"),
        (HandlerFactory(lambda: None), "the result is None"),  # type: ignore[arg-type, return-value]  # wrong on purpose
    ],
)
def test_a_copy_that_is_none_says_so(handler: Any, words: str) -> None:
    make = handler_factory(handler, "audio", "send-receive")
    with pytest.raises(HandlerError, match=re.escape(words)):
        make()
