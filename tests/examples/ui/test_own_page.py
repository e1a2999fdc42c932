"""The pages in plain JavaScript, in a browser."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

Running = Callable[..., AbstractContextManager[str]]


def test_they_say_again_what_was_said_as_loud_as_the_slider_says(
    running: Running, visit: Callable[[str], Any]
) -> None:
    with running("own_page/app") as url:
        webrtc, websocket = visit(f"{url}/"), visit(f"{url}/websocket")
        for page in (webrtc, websocket):
            page.button("Start").click()
        for page in (webrtc, websocket):
            page.shows("connected")
            page.shows(re.compile(r"^\d\.\d s at 0\.5$"))
            page.page.get_by_label("Volume").fill("1")
        for page in (webrtc, websocket):
            page.shows(re.compile(r"^\d\.\d s at 1$"))
        webrtc.hears()
        for page in (webrtc, websocket):
            page.button("Stop").click()
            page.shows("Not connected.")
            assert page.faults == []
