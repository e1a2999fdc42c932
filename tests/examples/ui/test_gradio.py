"""The examples with Gradio are started as programs, and used by somebody at a browser."""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fastrtc_telephony.testing import dial

PROGRAMS = [
    "component",
    "play_tune",
    "flip_video",
    "object_detection",
    "video_file",
    "webcam_settings",
    "own_ui",
    "llm_voice_chat_ui",
    "text_or_audio",
    "multimodal_chatbot",
    "hosted_voice_chat",
    "realtime_chat",
]

pytestmark = pytest.mark.timeout(180)  # for busy machines; they take a tenth of it

QUESTION = "where are you from"  # see the microphone
RED, BLUE, GREEN, GREY = (254, 0, 0), (0, 0, 254), (80, 220, 80), (130, 130, 130)

Audio = tuple[int, NDArray[np.int16]]
Serving = Callable[[str], AbstractContextManager[str]]
Open = Callable[[str], Any]


@pytest.fixture(scope="module")
def serving(programs: Callable[..., Any], openai: Any, realtime: Any) -> Serving:
    """Serve an example for the length of a block; gives its URL."""
    others = {"REALTIME_URL": realtime.url, "TWILIO_AUTH_TOKEN": "secret"}
    made: Serving = programs(PROGRAMS, openai.env | others).serving
    return made


def test_a_component_with_an_icon_and_words_of_its_own(serving: Serving, visit: Open) -> None:
    with serving("component") as url:
        page = visit(url)
        page.button("Talk to me").click()
        page.button("Enough").wait_for()
        page.hears()
        assert page.page.locator("img[src^='data:image/svg']").count()
        page.button("Enough").click()
        page.button("Talk to me").wait_for()
    assert page.faults == []


def test_a_button_starts_a_tune_and_the_page_shows_what_was_wrong(
    serving: Serving, visit: Open
) -> None:
    with serving("play_tune") as url:
        page = visit(url)
        page.button("Play").click()
        assert page.hears() == pytest.approx(300, abs=60)
        page.page.get_by_label("number input").fill("9")
        page.button("Play").click()
        page.shows("I know 8 notes.")
        page.shows("There is no note number 9.")
    assert page.faults == []


def test_a_video_is_flipped_as_one_chooses(serving: Serving, visit: Open) -> None:
    with serving("flip_video") as url:
        page = visit(url)
        page.button("Start").click()
        page.sees(RED, 90 / 320, 1 - 70 / 240)
        page.page.get_by_label("Mirrored").click()
        page.sees(RED, 1 - 90 / 320, 70 / 240)
        page.button("Stop").click()
    assert page.faults == []


def test_things_are_found_counted_and_boxed(serving: Serving, visit: Open) -> None:
    with serving("object_detection") as url:
        page = visit(url)
        count = page.page.get_by_label("Things")
        page.button("Start").click()
        page.until(lambda: count.input_value() == "2")
        page.sees(GREEN, 90 / 320, 40 / 240)
        page.page.get_by_label("number input").fill("0.15")
        page.until(lambda: count.input_value() == "3")
    assert page.faults == []


def test_a_film_is_sent_and_its_pace_told(serving: Serving, visit: Open) -> None:
    with serving("video_file") as url:
        page = visit(url)
        page.button("Start").click()
        page.sees((250, 200, 40), 0.5, 0.5)
        pace = page.page.get_by_label("Pictures per second")
        page.until(lambda: pace.input_value() not in ("", "0"))
        assert 10 < float(pace.input_value()) < 33
    assert page.faults == []


def test_the_webcam_is_asked_for_a_size(serving: Serving, visit: Open) -> None:
    with serving("webcam_settings") as url:
        page = visit(url)
        page.button("Start").click()
        size = page.page.get_by_label("Pictures that came")
        page.until(lambda: size.input_value() == "240 x 240")
    assert page.faults == []


def test_a_page_of_ones_own_below_a_path(serving: Serving, visit: Open) -> None:
    with serving("own_ui") as url:
        page = visit(f"{url}/ui")
        page.button("Start").click()
        page.shows("Connected")
        page.page.get_by_role("tab", name="About").click()
        page.until(lambda: page.page.get_by_label("Turns").input_value() == "1")
        page.hears()
        assert page.page.request.get(f"{url}/webrtc/config").ok
        page.leave()
    assert page.faults == []


