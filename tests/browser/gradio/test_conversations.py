"""How conversations begin and end, what happens meanwhile, and whose they are."""

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page

from fastrtc_core import AdditionalOutputs, AsyncStreamHandler, EmitType, Stream, Warning
from fastrtc_gradio import WebRTC

if TYPE_CHECKING:
    from tests.browser.gradio.conftest import Tab

Audio = tuple[int, NDArray[np.int16]]
Picture = NDArray[np.uint8]
Launch = Callable[..., str]
Open = Callable[..., "Tab"]
Make = Callable[..., Stream]


def silence(audio: Audio) -> Iterator[Audio]:
    yield audio[0], np.zeros((1, audio[0] // 10), np.int16)


class Watched(AsyncStreamHandler):
    """Says nothing; notes what happens to it."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__()
        self.notes = notes

    async def start_up(self) -> None:
        self.notes.append("start_up")

    async def receive(self, frame: Audio) -> None:
        pass

    async def emit(self) -> EmitType:
        await asyncio.Event().wait()
        return None

    async def shutdown(self) -> None:
        self.notes.append("shutdown")

    def copy(self) -> "Watched":
        return Watched(self.notes)


def has_value(shown: Locator, wanted: str) -> bool:
    return shown.input_value() == wanted


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_outputs_come_in_their_order_and_build_on_each_other(
    launch: Launch, open_tab: Open
) -> None:
    class Counting(Watched):
        async def start_up(self) -> None:
            for number in range(30):
                self.session.say(AdditionalOutputs(str(number)))

        def copy(self) -> "Counting":
            return Counting(self.notes)

    with gr.Blocks() as demo:
        rtc = WebRTC(mode="send-receive", modality="audio")
        text, copied = gr.Textbox("", label="Numbers"), gr.Textbox("", label="Copied")
        rtc.stream(Counting([]), inputs=[rtc], outputs=[rtc])
        rtc.on_additional_outputs(lambda old, new: f"{old} {new}", [text], [text], queue=False)
        rtc.on_additional_outputs(lambda new: new, None, [copied])
    tab = open_tab(launch(demo))
    shown = tab.rtc()
    shown.start()
    numbers = tab.page.get_by_label("Numbers")
    shown.wait(lambda: numbers.input_value().endswith("29"))
    assert numbers.input_value().split() == [str(number) for number in range(30)]
    shown.wait(lambda: tab.page.get_by_label("Copied").input_value() == "29")
    assert tab.faults == []


@pytest.mark.parametrize("queue", [True, False])
def test_what_an_output_has_set_is_the_next_input(
    launch: Launch, open_tab: Open, queue: bool
) -> None:
    seen: list[object] = []

    class Growing(Watched):
        async def emit(self) -> AdditionalOutputs:
            await asyncio.sleep(0.3)
            (grown,) = self.current_args()
            seen.append(grown)
            assert isinstance(grown, list)
            return AdditionalOutputs([*grown, len(grown)])

        def copy(self) -> "Growing":
            return Growing(self.notes)

    with gr.Blocks() as demo:
        state = gr.State([])
        rtc = WebRTC(mode="send-receive", modality="audio")
        rtc.stream(Growing([]), inputs=[rtc, state], outputs=[rtc])
        rtc.on_additional_outputs(lambda new: new, None, [state], queue=queue)
    tab = open_tab(launch(demo))
    tab.rtc().start()
    tab.rtc().wait(lambda: [0, 1, 2] in seen)


@pytest.mark.parametrize("kind", ["generator", "async", "async generator"])
def test_outputs_may_be_shown_by_any_kind_of_function(
    launch: Launch, open_tab: Open, kind: str
) -> None:
    class Telling(Watched):
        async def start_up(self) -> None:
            self.session.say(AdditionalOutputs("news"))

        def copy(self) -> "Telling":
            return Telling(self.notes)

    def steps(new: str) -> Iterator[str]:
        yield "..."
        yield new

    async def later(new: str) -> str:
        return new

    async def later_steps(new: str) -> Any:
        yield "..."
        yield new

    functions: dict[str, Callable[..., Any]] = {
        "generator": steps,
        "async": later,
        "async generator": later_steps,
    }
    with gr.Blocks() as demo:
        rtc = WebRTC(mode="send-receive", modality="audio")
        text = gr.Textbox("", label="News")
        rtc.on_additional_outputs(functions[kind], None, [text])
        rtc.stream(Telling([]), inputs=[rtc], outputs=[rtc])
    tab = open_tab(launch(demo))
    tab.rtc().start()
    news = tab.page.get_by_label("News")
    tab.rtc().wait(lambda: news.input_value() == "news")


def test_the_time_is_up(launch: Launch, open_tab: Open) -> None:
    notes: list[str] = []
    with gr.Blocks() as demo:
        rtc = WebRTC(mode="send-receive", modality="audio")
        rtc.stream(Watched(notes), inputs=[rtc], outputs=[rtc], time_limit=1.5)
    tab = open_tab(launch(demo))
    shown = tab.rtc()
    shown.start()
    shown.wait(lambda: shown.state == "ended")
    assert "time limit" in shown.words
    until(lambda: notes == ["start_up", "shutdown"])
    shown.start()  # and again
    assert tab.faults == []


def test_the_server_is_full(launch: Launch, open_tab: Open) -> None:
    with gr.Blocks() as demo:
        rtc = WebRTC(mode="send-receive", modality="audio")
        rtc.stream(Watched([]), inputs=[rtc], outputs=[rtc], concurrency_limit=1)
    url = launch(demo)
    first, second = open_tab(url), open_tab(url)
    first.rtc().start()
    shown = second.rtc()
    shown.root.get_by_role("button", name="Start").click()
    shown.wait(lambda: shown.state == "failed")
    assert "The server is full: 1 person is connected" in shown.words
    assert "The server is full" in shown.toasts
    first.rtc().stop()
    shown.start()


def test_warnings_are_toasts_and_the_conversation_goes_on(launch: Launch, open_tab: Open) -> None:
    def warn(picture: Picture, loud: bool = False) -> Picture:
        if loud:
            Warning("It is getting dark.")
            raise RuntimeError("a secret")
        return picture

    with gr.Blocks() as demo:
        rtc = WebRTC(mode="send-receive", modality="video")
        loud = gr.Checkbox(label="Dark")
        rtc.stream(warn, inputs=[rtc, loud], outputs=[rtc])
    tab = open_tab(launch(demo))
    shown = tab.rtc()
    shown.start()
    tab.page.get_by_label("Dark").check()
    shown.wait(lambda: "It is getting dark." in shown.toasts)
    tab.page.get_by_label("Dark").uncheck()
    assert "a secret" not in shown.toasts
    assert shown.state == "connected"


def test_a_page_that_is_closed_ends_its_conversation(launch: Launch, open_tab: Open) -> None:
    notes: list[str] = []
    stream = Stream(Watched(notes), modality="audio")
    tab = open_tab(launch(stream.ui))
    tab.rtc().start()
    started = time.monotonic()
    tab.page.close()
    until(lambda: notes == ["start_up", "shutdown"])
    assert time.monotonic() - started < 15  # half of what the silence of a client would take


def test_the_server_is_closed(launch: Launch, open_tab: Open) -> None:
    notes: list[str] = []
    blocks = Stream(Watched(notes), modality="audio").ui
    open_tab(launch(blocks)).rtc().start()
    blocks.close(verbose=False)
    until(lambda: notes == ["start_up", "shutdown"])


@pytest.mark.parametrize("way", ["hidden", "rendered anew"])
def test_a_component_that_is_taken_away_ends_its_conversation(
    launch: Launch, open_tab: Open, way: str
) -> None:
    notes: list[str] = []
    with gr.Blocks() as demo:
        button = gr.Button("Away")
        if way == "hidden":
            rtc = WebRTC(mode="send-receive", modality="audio")
            rtc.stream(Watched(notes), inputs=[rtc], outputs=[rtc])
            button.click(lambda: WebRTC(visible=False), None, rtc)
        else:
            there = gr.State(value=True)

            @gr.render(inputs=[there])  # type: ignore[untyped-decorator]
            def show(is_there: bool) -> None:
                if is_there:
                    rtc = WebRTC(mode="send-receive", modality="audio")
                    rtc.stream(Watched(notes), inputs=[rtc], outputs=[rtc])
                else:
                    gr.Markdown("gone")

            button.click(lambda: False, None, there)
    tab = open_tab(launch(demo))
    tab.rtc().start()
    tab.page.get_by_role("button", name="Away").click()
    until(lambda: notes == ["start_up", "shutdown"])
    assert tab.faults == []


def test_two_components_in_tabs_go_on_while_hidden(launch: Launch, open_tab: Open) -> None:
    notes: list[str] = []
    with gr.Blocks() as demo:
        with gr.Tab("One"):
            one = WebRTC(label="First", mode="send-receive", modality="audio")
            one.stream(Watched(notes), inputs=[one], outputs=[one])
        with gr.Tab("Two"):
            two = WebRTC(label="Second", mode="send-receive", modality="audio")
            two.stream(Watched(notes), inputs=[two], outputs=[two])
    tab = open_tab(launch(demo))
    tab.rtc(0).start()
    tab.page.get_by_role("tab", name="Two").click()
    second = tab.page.locator(".rtc:visible")
    second.get_by_role("button", name="Start").click()
    tab.rtc(0).wait(lambda: notes == ["start_up", "start_up"])
    tab.page.get_by_role("tab", name="One").click()
    assert tab.rtc(0).state == "connected"
    assert tab.faults == []


def test_two_users_have_conversations_of_their_own(launch: Launch, open_tab: Open) -> None:
    def colour(picture: Picture, red: bool) -> tuple[Picture, AdditionalOutputs]:
        return picture, AdditionalOutputs("red" if red else "blue")

    stream = Stream(
        colour,
        modality="video",
        additional_inputs=[gr.Checkbox(label="Red")],
        additional_outputs=[gr.Textbox(label="Colour")],
    )
    url = launch(stream.ui)
    tabs = open_tab(url), open_tab(url)
    for tab in tabs:
        tab.rtc().start()
    tabs[1].page.get_by_label("Red").check()
    for tab, wanted in zip(tabs, ("blue", "red"), strict=True):
        shown = tab.page.get_by_label("Colour")
        tab.rtc().wait(partial(has_value, shown, wanted))
    assert tabs[0].page.get_by_label("Colour").input_value() == "blue"
    assert len(list(stream.sessions)) == len(tabs)


def called(page: Page, url: str, body: dict[str, Any]) -> Any:
    """Ask a component's server function for something, as another user would."""
    return page.evaluate(
        """async ([url, body]) => (await fetch(url, {
          method: "POST", headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body)})).json()""",
        [url, body],
    )


def test_ids_of_others_are_of_no_use(launch: Launch, open_tab: Open) -> None:
    inputs: list[float] = []

    def note(picture: Picture, value: float = 0) -> Picture:
        inputs.append(value)
        return picture

    with gr.Blocks() as demo:
        rtc = WebRTC(mode="send-receive", modality="video")
        value = gr.Slider(0, 9, label="Value")
        rtc.stream(note, inputs=[rtc, value], outputs=[rtc])
    url = launch(demo)
    mine, theirs = open_tab(url), open_tab(url)
    mine.rtc().start()
    (session,) = rtc.sessions
    stolen = session.id
    ask = {"fn_name": "signal", "component_id": rtc._id, "session_hash": "thief"}
    for body in (
        {"type": "ice-candidate", "webrtc_id": stolen, "candidate": None},
        {"type": "bye", "webrtc_id": stolen, "token": "guessed"},
        {"type": "offer", "sdp": "v=0", "webrtc_id": stolen},
    ):
        data = {"path": "webrtc/offer", "body": body}
        reply = called(theirs.page, f"{url}gradio_api/component_server", {**ask, "data": data})
        assert reply["status"] == 404
        assert reply["answer"]["meta"]["error"] == "unknown_session"
    (tick,) = (number for number, fn in demo.fns.items() if (rtc._id, "tick") in fn.targets)
    event = {"fn_index": tick, "session_hash": "thief", "data": [{"webrtc_id": stolen}, 9]}
    refused = called(theirs.page, f"{url}gradio_api/run/predict", event)
    assert "belongs to another window" in refused["error"]
    assert 9 not in inputs
    assert mine.rtc().state == "connected"


@pytest.mark.parametrize("data", [None, 7, {"path": "webrtc/offer"}, {"path": "elsewhere"}])
def test_nonsense_is_answered(launch: Launch, data: object) -> None:
    with gr.Blocks() as demo:
        rtc = WebRTC(mode="send-receive", modality="audio")
        rtc.stream(Watched([]), inputs=[rtc], outputs=[rtc])
    body = {"fn_name": "signal", "component_id": rtc._id, "session_hash": "me", "data": data}
    answer = httpx.post(f"{launch(demo)}gradio_api/component_server", json=body)
    assert answer.json()["status"] == 400


def test_below_a_path_beside_the_streams_own_routes(visit: Callable[..., Any], echo: Make) -> None:
    import uvicorn

    stream = echo()
    app = FastAPI()
    stream.mount(app)
    app = gr.mount_gradio_app(app, stream.ui, path="/ui")
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=5)
    )
    import threading

    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        here = f"http://127.0.0.1:{port}/"
        seen = visit(f"{here}ui", sound="tone", devices=("microphone",))
        seen.page.get_by_role("button", name="Start").click()
        seen.page.locator(".rtc[data-state=connected]").wait_for()
        assert httpx.get(f"{here}webrtc/config").json()["mode"] == "send-receive"
        known = ("favicon.ico", "asked for blob:")  # beside Gradio's path; of this origin
        assert [fault for fault in seen.faults if not any(one in fault for one in known)] == []
        seen.page.close()  # Gradio's heartbeat keeps a server up for as long as a page is open
    finally:
        server.should_exit = True
        thread.join()


def test_behind_a_login(launch: Launch, open_tab: Open, echo: Make) -> None:
    tab = open_tab(launch(echo().ui, auth=("ada", "secret")))
    tab.page.get_by_label("username").fill("ada")
    tab.page.get_by_label("password").fill("secret")
    tab.page.get_by_role("button", name="Login").click()
    tab.rtc().start()
