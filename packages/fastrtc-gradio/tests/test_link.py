"""Whose session is whose, over real connections without a browser."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fastrtc_core import AdditionalOutputs, AsyncStreamHandler, ConnectionRequest, Session, Stream
from fastrtc_gradio.errors import NotYoursError
from fastrtc_gradio.link import ENDED_KEPT, Link
from fastrtc_webrtc import WebRTCSettings
from fastrtc_webrtc.testing import RTCClient

HERE = ConnectionRequest("webrtc", client="127.0.0.1")


class Talker(AsyncStreamHandler):
    """Makes two outputs at once, and then nothing."""

    async def start_up(self) -> None:
        for number in range(2):
            self.session.say(AdditionalOutputs(number))

    async def receive(self, frame: Any) -> None:
        pass

    async def emit(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    link = Link(Stream(Talker, modality="audio"))
    yield link
    await link.transport.signalling.close()


@asynccontextmanager
async def joined(link: Link, user: str) -> AsyncIterator[Session]:
    """Connect as a user."""

    async def post(path: str, body: Any) -> tuple[int, dict[str, Any]]:
        status, answer = await link.ask(path.strip("/"), body, user, HERE)
        return status, dict(answer)

    async with RTCClient(post) as client:
        session = link.session(client.signaller.id, user)
        assert session is not None
        yield session


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_session_belongs_to_who_began_it(link: Link) -> None:
    async with joined(link, "ada") as session:
        assert link.session(session.id, "ada") is session
        with pytest.raises(NotYoursError, match="another window"):
            link.session(session.id, "eve")
        with pytest.raises(NotYoursError):
            link.output(session.id, "eve", 0)
        for kind in ("offer", "ice-candidate", "bye"):
            body = {"type": kind, "webrtc_id": session.id, "sdp": "v=0", "token": "guess"}
            status, answer = await link.ask("webrtc/offer", body, "eve", HERE)
            assert status == 404
            assert answer["meta"]["error"] == "unknown_session"  # type: ignore[index, call-overload]
        assert not session.closed


async def test_outputs_outlive_their_session(link: Link) -> None:
    async with joined(link, "ada") as session:
        await until(lambda: session.outputs.at(1))
    await until(lambda: session.closed)
    assert link.session(session.id, "ada") is None
    found = [link.output(session.id, "ada", number) for number in range(3)]
    assert [output and output.args for output in found] == [(0,), (1,), None]


async def test_who_closes_the_page_leaves(link: Link) -> None:
    async with joined(link, "ada") as session:
        link.leave("eve")
        assert not session.closed
        link.leave("ada")
        await until(lambda: session.closed)


@pytest.mark.parametrize("webrtc_id", [None, "", "unknown"])
async def test_no_session(link: Link, webrtc_id: str | None) -> None:
    assert link.session(webrtc_id, "ada") is None
    assert link.output(webrtc_id, "ada", 0) is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("webrtc/offer", None),
        ("webrtc/offer", "v=0"),
        ("webrtc/offer", {"type": "offer", "sdp": "a" * 70_000}),
        ("elsewhere", {}),
    ],
)
async def test_requests_that_are_none(link: Link, path: str, body: object) -> None:
    status, answer = await link.ask(path, body, "ada", HERE)
    assert status == 400
    assert "at most 65536 bytes" in str(answer)


async def test_too_many_requests() -> None:
    settings = {"webrtc": WebRTCSettings(requests_per_minute=3)}
    link = Link(Stream(Talker, modality="audio", transport_settings=settings))
    statuses = [(await link.ask("webrtc/config", None, "ada", HERE))[0] for _ in range(3)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    await link.transport.signalling.close()


async def test_the_configuration_that_fails() -> None:
    def fail() -> None:
        raise OSError("the provider is down")

    link = Link(Stream(Talker, modality="audio", rtc_configuration=fail))
    status, answer = await link.ask("webrtc/config", None, "ada", HERE)
    assert status >= 500
    assert "provider" not in str(answer)
    await link.transport.signalling.close()


async def test_ended_sessions_are_forgotten_one_day(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastrtc_gradio.link.ENDED_KEPT", 1)
    ids = []
    for _ in range(3):
        async with joined(link, "ada") as session:
            await until(lambda session=session: session.outputs.at(0))
        await until(lambda session=session: session.closed)
        ids.append(session.id)
    assert [link.output(webrtc_id, "ada", 0) is None for webrtc_id in ids] == [True, False, False]
    assert ENDED_KEPT > 1