def test_a_chatbot_shows_what_a_language_model_is_told(
    serving: Serving, visit: Open, openai: Any
) -> None:
    with serving("llm_voice_chat_ui") as url:
        page = visit(url)
        page.button("Start").click()
        page.shows(f"You said {QUESTION}. This is turn 1.")
        page.hears()
        page.shows(f"You said {QUESTION}. This is turn 2.")
    said, answer = ("user", QUESTION), f"You said {QUESTION}. This is turn 1."
    assert [said, ("assistant", answer), said] in openai.chats()
    assert page.faults == []


def test_one_may_type_or_talk(serving: Serving, visit: Open) -> None:
    with serving("text_or_audio") as url:
        page = visit(url)
        page.page.get_by_role("textbox", name="Message").fill("how old are you")
        page.button("Send the message").click()
        page.shows("You said how old are you. This is turn 1.")
        page.button("Talk").click()
        page.shows(f"You said {QUESTION}. This is turn 2.")
    assert page.faults == []


def test_a_chatbot_shows_sound_pictures_and_text(serving: Serving, visit: Open) -> None:
    with serving("multimodal_chatbot") as url:
        page = visit(url)
        page.button("Start").click()
        page.shows(f"You said: {QUESTION}")
        page.page.get_by_label("user's message: a component of type audio").first.wait_for()
        page.page.get_by_role("log").locator("img").first.wait_for()
    assert page.faults == []


def test_hosted_parts_make_a_voice_chat_for_a_page_and_a_telephone(
    serving: Serving, visit: Open, openai: Any, say: Callable[[str], Audio]
) -> None:
    async def call(url: str) -> None:
        async with dial(url, secrets={"auth_token": "secret"}) as phone:
            for turn in (1, 2):  # which only comes about if it remembers
                await phone.say(*say(QUESTION))
                async with asyncio.timeout(60):
                    while phone.played() < 1.5 * turn or phone.ear.ends > phone.now:
                        await asyncio.sleep(0.05)

    openai.asked.clear()
    with serving("hosted_voice_chat") as url, ThreadPoolExecutor(1) as elsewhere:
        calling = elsewhere.submit(asyncio.run, call(url))
        page = visit(url)
        page.button("Start").click()
        page.shows("You said Good morning. This is turn 1.")
        assert page.hears() == pytest.approx(440, abs=15)
        page.shows("You said Good morning. This is turn 2.")
        page.leave()
        calling.result()
    said, answer = ("user", "Good morning."), "You said Good morning. This is turn 1."
    chats = openai.chats()
    assert chats.count([said]) >= 2  # one by each
    assert chats.count([said, ("assistant", answer), said]) >= 2
    assert page.faults == []


def test_a_realtime_service_hears_and_sees(serving: Serving, visit: Open, realtime: Any) -> None:
    with serving("realtime_chat") as url:
        page = visit(url)
        page.page.get_by_label("API key").fill("sk-wrong")
        page.button("Start").click()
        page.shows("The service refuses this key (status 401).")
        page.page.get_by_label("API key").fill(realtime.KEY)
        page.page.locator("input[type=file]").set_input_files(
            {"name": "green.png", "mimeType": "image/png", "buffer": picture_file((0, 200, 0))}
        )
        page.page.get_by_role("button", name="Remove Image").wait_for()
        page.button("Start").click()
        page.sees(RED, 90 / 320, 70 / 240)
        assert page.hears() == pytest.approx(660, abs=15)
        answer = page.page.get_by_label("What was answered")
        page.until(lambda: answer.input_value().startswith("I hear you, and have seen "))
    seen = [np.asarray(Image.open(io.BytesIO(file))) for file in realtime.seen]
    assert sum(np.allclose(picture.mean((0, 1)), (0, 200, 0), atol=5) for picture in seen) == 1
    height, width, _ = seen[-1].shape
    assert np.allclose(seen[-1][height * 70 // 240, width * 90 // 320], RED, atol=40)
    assert realtime.settings["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert page.faults == []


def picture_file(color: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(file, "PNG")
    return file.getvalue()
