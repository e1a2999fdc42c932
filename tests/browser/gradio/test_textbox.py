"""People may type, or talk."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import gradio as gr
from playwright.sync_api import Locator

from fastrtc_core import AdditionalOutputs, Stream
from fastrtc_gradio import WebRTC, WebRTCData
from fastrtc_vad import ReplyOnPause

if TYPE_CHECKING:
    from tests.browser.gradio.conftest import Tab

Launch = Callable[..., str]
Open = Callable[..., "Tab"]
Make = Callable[..., Stream]


def has_value(shown: Locator, wanted: str) -> bool:
    return shown.input_value() == wanted


def test_type_or_talk(launch: Launch, open_tab: Open) -> None:
    turns: list[WebRTCData] = []

    def answer(data: WebRTCData, lines: str) -> Iterator[AdditionalOutputs]:
        turns.append(data)
        said = (
            data.textbox or f"{data.audio[1].size / data.audio[0]:.0f} s"
            if data.audio
            else data.textbox
        )
        yield AdditionalOutputs(f"{lines}|{said}")

    with gr.Blocks() as demo:
        lines = gr.Textbox("", label="Lines")
        rtc = WebRTC(mode="send", modality="audio", variant="textbox")
        rtc.stream(ReplyOnPause(answer), inputs=[rtc, lines], outputs=[rtc])
        rtc.on_additional_outputs(lambda old, new: new, [lines], [lines])
    tab = open_tab(launch(demo), sound="speech")
    shown = tab.rtc()
    box, written = tab.page.get_by_role("textbox", name="Message"), tab.page.get_by_label("Lines")
    box.fill("Good morning")
    box.press("Enter")  # begins a conversation without a microphone
    shown.wait(lambda: written.input_value() == "|Good morning")
    assert box.input_value() == ""
    assert turns[0].audio is None
    box.fill("And again")
    shown.root.get_by_role("button", name="Send the message").click()
    shown.wait(lambda: written.input_value() == "|Good morning|And again")
    shown.root.get_by_role("button", name="Talk").click()  # now with the microphone
    shown.wait(lambda: len(turns) >= 3)
    assert turns[2].textbox == ""
    assert turns[2].audio is not None
    assert turns[2].audio[1].size > turns[2].audio[0]
    assert turns[2].webrtc_id == turns[0].webrtc_id
    shown.stop()
    assert tab.faults == []


def test_the_automatic_page_may_be_typed_into(launch: Launch, open_tab: Open) -> None:
    def answer(data: WebRTCData) -> Iterator[AdditionalOutputs]:
        yield AdditionalOutputs(data.textbox[::-1])

    stream = Stream(
        ReplyOnPause(answer),
        modality="audio",
        mode="send",
        ui_args={"variant": "textbox"},
        additional_outputs=[gr.Textbox(label="Answer")],
    )
    tab = open_tab(launch(stream.ui), devices=())
    box = tab.page.get_by_role("textbox", name="Message")
    for text in ("first", "second"):
        box.fill(text)
        box.press("Enter")
        shown = tab.page.get_by_label("Answer")
        tab.rtc().wait(partial(has_value, shown, text[::-1]))
    assert tab.faults == []
