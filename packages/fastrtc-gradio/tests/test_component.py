import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

import fastrtc_gradio
from fastrtc_core import HandlerError, Stream
from fastrtc_gradio import WebRTC, WebRTCData


def picture(image: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    return image


def sound() -> Iterator[tuple[int, np.ndarray]]:
    yield 24_000, np.zeros((1, 240), np.int16)


def turn_server(credential: str) -> dict[str, Any]:
    server = {"urls": "turn:turn.test", "username": "me", "credential": credential}
    return {"iceServers": [server]}


def page_of(**options: Any) -> tuple[gr.Blocks, WebRTC]:
    with gr.Blocks() as demo:
        rtc = WebRTC(**options)
    return demo, rtc


def test_no_stub_is_written_beside_the_source() -> None:
    folder = Path(fastrtc_gradio.__file__).parent
    assert not list(folder.glob("*.pyi"))


def test_the_value_is_the_session() -> None:
    _, rtc = page_of()
    assert rtc.preprocess(None) is None
    assert rtc.preprocess("start") is None
    assert rtc.preprocess({"webrtc_id": 7}) is None
    assert rtc.preprocess({"webrtc_id": "abc", "textbox": "hi"}) == "abc"
    assert rtc.postprocess(None) is None
    assert rtc.postprocess("abc") == {"webrtc_id": "abc"}


def test_the_value_of_a_textbox_has_what_was_typed() -> None:
    _, rtc = page_of(modality="audio", variant="textbox")
    assert rtc.preprocess(None) == WebRTCData("", "")
    given = rtc.preprocess({"webrtc_id": "abc", "textbox": "hi"})
    assert given == WebRTCData("abc", "hi")
    assert rtc.postprocess(given) == {"webrtc_id": "abc"}


def test_every_start_is_another() -> None:
    _, rtc = page_of(mode="receive")
    starts = [rtc.postprocess("start_webrtc_stream") for _ in range(3)]
    assert len({start["start"] for start in starts}) == len(starts)


def test_the_page_gets_nothing_of_the_servers_configuration() -> None:
    demo, rtc = page_of(
        server_rtc_configuration=turn_server("secret"),
        rtc_configuration=turn_server("guarded"),
    )
    with demo:
        rtc.stream(picture, inputs=[rtc], outputs=[rtc])
    config = json.dumps(demo.get_config_file(), default=str)
    assert "secret" not in config
    assert "guarded" not in config  # it is given out when somebody connects


def test_a_function_of_inputs_is_wired_to_their_changes() -> None:
    with gr.Blocks() as demo:
        rtc = WebRTC()
        slider, state = gr.Slider(), gr.State()
        rtc.stream(picture, inputs=[rtc, slider, state], outputs=[rtc])
    targets = {target for fn in demo.fns.values() for target in fn.targets}
    assert {(slider._id, "change"), (state._id, "change"), (rtc._id, "tick")} <= targets


def test_inputs_may_wait_for_submit() -> None:
    with gr.Blocks() as demo:
        rtc = WebRTC()
        box = gr.Textbox()
        rtc.stream(picture, inputs=[rtc, box], outputs=[rtc], send_input_on="submit")
    targets = {target for fn in demo.fns.values() for target in fn.targets}
    assert (box._id, "submit") in targets
    assert (box._id, "change") not in targets


def test_events_do_not_clutter_the_api() -> None:
    with gr.Blocks() as demo:
        rtc = WebRTC()
        number = gr.Number()
        rtc.stream(picture, inputs=[rtc, number], outputs=[rtc])
        rtc.on_additional_outputs(lambda new: new, None, number)
    assert demo.get_api_info()["named_endpoints"] == {}


@pytest.mark.parametrize(
    ("options", "arguments", "words"),
    [
        ({}, {"inputs": None}, "first input of stream"),
        ({"mode": "receive"}, {"fn": sound}, "needs a trigger"),
        ({}, {"send_input_on": "blur"}, "change or submit, not 'blur'"),
    ],
)
def test_what_does_not_fit_together(
    options: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    demo, rtc = page_of(modality="audio" if options else "video", **options)
    inputs = [] if options else [rtc]
    with demo, pytest.raises(ValueError, match=words):
        rtc.stream(**{"fn": picture, "inputs": inputs, "outputs": [rtc], **arguments})


def test_in_the_mode_receive_the_component_is_no_input() -> None:
    demo, rtc = page_of(mode="receive", modality="audio")
    with demo, pytest.raises(ValueError, match="is no input"):
        rtc.stream(sound, inputs=[rtc], outputs=[rtc], trigger=demo.load)


def test_outputs_may_be_wired_before_the_stream() -> None:
    demo, rtc = page_of()
    with demo:
        number = gr.Number()
        rtc.on_additional_outputs(lambda new: new, None, number)
        rtc.stream(picture, inputs=[rtc], outputs=[rtc])
    assert rtc.props["options"]["listeners"] == 1


def test_a_handler_that_does_not_fit() -> None:
    demo, rtc = page_of(mode="receive", modality="video")
    with demo, pytest.raises(HandlerError):
        rtc.stream(picture, inputs=[], outputs=[rtc], trigger=demo.load)


def test_a_textbox_wants_a_handler_that_replies() -> None:
    demo, rtc = page_of(modality="audio", variant="textbox")
    with demo, pytest.raises(TypeError, match=r"takes ReplyOnPause\(fn\)"):
        rtc.stream(picture, inputs=[rtc], outputs=[rtc])


def test_a_stream_brings_its_own_settings() -> None:
    demo, rtc = page_of(time_limit=5)
    stream = Stream(picture, modality="video", time_limit=77)
    with demo:
        rtc.stream(stream, inputs=[rtc], outputs=[rtc])
    assert rtc.sessions == ()
    assert stream.limits("webrtc").time == 77


@pytest.mark.parametrize(("given", "wanted"), [(None, 5), (60, 60)])
def test_time_limits(given: float | None, wanted: float) -> None:
    demo, rtc = page_of(time_limit=5)
    with demo:
        rtc.stream(picture, inputs=[rtc], outputs=[rtc], time_limit=given)
    assert rtc._link is not None
    assert rtc._link.stream.limits("webrtc").time == wanted
