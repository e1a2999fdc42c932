"""What the component looks like, and how its controls are used."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import pytest

from fastrtc_core import Stream
from fastrtc_gradio import WebRTC

if TYPE_CHECKING:
    from tests.browser.gradio.conftest import Tab

Launch = Callable[..., str]
Open = Callable[..., "Tab"]
Make = Callable[..., Stream]


def test_how_it_looks_and_is_used_by_keyboard(
    launch: Launch, open_tab: Open, echo: Make, tmp_path: Path, keep_screenshot: Callable[..., Path]
) -> None:
    icon = tmp_path / "phone.svg"
    icon.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
        '<circle cx="4" cy="4" r="4"/></svg>'
    )
    with gr.Blocks() as demo:
        rtc = WebRTC(
            mode="send-receive",
            modality="audio",
            label="Support",
            icon=str(icon),
            icon_button_color="rgb(1, 2, 3)",
            pulse_color="rgb(4, 5, 6)",
            icon_radius=20,
            button_labels={"start": "Call us", "stop": "Hang up"},
            width=420,
            height="260px",
        )
        rtc.stream(echo().event_handler, inputs=[rtc], outputs=[rtc])
    tab = open_tab(launch(demo))
    shown = tab.rtc()
    assert shown.root.get_attribute("aria-label") == "Support"
    image = shown.root.locator(".rtc-orb img")
    assert image.evaluate("i => i.complete && i.naturalWidth > 0")
    assert image.evaluate("i => getComputedStyle(i).backgroundColor") == "rgb(1, 2, 3)"
    assert image.evaluate("i => getComputedStyle(i).borderRadius") == "20%"
    ring = shown.root.locator(".rtc-ring").first
    assert ring.evaluate("r => getComputedStyle(r).backgroundColor") == "rgb(4, 5, 6)"
    assert shown.root.evaluate("s => s.clientWidth") == 420
    assert shown.root.locator(".rtc-stage").evaluate("s => s.clientHeight") == 260
    button = shown.root.get_by_role("button", name="Call us")
    button.focus()
    tab.page.keyboard.press("Enter")
    shown.connected()
    mute = shown.root.get_by_role("button", name="Mute the microphone")
    mute.focus()
    tab.page.keyboard.press("Space")
    assert mute.get_attribute("aria-pressed") == "true"
    keep_screenshot(tab.page)
    shown.root.get_by_role("button", name="Hang up").click()
    shown.wait(lambda: shown.state == "ended")


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("modality", ["audio", "video"])
def test_no_control_is_covered(
    launch: Launch,
    open_tab: Open,
    echo: Make,
    keep_screenshot: Callable[..., Path],
    size: tuple[int, int],
    scheme: str,
    modality: Any,
) -> None:
    handler: Any = echo().event_handler if modality == "audio" else lambda picture: picture
    stream = Stream(handler, modality=modality, ui_args={"title": "A stream"})
    width, height = size
    tab = open_tab(
        launch(stream.ui), viewport={"width": width, "height": height}, color_scheme=scheme
    )
    shown = tab.rtc()
    shown.start()  # a real click, which a button that is covered does not get
    keep_screenshot(tab.page)
    buttons = shown.root.locator("button:visible, select:visible")
    for button in buttons.all():
        button.click(trial=True)
        assert button.get_attribute("aria-label") or button.inner_text()
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.faults == []


def test_another_microphone(launch: Launch, open_tab: Open, echo: Make) -> None:
    tab = open_tab(launch(echo().ui))
    shown = tab.rtc()
    shown.start()
    choice = shown.root.get_by_role("combobox", name="Microphone")
    shown.wait(lambda: choice.locator("option").count() > 1)
    (other,) = choice.locator("option:not(:checked)").all()[:1]
    choice.select_option(value=other.get_attribute("value"))
    assert shown.hear()[0] == pytest.approx(440, abs=8)
    assert tab.faults == []
