"""What a callable is and wants, seen through partials, methods and callable objects."""

import functools
import inspect
from collections.abc import Callable
from typing import TypeGuard

from fastrtc_core.errors import HandlerError


def unwrapped(function: Callable[..., object]) -> Callable[..., object]:
    """Return the function that does the work."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function):
        return function
    call: object = vars(type(function)).get("__call__")
    return call if _is_routine(call) else function


def _is_routine(call: object) -> TypeGuard[Callable[..., object]]:
    return inspect.isroutine(call)


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling it only makes a coroutine or an async generator: it may be done on a loop."""
    inner = unwrapped(function)
    return inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)


def is_generator(function: Callable[..., object]) -> bool:
    """Whether calling it makes a generator, sync or async."""
    inner = unwrapped(function)
    return inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner)


def required_inputs(function: Callable[..., object], given: int = 1) -> int:
    """Return how many positional arguments it needs beyond those that the library gives.

    Args:
        function: Any callable.
        given: How many the library gives: the audio or the picture, for example.

    Raises:
        HandlerError: It can't be called with that many.

    """
    positional, takes_any = _positional(function)
    if len(positional) < given and not takes_any:
        name = getattr(unwrapped(function), "__qualname__", repr(function))
        raise HandlerError(f"{name}{inspect.signature(function)} must take {given} argument(s)")
    return sum(p.default is p.empty for p in positional[given:])


def fitting(function: Callable[..., object], inputs: list[object], given: int) -> list[object]:
    """Return as many of the inputs as a function takes after what the library gives."""
    positional, takes_any = _positional(function)
    return inputs if takes_any else inputs[: max(0, len(positional) - given)]


def _positional(function: Callable[..., object]) -> tuple[list[inspect.Parameter], bool]:
    """Positional parameters, and whether any number more is taken."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # a builtin without a signature: believed to take what it is given
        return [], True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return positional, any(p.kind is p.VAR_POSITIONAL for p in parameters)
