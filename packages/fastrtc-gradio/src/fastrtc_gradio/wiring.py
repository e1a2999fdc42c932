"""A component's events of Gradio: what happens on the page, and which function is called for it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import gradio as gr
from gradio.blocks import Block
from gradio.context import Context
from gradio.events import Dependency

from fastrtc_gradio.callbacks import input_setter, outputs_shower, text_taker, user_of

if TYPE_CHECKING:
    from fastrtc_gradio.component import WebRTC
    from fastrtc_gradio.link import Link

Blocks = Block | Sequence[Block] | set[Block] | None
SendInputOn = Literal["submit", "change"]

START: Final = "start_webrtc_stream"
"""A value that has the page start, as an event's function may return it."""

SHOWN: Final = "(value) => { globalThis.fastrtcShown?.(value?.webrtc_id); }"
"""Tells the page that an additional output is shown, see ``outputs.js``."""

_QUIET: Final[dict[str, Any]] = {
    "api_visibility": "private",
    "queue": False,
    "show_progress": "hidden",
}
"""Of events that are part of the machinery: at once, and nothing of them is shown."""


def give_inputs(
    component: "WebRTC", link: "Link", values: list[Block], *, on: SendInputOn, **event: Any
) -> Dependency:
    """Have a handler get its inputs: when it begins, when it asks, and when they were changed."""
    give = input_setter(link, textbox=component.variant == "textbox")
    inputs = [component, *values]
    for value in values:
        changed = getattr(value, on, None)
        if changed is not None:
            changed(give, inputs, None, trigger_mode="always_last", **event, **_QUIET)
    tick: Dependency = component.tick(
        give, inputs, None, trigger_mode="multiple", **event, **_QUIET
    )
    return tick


def answer_typed(component: "WebRTC", link: "Link", values: list[Block], **event: Any) -> None:
    """Have a handler reply to what is typed."""
    inputs = [component, *values]
    component.submit(text_taker(link), inputs, None, trigger_mode="multiple", **event, **_QUIET)


def start_by(trigger: Callable[..., Any], component: "WebRTC") -> None:
    """Have an event of another component, such as ``button.click``, start the stream."""
    trigger(lambda: START, None, component, **_QUIET)


def show_outputs(
    component: "WebRTC",
    link: "Callable[[], Link | None]",
    fn: Callable[..., Any],
    inputs: list[Block],
    outputs: Blocks,
    **event: Any,
) -> Dependency:
    """Have a function called with every additional output, one after the other."""
    shown: Dependency = component.state_change(
        outputs_shower(link, fn),
        [component, *inputs],
        outputs,
        trigger_mode="multiple",
        api_visibility="private",
        **event,
    )
    shown.then(None, [component], None, js=SHOWN, **_QUIET)
    return shown


def end_with_the_page(link: "Link") -> None:
    """End the sessions of whoever closes the page.

    Inside `gr.render` there is no event for it; the client's silence tells then, half a minute
    later.
    """
    page = Context.root_block
    if page is None:
        return

    def leave(request: gr.Request) -> None:
        link.leave(user_of(request))

    page.unload(leave)


def as_list(blocks: Blocks) -> list[Block]:
    """Return blocks as a list, be it one, several or none."""
    if blocks is None:
        return []
    return [blocks] if isinstance(blocks, Block) else list(blocks)
