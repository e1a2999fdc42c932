"""What a client says over its data channel, and what its session makes of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fastrtc_core import CloseReason, Limits, Session, Stream
from fastrtc_core.testing import in_virtual_time
from fastrtc_core.testing.memory import MemoryClient, connect
from fastrtc_webrtc.reader import ChannelReader


class Channel:
    """A session, and a reader of what its client says."""

    def __init__(self, client: MemoryClient, limits: Limits) -> None:
        self.client = client
        self.left = 0
        self.reader = ChannelReader(client.session, limits, self.leave)

    @property
    def session(self) -> Session:
        return self.client.session

    def leave(self) -> None:
        self.left += 1

    def say(self, **message: Any) -> None:
        self.reader.receive(json.dumps(message))

    async def answers(self) -> list[Any]:
        """Return the messages that came back, after a moment."""
        count = len(self.client.messages)
        await asyncio.sleep(0.1)
        return [message for _, message in self.client.messages[count:]]


async def listen(audio: object) -> None: ...


@asynccontextmanager
async def open_channel(limits: Limits | None = None) -> AsyncIterator[Channel]:
    stream = Stream(listen, modality="audio", mode="send")
    async with connect(stream) as client:
        channel = Channel(client, limits or Limits())
        await channel.answers()
        yield channel


@in_virtual_time
async def test_ping() -> None:
    async with open_channel() as channel:
        channel.say(type="ping")
        assert await channel.answers() == [{"type": "pong"}]


@in_virtual_time
async def test_inputs() -> None:
    async with open_channel() as channel:
        channel.say(type="input", args=[1, "two"])
        assert list(channel.session.handler.latest_args[1:]) == [1, "two"]


@in_virtual_time
async def test_a_message_to_the_application() -> None:
    async with open_channel() as channel:
        channel.say(type="message", data={"a": 1})
        assert await channel.session.messages.latest() == {"a": 1}
        assert channel.session.counters.messages_in == 1


@in_virtual_time
async def test_stop() -> None:
    async with open_channel() as channel:
        channel.say(type="stop")
        assert channel.left == 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "not_json"),
        (b"\xff", "not_json"),
        ("[]", "not_json"),
        ('{"type": "dance"}', "unknown_type"),
        ('{"type": "input", "args": 1}', "bad_field"),
        ("x" * 101, "message_too_big"),
    ],
)
@in_virtual_time
async def test_a_message_that_is_wrong(message: str | bytes, code: str) -> None:
    async with open_channel(Limits(message_bytes=100)) as channel:
        channel.reader.receive(message)
        [error] = await channel.answers()
        assert (error["type"], error["code"]) == ("error", code)
        channel.say(type="ping")
        assert await channel.answers() == [{"type": "pong"}]


@in_virtual_time
async def test_too_many_messages() -> None:
    async with open_channel(Limits(messages_per_second=5)) as channel:
        for _ in range(30):
            channel.say(type="ping")
        answers = await channel.answers()
        assert answers[:10] == [{"type": "pong"}] * 10  # two seconds' worth
        [error] = answers[10:]
        assert error["code"] == "too_many_messages"
        await asyncio.sleep(1.0)
        for _ in range(8):
            channel.say(type="ping")
        again = await channel.answers()
        assert again[:5] == [{"type": "pong"}] * 5
        assert [message["type"] for message in again[5:]] == ["error"]


@in_virtual_time
async def test_nothing_is_taken_after_the_end() -> None:
    async with open_channel() as channel:
        channel.session.close(CloseReason.HANDLER)
        channel.say(type="message", data=1)
        channel.say(type="stop")
        assert channel.session.counters.messages_in == 0
        assert channel.left == 0
