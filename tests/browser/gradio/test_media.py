"""Sound and pictures, each way and both, through the component in a real browser."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import (
    AdditionalOutputs,
    AsyncAudioVideoStreamHandler,
    AsyncStreamHandler,
    Stream,
    WebRTCError,
)
from fastrtc_gradio import WebRTC
from fastrtc_vad import ReplyOnPause

if TYPE_CHECKING:
    from tests.browser.gradio.conftest import Tab

Audio = tuple[int, NDArray[np.int16]]
Picture = NDArray[np.uint8]
Launch = Callable[..., str]
Open = Callable[..., "Tab"]
Make = Callable[..., Stream]

RED, GREEN, BLUE = (254, 0, 0), (0, 255, 0), (0, 0, 254)
RATE = 24_000


def near(wanted: tuple[int, int, int]) -> Any:
    return pytest.approx(wanted, abs=24)


def tone(hertz: float, seconds: float = 0.1) -> Iterator[Audio]:
    """A tone that goes on from piece to piece."""
    step = 2 * np.pi * hertz / RATE
    count = int(seconds * RATE)
    start = 0
    while True:
        wave = 0.4 * 32767 * np.sin(step * np.arange(start, start + count))
        yield RATE, wave.astype(np.int16)[np.newaxis]
        start += count


class Listener(AsyncStreamHandler):
    """Hears, says nothing, and tells how loud it was."""

    heard = 0

    async def receive(self, frame: Audio) -> None:
        loud = float(np.sqrt(np.mean(np.square(frame[1] / 32768))))
        self.heard += loud > 0.1
        if self.heard == 10:
            self.session.say(AdditionalOutputs(round(loud, 2)))

    async def emit(self) -> None:
        await asyncio.Event().wait()

    def copy(self) -> "Listener":
        return Listener()


def test_a_tone_comes_back(launch: Launch, open_tab: Open, echo: Make) -> None:
    tab = open_tab(launch(echo(ui_args={"title": "Echo"}).ui))
    rtc = tab.rtc()
    rtc.start()
    hz, rms = rtc.hear()
    assert hz == pytest.approx(440, abs=8)
    assert rms == pytest.approx(0.283, abs=0.03)
    assert tab.page.title() == "Echo"
    rtc.stop()
    assert rtc.words == "You ended the conversation."
    assert rtc.root.get_by_role("button", name="Start").is_visible()
    assert tab.faults == []


def test_a_sentence_is_answered(launch: Launch, open_tab: Open) -> None:
    def answer(audio: Audio, hertz: float) -> Iterator[Audio | AdditionalOutputs]:
        yield AdditionalOutputs(round(audio[1].size / audio[0], 1))
        pieces = tone(hertz, 1.5)
        yield next(pieces)

    stream = Stream(
        ReplyOnPause(answer),
        modality="audio",
        additional_inputs=[gr.Number(660, label="Hertz")],
        additional_outputs=[gr.Number(label="Seconds")],
    )
    tab = open_tab(launch(stream.ui), sound="speech")
    rtc = tab.rtc()
    rtc.start()
    hz, _ = rtc.hear()
    assert hz == pytest.approx(660, abs=8)
    seconds = tab.page.get_by_label("Seconds")
    rtc.wait(lambda: float(seconds.input_value()) > 1)
    assert tab.faults == []


def test_inputs_change_pictures_and_outputs_are_shown(launch: Launch, open_tab: Open) -> None:
    def flip(picture: Picture, turned: bool) -> tuple[Picture, AdditionalOutputs]:
        changed = np.flip(picture, axis=1) if turned else picture
        return changed, AdditionalOutputs(picture.shape[1])

    stream = Stream(
        flip,
        modality="video",
        additional_inputs=[gr.Checkbox(label="Turned")],
        additional_outputs=[gr.Number(label="Columns")],
        additional_outputs_handler=lambda old, new: new,
    )
    tab = open_tab(launch(stream.ui))
    rtc = tab.rtc()
    rtc.start()
    rtc.wait(lambda: rtc.look() == [near(RED), near(BLUE)])
    tab.page.get_by_label("Turned").check()
    rtc.wait(lambda: rtc.look() == [near(BLUE), near(RED)])
    columns = tab.page.get_by_label("Columns")
    rtc.wait(lambda: columns.input_value() not in ("", "0"))
    assert float(columns.input_value()) % 16 == 0
    assert tab.faults == []


def test_sound_to_the_server_alone(launch: Launch, open_tab: Open) -> None:
    as_it_is = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}
    stream = Stream(
        Listener(),
        modality="audio",
        mode="send",
        track_constraints=as_it_is,
        additional_outputs=[gr.Number(label="Level")],
    )
    tab = open_tab(launch(stream.ui))
    rtc = tab.rtc()
    rtc.start()
    level = tab.page.get_by_label("Level")
    rtc.wait(lambda: float(level.input_value() or 0) > 0)
    assert float(level.input_value()) == pytest.approx(0.28, abs=0.03)
    assert tab.faults == []


def test_pictures_to_the_server_alone(launch: Launch, open_tab: Open) -> None:
    seen: list[list[int]] = []

    def watch(picture: Picture) -> None:
        seen.append(picture[picture.shape[0] // 2, picture.shape[1] // 4].tolist())

    tab = open_tab(launch(Stream(watch, modality="video", mode="send").ui))
    rtc = tab.rtc()
    rtc.start()
    rtc.wait(lambda: len(seen) > 5)
    assert seen[-1] == near((0, 0, 254))  # BGR
    rtc.wait(lambda: rtc.look() == [near(RED), near(BLUE)])  # as the camera sees it
    assert (
        rtc.root.locator("video")
        .evaluate("v => getComputedStyle(v).transform")
        .startswith("matrix(-1")
    )  # but shown as in a mirror
    assert tab.faults == []


@pytest.mark.parametrize("hertz", [440, 880])
def test_a_button_starts_sound_from_the_server(launch: Launch, open_tab: Open, hertz: int) -> None:
    def sound(frequency: float) -> Iterator[Audio]:
        yield from tone(frequency)

    with gr.Blocks() as demo:
        rtc = WebRTC(label="Sound", mode="receive", modality="audio")
        frequency = gr.Number(hertz, label="Hertz")
        button = gr.Button("Generate")
        rtc.stream(sound, inputs=[frequency], outputs=[rtc], trigger=button.click)
    tab = open_tab(launch(demo))
    shown = tab.rtc()
    assert shown.root.get_by_role("button", name="Start").count() == 0
    tab.page.get_by_role("button", name="Generate").click()
    shown.connected()
    assert shown.hear()[0] == pytest.approx(hertz, abs=8)
    (first,) = rtc.sessions
    tab.page.get_by_label("Hertz").fill("1200")
    tab.page.get_by_role("button", name="Generate").click()  # begins anew, with the new input
    shown.wait(lambda: rtc.sessions and first not in rtc.sessions)
    shown.connected()
    assert shown.hear()[0] == pytest.approx(1200, abs=8)
    assert tab.faults == []


def test_an_error_of_the_application_is_a_toast(launch: Launch, open_tab: Open) -> None:
    def sound() -> Iterator[Audio]:
        pieces = tone(440)
        yield next(pieces)
        raise WebRTCError("The tape has torn.")

    stream = Stream(sound, modality="audio", mode="receive")
    tab = open_tab(launch(stream.ui))
    tab.page.get_by_role("button", name="Start").click()
    rtc = tab.rtc()
    rtc.wait(lambda: "The tape has torn." in rtc.toasts)
    rtc.wait(lambda: rtc.state == "ended")
    assert tab.faults == []


def test_pictures_from_the_server(launch: Launch, open_tab: Open) -> None:
    def green() -> Iterator[Picture]:
        while True:
            yield np.full((240, 320, 3), GREEN, np.uint8)

    tab = open_tab(launch(Stream(green, modality="video", mode="receive").ui), devices=())
    tab.page.get_by_role("button", name="Start").click()
    rtc = tab.rtc()
    rtc.wait(lambda: rtc.look() == [near(GREEN), near(GREEN)])
    assert tab.faults == []


def test_sound_and_pictures_together(launch: Launch, open_tab: Open) -> None:
    class Both(AsyncAudioVideoStreamHandler):
        def __init__(self) -> None:
            super().__init__(input_sample_rate=48_000, output_sample_rate=48_000)
            self.sound: asyncio.Queue[Audio] = asyncio.Queue(16)
            self.pictures: asyncio.Queue[Picture] = asyncio.Queue(2)

        async def receive(self, frame: Audio) -> None:
            await self.sound.put(frame)

        async def emit(self) -> Audio:
            return await self.sound.get()

        async def video_receive(self, frame: Picture) -> None:
            await self.pictures.put(frame)

        async def video_emit(self) -> Picture:
            return np.flip(await self.pictures.get(), axis=1)

        def copy(self) -> "Both":
            return Both()

    as_it_is = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}
    stream = Stream(Both(), modality="audio-video", track_constraints={"audio": as_it_is})
    tab = open_tab(launch(stream.ui))
    rtc = tab.rtc()
    rtc.start()
    assert rtc.hear()[0] == pytest.approx(440, abs=8)
    rtc.wait(lambda: rtc.look() == [near(BLUE), near(RED)])
    assert tab.faults == []
