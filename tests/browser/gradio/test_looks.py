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


SPY = """() => {
  const seen = (globalThis.seen = {});
  const Peer = RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Peer {
    constructor(configuration) { super(configuration); seen.configuration = configuration; }
  };
  const { mediaDevices } = navigator;
  const ask = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = (wish) => { seen.wish = wish; return ask(wish); };
  const set = RTCRtpSender.prototype.setParameters;
  RTCRtpSender.prototype.setParameters = function (parameters) {
    seen.parameters = parameters;
    return set.call(this, parameters);
  };
}"""
"""Notes what the page asks the browser for."""


def test_settings_reach_the_browser(launch: Launch, open_tab: Open) -> None:
    async def configuration() -> dict[str, Any]:
        return {"iceServers": [], "iceCandidatePoolSize": 2}

    with gr.Blocks() as demo:
        rtc = WebRTC(
            mode="send-receive",
            modality="video",
            rtc_configuration=configuration,
            track_constraints={"width": {"ideal": 320}, "frameRate": {"max": 10}},
            rtp_params={"degradationPreference": "maintain-resolution"},
        )
        rtc.stream(lambda picture: picture, inputs=[rtc], outputs=[rtc])
    tab = open_tab(launch(demo))
    shown = tab.rtc()
    tab.page.evaluate(SPY)
    shown.start()
    seen = tab.page.evaluate("seen")
    assert seen["configuration"]["iceCandidatePoolSize"] == 2
    assert seen["wish"]["video"]["width"] == {"ideal": 320}
    assert seen["wish"]["video"]["frameRate"] == {"max": 10}
    assert seen["parameters"]["degradationPreference"] == "maintain-resolution"
    assert tab.faults == []


@pytest.mark.parametrize(("full_screen", "width"), [(True, 1280), (False, 500)])
def test_the_camera_is_asked_for_what_is_shown(
    launch: Launch, open_tab: Open, full_screen: bool, width: int
) -> None:
    stream = Stream(lambda picture: picture, ui_args={"full_screen": full_screen})
    tab = open_tab(launch(stream.ui))
    shown = tab.rtc()
    tab.page.evaluate(SPY)
    shown.start()
    wish = tab.page.evaluate("seen.wish.video")
    assert wish["width"] == {"ideal": width}
    assert wish["facingMode"] == "user"
    assert (shown.root.evaluate("s => s.offsetWidth") <= 500) is not full_screen


def test_labels_and_who_may_start(launch: Launch, open_tab: Open, echo: Make) -> None:
    with gr.Blocks() as demo:
        named = WebRTC(label="Named", modality="audio", mode="send-receive")
        quiet = WebRTC(label="Quiet", show_label=False, interactive=False, modality="audio")
        plain = WebRTC(mirror_webcam=False, mode="send")
        for rtc, handler in ((named, echo()), (quiet, echo()), (plain, lambda picture: None)):
            rtc.stream(handler, inputs=[rtc], outputs=[rtc])
    tab = open_tab(launch(demo))
    first, second, third = (tab.rtc(number) for number in range(3))
    first.wait(first.root.get_by_role("button", name="Start").is_visible)
    assert first.root.get_by_text("Named").is_visible()
    assert not second.root.get_by_text("Quiet").is_visible()
    assert second.root.get_attribute("aria-label") == "Quiet"
    assert second.root.get_by_role("button", name="Start").count() == 0
    third.start()
    mirror = "v => getComputedStyle(v).transform"
    assert third.root.locator("video").evaluate(mirror) == "none"
