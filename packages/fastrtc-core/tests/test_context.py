import asyncio

import numpy as np
import pytest

from fastrtc_core import AsyncStreamHandler, Stream, StreamHandler, Warning, get_current_context
from fastrtc_core.testing import connect, in_virtual_time

seen: dict[str, str] = {}


def note(where: str) -> None:
    seen[where] = get_current_context().webrtc_id


class Sync(StreamHandler):
    def start_up(self) -> None:
        note("start_up")

    def receive(self, frame: object) -> None:
        note("receive")

    def emit(self) -> None:
        note("emit")

    def shutdown(self) -> None:
        note("shutdown")


class Async(AsyncStreamHandler):
    async def start_up(self) -> None:
        note("start_up")

    async def receive(self, frame: object) -> None:
        note("receive")

    async def emit(self) -> None:
        note("emit")

    async def shutdown(self) -> None:
        note("shutdown")


@pytest.mark.parametrize("handler", [Sync, Async])
def test_every_method_knows_its_session(handler: type[StreamHandler]) -> None:
    @in_virtual_time
    async def test() -> None:
        async with connect(Stream(handler, modality="audio")) as client:
            await client.send_silence(0.1)
        assert seen == dict.fromkeys(("start_up", "receive", "emit", "shutdown"), client.id)

    seen.clear()
    test()


@in_virtual_time
async def test_sessions_are_told_apart() -> None:
    def name(audio: object) -> tuple[int, np.ndarray]:
        seen[get_current_context().session.metadata["name"]] = get_current_context().webrtc_id  # type: ignore[index]  # a string here
        return 24000, np.zeros(10, np.int16)

    stream = Stream(name, modality="audio")
    async with (
        connect(stream, metadata={"name": "a"}) as a,
        connect(stream, metadata={"name": "b"}) as b,
    ):
        await asyncio.gather(a.send_silence(0.1), b.send_silence(0.1))
    assert (seen["a"], seen["b"]) == (a.id, b.id)
    assert a.id != b.id


@in_virtual_time
async def test_what_others_have_said_is_its_session_s() -> None:
    def silence() -> tuple[int, np.ndarray]:
        note("said")
        return 24000, np.zeros(10, np.int16)

    async with connect(Stream(Async, modality="audio")) as client:
        with pytest.raises(RuntimeError):
            get_current_context()  # this task belongs to none
        await client.session.say(silence).wait()
    assert seen["said"] == client.id


def test_there_is_none_outside() -> None:
    with pytest.raises(RuntimeError, match="inside handlers only"):
        get_current_context()
    with pytest.raises(RuntimeError, match="inside handlers only"):
        Warning("nobody there")


@in_virtual_time
async def test_a_warning_reaches_the_person() -> None:
    def warn(audio: object) -> None:
        Warning("speak up")

    async with connect(Stream(warn, modality="audio")) as client:
        await client.send_silence(0.04)
        assert await client.next_message() == {"type": "warning", "data": "speak up"}
