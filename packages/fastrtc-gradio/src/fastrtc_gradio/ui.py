"""`Stream.ui`: the page that shows a stream of any mode and modality."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NotRequired, TypedDict

import gradio as gr
from gradio.utils import colab_check, get_space

from fastrtc_core import Stream
from fastrtc_gradio.component import WebRTC


class UIArgs(TypedDict):
    """How the automatic page looks: ``Stream(ui_args={...})``."""

    title: NotRequired[str]
    """Shown above the stream, and in the browser's tab; above it may be HTML."""

    subtitle: NotRequired[str]
    """Shown below the title; may be HTML."""

    hide_title: NotRequired[bool]
    """Neither title nor subtitle."""

    icon: NotRequired[str]
    """An image in place of the wave: a URL or a file."""

    icon_button_color: NotRequired[str]
    """Colour of the button behind the icon."""

    pulse_color: NotRequired[str]
    """Colour of the rings around it, or of the wave."""

    icon_radius: NotRequired[int]
    """Of the icon's corners, in percent of its size."""

    button_labels: NotRequired[dict[str, str]]
    """Words for ``start``, ``stop`` and ``waiting``."""

    send_input_on: NotRequired[Literal["submit", "change"]]
    """When the handler gets inputs that were changed."""

    full_screen: NotRequired[bool]
    """False keeps the stream to 500 pixels."""

    variant: NotRequired[Literal["wave", "textbox"]]
    """``textbox``: to type or talk, mode ``send`` or ``send-receive`` with sound."""


_OF_PAGE: Final = ("title", "subtitle", "hide_title", "send_input_on")
_OF_COMPONENT: Final = tuple(name for name in UIArgs.__annotations__ if name not in _OF_PAGE)

SUBTITLES: Final = {
    ("audio", "send-receive"): "Start, and speak.",
    ("audio", "send"): "Start, and speak: the server listens.",
    ("audio", "receive"): "Start, and listen.",
    ("video", "send-receive"): "Start, and see what becomes of your camera's pictures.",
    ("video", "send"): "Start, and the server sees your camera's pictures.",
    ("video", "receive"): "Start, and watch.",
    ("audio-video", "send-receive"): "Start, to see and speak.",
    ("audio-video", "send"): "Start: the server sees and hears you.",
    ("audio-video", "receive"): "Start, to watch and listen.",
}
"""What there is to do, by modality and mode."""

WIDTHS: Final = {"audio": 760, "video": 1180, "audio-video": 1180}
"""Pixels that a page is wide at most, by modality."""


class StreamPage(gr.Blocks):
    """A page of its own for a stream.

    Args:
        stream: What is shown.
        title: Of the browser's tab.

    """

    def __init__(self, stream: Stream, title: str) -> None:
        super().__init__(title=title)
        self._stream = stream

    def launch(self, *args: Any, **kwargs: Any) -> Any:
        """Serve the page, as `gradio.Blocks.launch` does.

        Raises:
            RuntimeError: Nobody could connect from here without a TURN server.

        """
        check_hosting(self._stream)
        return super().launch(*args, **kwargs)


def build_ui(stream: Stream) -> gr.Blocks:
    """Return the page of a stream.

    Raises:
        ValueError: ``ui_args`` has something unknown, or that can't be shown.

    """
    args: dict[str, Any] = dict(stream.ui_args)
    unknown = set(args) - set(UIArgs.__annotations__)
    if unknown:
        raise ValueError(
            f"ui_args has {', '.join(sorted(unknown))}, which is none of "
            f"{', '.join(sorted(UIArgs.__annotations__))}"
        )
    title = args.get("title") or "FastRTC"
    page = StreamPage(stream, title)
    with page:
        # gr.Markdown would have the page fetch a parser and a highlighter for two lines.
        heading = f"<h1>{title}</h1><p>{args.get('subtitle', _subtitle(stream))}</p>"
        shown = "" if args.get("hide_title") else heading
        gr.HTML(f"<style>{_page_style(stream)}</style>{shown}", elem_classes="rtc-title")
        with gr.Row(equal_height=False, elem_classes="rtc-page"):
            _add_stream(stream, args)
    return page


def _add_stream(stream: Stream, args: dict[str, Any]) -> None:
    given = _components(stream.additional_input_components)
    shown = _components(stream.additional_output_components)
    with gr.Column(scale=2, min_width=320):
        looks = {name: args[name] for name in _OF_COMPONENT if name in args}
        rtc = WebRTC(
            mode=stream.mode,
            modality=stream.modality,
            label=_label(stream),
            show_label=False,
            **looks,
        )
        start = gr.Button("Start", variant="primary") if stream.mode == "receive" else None
    if given or shown:
        with gr.Column(scale=1, min_width=280):
            for component in (*given, *shown):
                if not component.is_rendered:
                    component.render()
    rtc.stream(
        stream,
        inputs=given if start else [rtc, *given],
        outputs=[rtc],
        trigger=start.click if start else None,
        send_input_on=args.get("send_input_on", "change"),
    )
    if shown:
        show = stream.additional_outputs_handler or _newest(len(shown))
        rtc.on_additional_outputs(show, inputs=shown, outputs=shown)


def check_hosting(stream: Stream) -> None:
    """See that people can reach a stream from where it is served.

    Raises:
        RuntimeError: It runs in Colab or in a Hugging Face Space, whose networks let no media
            through, and the stream names no TURN server.

    """
    if stream.rtc_configuration:
        return
    for where, is_there in (("Colab", colab_check), ("a Hugging Face Space", get_space)):
        if is_there():
            raise RuntimeError(
                f"In {where} a stream needs a TURN server: pass rtc_configuration to Stream, for "
                "example get_cloudflare_turn_credentials_async. docs/deployment.md has more."
            )


def _newest(count: int) -> Callable[..., object]:
    """Return a function that shows what came last, and forgets what was there."""

    def show(*values: Any) -> Any:
        newest = values[count:]
        return newest[0] if count == 1 else newest

    return show


def _components(components: Sequence[Any] | None) -> list[Any]:
    return list(components or [])


def _label(stream: Stream) -> str:
    return {"audio": "Audio", "video": "Video", "audio-video": "Audio and video"}[stream.modality]


def _subtitle(stream: Stream) -> str:
    return SUBTITLES[stream.modality, stream.mode]


def _page_style(stream: Stream) -> str:
    width = WIDTHS[stream.modality]
    return (
        f".rtc-page {{ width: 100%; max-width: {width}px; margin: 0 auto; }}"
        ".rtc-title { text-align: center; }"
        ".rtc-title h1 { margin: 24px 0 8px; font-size: 26px; font-weight: 600; }"
    )
