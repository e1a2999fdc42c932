"""Functions that Gradio calls, made of the application's and of a `Link`."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any

import gradio as gr

from fastrtc_core import Session
from fastrtc_core.signatures import unwrapped
from fastrtc_gradio.data import Typed, WebRTCData

if TYPE_CHECKING:
    from fastrtc_gradio.link import Link

Function = Callable[..., Any]
Value = WebRTCData | str | None


def id_of(value: Value) -> str | None:
    """Return the session's id of what a component's ``preprocess`` gave."""
    return value.webrtc_id if isinstance(value, WebRTCData) else value


def user_of(request: gr.Request) -> str:
    """Return who is at the page: Gradio's hash, one for each window."""
    return request.session_hash or ""


def input_setter(link: "Link", *, textbox: bool) -> Function:
    """Return the function that takes the values of inputs to a session's handler."""

    async def set_input(request: gr.Request, value: Value, *args: object) -> None:
        session = link.session(id_of(value), user_of(request))
        if session is not None:
            session.set_args(*([Typed(session.id)] if textbox else []), *args)

    return set_input


def text_taker(link: "Link") -> Function:
    """Return the function that has a session's handler reply to what was typed."""

    async def take_text(request: gr.Request, value: Value, *args: object) -> None:
        session = link.session(id_of(value), user_of(request))
        if session is None or not isinstance(value, WebRTCData) or not value.textbox.strip():
            return
        session.interrupt()
        session.set_args(Typed(session.id, value.textbox), *args)
        session.handler.trigger_response()  # type: ignore[attr-defined]  # see `check_textbox`

    return take_text


def check_textbox(handler: object) -> None:
    """See that a handler can be told to reply.

    Raises:
        TypeError: It can't.

    """
    if not callable(getattr(handler, "trigger_response", None)):
        raise TypeError(
            "the variant 'textbox' takes ReplyOnPause(fn) or another handler with the method "
            f"trigger_response, not {handler!r}"
        )


def expect_text(session: Session) -> None:
    """Have a function get `WebRTCData` from the first turn on, before inputs have come."""
    handler = session.handler
    if not handler.args_set.is_set():
        handler.set_args([Typed(session.id)])
        handler.args_set.clear()  # inputs are still to come


def outputs_shower(link: "Callable[[], Link | None]", fn: Function) -> Function:
    """Return the function that calls `fn` with the inputs and one `AdditionalOutputs` more."""

    def arguments(
        event: gr.EventData, request: gr.Request, value: Value, *inputs: object
    ) -> tuple[object, ...]:
        number = getattr(event, "number", None)
        if not isinstance(number, int):
            raise gr.Error("This event has no number of an output.")
        there = link()
        found = None if there is None else there.output(id_of(value), user_of(request), number)
        if found is None:
            raise gr.Error("An output came too late to be shown: too many came at once.")
        return (*inputs, *found.args)

    return shaped_like(fn, arguments)


def shaped_like(fn: Function, arguments: Callable[..., tuple[object, ...]]) -> Function:
    """Return a function that calls `fn` with the arguments that `arguments` makes of its own.

    It is sync or async, and a generator or none, as `fn` is; its signature is that of `arguments`.
    """
    inner, dressed = unwrapped(fn), wraps(arguments)
    if isasyncgenfunction(inner):

        async def later_steps(*given: object) -> AsyncIterator[object]:
            async with aclosing(fn(*arguments(*given))) as items:
                async for item in items:
                    yield item

        return dressed(later_steps)
    if isgeneratorfunction(inner):

        def steps(*given: object) -> Iterator[object]:
            yield from fn(*arguments(*given))

        return dressed(steps)
    if iscoroutinefunction(inner):

        async def later(*given: object) -> object:
            return await fn(*arguments(*given))

        return dressed(later)

    def now(*given: object) -> object:
        return fn(*arguments(*given))

    return dressed(now)
