from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
import pytest

from fastrtc_core import AsyncAudioVideoStreamHandler, Stream
from fastrtc_gradio import UIArgs, WebRTC, build_ui, ui


def sound(audio: Any) -> Any:
    return audio


def pictures() -> Iterator[np.ndarray]:
    yield np.zeros((8, 8, 3), np.uint8)


def sounds() -> Iterator[tuple[int, np.ndarray]]:
    yield 24_000, np.zeros((1, 240), np.int16)


class Both(AsyncAudioVideoStreamHandler):
    async def receive(self, frame: Any) -> None:
        pass

    async def emit(self) -> None:
        pass

    async def video_receive(self, frame: Any) -> None:
        pass

    async def video_emit(self) -> None:
        pass


HANDLERS: dict[tuple[str, bool], Any] = {
    ("audio", False): sound,
    ("audio", True): sounds,
    ("video", False): sound,
    ("video", True): pictures,
    ("audio-video", False): Both,
    ("audio-video", True): Both,
}


def stream_of(modality: Any = "audio", mode: Any = "send-receive", **options: Any) -> Stream:
    return Stream(HANDLERS[modality, mode == "receive"], modality=modality, mode=mode, **options)


def parts(page: gr.Blocks, kind: type) -> list[Any]:
    return [block for block in page.blocks.values() if isinstance(block, kind)]


@pytest.mark.parametrize("modality", ["audio", "video", "audio-video"])
@pytest.mark.parametrize("mode", ["send-receive", "send", "receive"])
def test_a_page_for_every_stream(modality: str, mode: str) -> None:
    stream = stream_of(modality, mode)
    (rtc,) = parts(stream.ui, WebRTC)
    assert (rtc.modality, rtc.mode) == (modality, mode)
    assert len(parts(stream.ui, gr.Button)) == (mode == "receive")
    assert stream.ui is stream.ui


def text_of(**args: Any) -> str:
    """Return what a page has beside its stream."""
    texts = parts(build_ui(stream_of(ui_args=args)), gr.HTML)
    return "".join(text.value for text in texts if not isinstance(text, WebRTC))


def test_the_pages_text() -> None:
    args = {"title": "Radio", "subtitle": "All day"}
    assert build_ui(stream_of(ui_args=args)).title == "Radio"
    assert "<h1>Radio</h1><p>All day</p>" in text_of(**args)
    assert "<h1>" not in text_of(**args, hide_title=True)
    assert "<p>Start, and speak.</p>" in text_of()


def test_looks_go_to_the_component() -> None:
    args: UIArgs = {"pulse_color": "red", "full_screen": False, "button_labels": {"start": "Go"}}
    (rtc,) = parts(build_ui(stream_of(ui_args=args)), WebRTC)
    options = rtc.props["options"]
    assert (options["pulseColor"], options["fullScreen"]) == ("red", False)
    assert options["labels"]["start"] == "Go"


def test_an_unknown_argument_is_told() -> None:
    with pytest.raises(ValueError, match="ui_args has colour, which is none of button_labels"):
        build_ui(stream_of(ui_args={"colour": "red"}))


def test_components_are_shown_once() -> None:
    slider, number = gr.Slider(label="In"), gr.Number(label="Out")
    stream = stream_of(additional_inputs=[slider], additional_outputs=[number])
    page = stream.ui
    assert parts(page, gr.Slider) == [slider]
    assert parts(page, gr.Number) == [number]


@pytest.mark.parametrize(("count", "wanted"), [(1, "new"), (2, ("new", "newer"))])
def test_without_a_handler_outputs_replace_what_was_there(count: int, wanted: object) -> None:
    values = ["old"] * count + ["new", "newer"][:count]
    assert ui._newest(count)(*values) == wanted


def test_ones_own_page() -> None:
    stream = stream_of()
    with gr.Blocks() as mine:
        gr.Markdown("Mine")
    stream.ui = mine
    assert stream.ui is mine


@pytest.mark.parametrize(
    ("where", "check"), [("Colab", "colab_check"), ("a Hugging Face Space", "get_space")]
)
def test_where_media_do_not_get_through(
    monkeypatch: pytest.MonkeyPatch, where: str, check: str
) -> None:
    monkeypatch.setattr(ui, check, lambda: True)
    with pytest.raises(RuntimeError, match=f"In {where} a stream needs a TURN server"):
        stream_of().ui.launch(prevent_thread_lock=True)
    ui.check_hosting(stream_of(rtc_configuration={"iceServers": [{"urls": "turn:turn.test"}]}))
