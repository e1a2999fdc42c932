"""Every example is run as a program and driven as a user would."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc.talk import Talk, talk_to

EXAMPLES = Path(__file__).parents[2] / "examples"

Audio = tuple[int, NDArray[np.int16]]
Running = Callable[[str], AbstractContextManager[str]]


def loudest_hertz(sound: NDArray[np.int16], rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    return float(np.argmax(spectrum) * rate / sound.size)


def programs() -> set[str]:
    """All examples, by what `running` knows them by; of a folder, its ``app.py``."""
    files = {path.stem for path in EXAMPLES.glob("*.py")}
    return files | {f"{path.parent.name}/app" for path in EXAMPLES.glob("*/app.py")}


def test_every_example_is_listed_and_driven() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    modules = [
        *Path(__file__).parent.rglob("test_*.py"),
        EXAMPLES.parent / "packages/fastrtc-vad/tests/test_lean_server.py",
    ]
    tests = "\n".join(path.read_text() for path in modules)
    for name in programs():
        assert f"`{name.removesuffix('app')}" in listed, name
        assert re.search(rf"""["/]{name}(\.py)?["']""", tests), name


def test_the_table_of_the_documentation_names_examples_that_are_there() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    named = set(re.findall(r"`([a-z_]+\.py|[a-z_]+/)`", listed))
    assert named == {path.name for path in EXAMPLES.glob("*.py")} | {
        f"{path.name}/" for path in EXAMPLES.iterdir() if path.is_dir() and path.name[0] != "_"
    }


@pytest.fixture(scope="module")
def held(hold: Callable[..., list[list[Talk]]], question: Audio) -> dict[str, Talk]:
    """A conversation with each."""
    silence = (24000, np.zeros((1, 24000 * 3), np.int16))
    sayings = {  # and how long to listen then
        "echo": (None, [question]),
        "greeting": (None, [question]),
        "radio": (1.0, [silence]),
        "stream_handler": (0.5, [question]),
        "async_stream_handler": (0.5, [question]),
    }
    talks = hold(*((name, {}, *about) for name, about in sayings.items()))
    return {name: talk for name, (talk,) in zip(sayings, talks, strict=True)}


def test_echo_gives_back_what_was_said(held: dict[str, Talk], question: Audio) -> None:
    talk = held["echo"]
    assert len(talk.turns) == 1
    turn = talk.turns[0]
    assert turn.spoke is not None
    assert turn.delay is not None
    assert turn.reply_seconds >= turn.spoke.end - turn.spoke.start
    said = question[1][0].astype(float)
    heard = talk.heard[0].astype(float)
    likeness = np.fft.irfft(np.fft.rfft(heard, 2**20) * np.conj(np.fft.rfft(said, 2**20)))
    assert likeness.max() / (said @ said) == pytest.approx(1, abs=0.05)  # same, and as loud


def test_greeting_is_heard_first_and_the_reply_has_a_beep_per_second(
    held: dict[str, Talk],
) -> None:
    talk = held["greeting"]
    greeting = talk.heard[0, : talk.rate // 2]
    assert np.abs(greeting).max() > 1000
    assert talk.turns[-1].reply_seconds == pytest.approx(0.6, abs=0.01)
    assert "fetch_output" in {notice.type for notice in talk.notices}


def test_radio_plays_its_scale_and_ends(held: dict[str, Talk]) -> None:
    talk = held["radio"]
    assert talk.heard_seconds == pytest.approx(2.0, abs=0.05)
    assert talk.ended == "The stream has ended."
    first = int(np.argmax(np.abs(talk.heard[0]) > 100))
    note = talk.heard[0, first : first + talk.rate // 5].astype(float)
    assert loudest_hertz(note, talk.rate) == pytest.approx(262, abs=6)


@pytest.mark.parametrize("name", ["stream_handler", "async_stream_handler"])
def test_handlers_echo_every_frame(held: dict[str, Talk], question: Audio, name: str) -> None:
    talk = held[name]
    assert talk.heard_seconds >= question[1].shape[1] / question[0] - 0.1
    assert np.abs(talk.heard).max() == pytest.approx(np.abs(question[1]).max(), rel=0.02)


async def test_custom_routes_take_inputs_and_stream_outputs(
    running: Running, question: Audio
) -> None:
    async def first_update(client: httpx.AsyncClient, session_id: str) -> dict[str, float]:
        async with client.stream("GET", "/updates", params={"webrtc_id": session_id}) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    update: dict[str, float] = json.loads(line.removeprefix("data: "))
                    return update
        raise AssertionError("the stream of updates ended")

    session_id = "chosen-by-the-client"
    with running("custom_routes") as url:
        async with httpx.AsyncClient(base_url=url) as client, asyncio.TaskGroup() as tasks:
            update = tasks.create_task(first_update(client, session_id))
            talking = tasks.create_task(talk_to(url, question, session_id=session_id))
            body = {"webrtc_id": session_id, "gain": 0.5}
            unknown = await client.post("/input_hook", json={**body, "webrtc_id": "nobody"})
            while (answer := await client.post("/input_hook", json=body)).status_code == 404:
                await asyncio.sleep(0.05)  # not connected yet
    assert unknown.status_code == 404
    assert answer.status_code == 200
    assert update.result()["gain"] == 0.5
    peak = np.abs(question[1]).max()
    assert np.abs(talking.result().heard).max() == pytest.approx(peak / 2, rel=0.05)
