"""What the tests of all packages share."""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """Give the path of a program, or end the test if this machine has none.

    A test that lacks its program is skipped, but fails where everything has to be tested: where
    ``FASTRTC_REQUIRE_ALL`` is set.
    """

    def path_of(program: str) -> str:
        path = shutil.which(program)
        if path is not None:
            return path
        if os.environ.get("FASTRTC_REQUIRE_ALL"):
            pytest.fail(f"{program} is not on PATH and FASTRTC_REQUIRE_ALL is set")
        pytest.skip(f"{program} is not on PATH")

    return path_of


@pytest.fixture
def close_event_loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the event loops that Gradio makes for every `gr.Blocks` and leaves open."""
    made: list[asyncio.AbstractEventLoop] = []
    make = asyncio.new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        loop = make()
        if threading.current_thread() is threading.main_thread():
            made.append(loop)
        return loop

    monkeypatch.setattr(asyncio, "new_event_loop", new_event_loop)
    yield
    asyncio.set_event_loop(None)
    for loop in made:
        loop.close()
