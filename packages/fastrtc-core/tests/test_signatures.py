from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

import pytest

from fastrtc_core import HandlerError
from fastrtc_core.signatures import is_async, is_generator, required_inputs, unwrapped


def plain(audio: object) -> object:
    return audio


async def coroutine(audio: object) -> object:
    return audio


def generator(audio: object) -> Iterator[object]:
    yield audio


async def async_generator(audio: object) -> AsyncIterator[object]:
    yield audio


class Methods:
    def plain(self, audio: object) -> object:
        return audio

    async def coroutine(self, audio: object) -> object:
        return audio

    @staticmethod
    def generator(audio: object) -> Iterator[object]:
        yield audio

    @classmethod
    async def async_generator(cls, audio: object) -> AsyncIterator[object]:
        yield audio


class Plain:
    def __call__(self, audio: object) -> object:
        return audio


class Coroutine:
    async def __call__(self, audio: object) -> object:
        return audio


class Generator:
    def __call__(self, audio: object) -> Iterator[object]:
        yield audio


class AsyncGenerator:
    async def __call__(self, audio: object) -> AsyncIterator[object]:
        yield audio


KINDS = {  # kind: (is async, is a generator)
    "plain": (False, False),
    "coroutine": (True, False),
    "generator": (False, True),
    "async_generator": (True, True),
}
FORMS: dict[str, list[Callable[..., object]]] = {
    "plain": [plain, Methods().plain, Plain(), lambda audio: audio],
    "coroutine": [coroutine, Methods().coroutine, Coroutine()],
    "generator": [generator, Methods.generator, Generator()],
    "async_generator": [async_generator, Methods().async_generator, AsyncGenerator()],
}
FORMED = [
    (kind, form)
    for kind, forms in FORMS.items()
    for function in forms
    for form in (function, partial(function), partial(partial(function), audio=1))
]


@pytest.mark.parametrize(("kind", "function"), FORMED)
def test_kinds_are_seen_through_all_wrappings(kind: str, function: Callable[..., object]) -> None:
    assert (is_async(function), is_generator(function)) == KINDS[kind]


def test_a_class_is_called_to_make_an_object() -> None:
    assert not is_async(Coroutine)
    assert not is_generator(Generator)


def test_the_working_function_is_found() -> None:
    assert unwrapped(partial(partial(plain))) is plain
    assert unwrapped(Plain()) is Plain.__call__
    assert unwrapped(len) is len


def none() -> None: ...
def one(audio: object) -> None: ...
def two(audio: object, text: str) -> None: ...
def with_default(audio: object, text: str, voice: str = "x", *, speed: float = 1.0) -> None: ...
def anything(*args: object) -> None: ...
def more(audio: object, *args: object) -> None: ...


@pytest.mark.parametrize(
    ("function", "given", "needed"),
    [
        (one, 1, 0),
        (two, 1, 1),
        (two, 0, 2),
        (with_default, 1, 1),
        (anything, 1, 0),
        (more, 1, 0),
        (none, 0, 0),
        (partial(two, text="x"), 1, 0),
        (Methods().plain, 1, 0),
        (Plain(), 1, 0),
        (print, 1, 0),
        (min, 1, 0),
    ],
)
def test_inputs_that_are_needed(function: Callable[..., object], given: int, needed: int) -> None:
    assert required_inputs(function, given) == needed


def test_a_function_that_takes_too_little_is_refused() -> None:
    with pytest.raises(HandlerError, match=r"none\(\) -> None must take 1 argument"):
        required_inputs(none)
