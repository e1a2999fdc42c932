"""One source and those who watch it, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from fastrtc_core import (
    AdditionalOutputs,
    AsyncStreamHandler,
    AudioFrame,
    CloseReason,
    CloseStream,
    ConnectionRequest,
    Session,
    Stream,
    VideoFrame,
)
from fastrtc_core.factory import HandlerFactory
from fastrtc_core.testing import in_virtual_time, watch
from fastrtc_webrtc.audiocodecs import OPUS
from fastrtc_webrtc.audiooutlet import AudioOutlet
from fastrtc_webrtc.encoded import EncodedFrame, MediaClock
from fastrtc_webrtc.supervisor import Supervisor
from fastrtc_webrtc.testing.media import tone
from fastrtc_webrtc.watching import ENDED, SharedSource, Source, SourceWire, WatchHandler
from fastrtc_webrtc.wire import Outlets

RATE = 24_000


class Runs:
    """A stream, how often its generator ran, and what it shares."""

    def __init__(self, seconds: float = 1000.0, **options: Any) -> None:
        self.begun = self.ended = 0
        self.seconds = seconds
        self.stream = Stream(self.speak, modality="audio", mode="receive", **options)
        watch(self.stream._pool)
        self.supervisor = Supervisor()
        self.outlets: list[Outlets] = []
        self.shared = SharedSource(self.stream, self.make_outlets, self.supervisor)

    def make_outlets(self) -> Outlets:
        clock = MediaClock(asyncio.get_running_loop().time(), 0.0)
        self.outlets.append(Outlets(clock, AudioOutlet(clock), None))
        return self.outlets[-1]

    async def speak(self) -> AsyncIterator[object]:
        self.begun += 1
        try:
            for number in range(round(self.seconds / 0.1)):
                yield (RATE, tone(440, 0.1, RATE)), AdditionalOutputs(number)
            yield CloseStream("enough")
        finally:
            self.ended += 1

    @asynccontextmanager
    async def viewer(self, source: Source) -> AsyncIterator[Session]:
        """Let somebody watch a source."""
        wire = SourceWire(self.make_outlets())
        handler = WatchHandler(source.session)
        request = ConnectionRequest("webrtc")
        async with self.stream.connect(request, wire, handler=handler) as session:
            yield session

    async def close(self) -> None:
        self.shared.close()
        await self.supervisor.close()
        assert len(self.supervisor) == 0


class Peer:
    def __init__(self) -> None:
        self.frames: list[EncodedFrame] = []

    def send_frame(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)


@in_virtual_time
async def test_it_begins_with_the_first_and_ends_with_the_last() -> None:
    runs = Runs()
    await asyncio.sleep(1)
    assert runs.begun == 0
    first = runs.shared.join()
    await asyncio.sleep(1)
    second = runs.shared.join()
    assert second is first
    assert (first.viewers, runs.begun) == (2, 1)
    runs.shared.leave(first)
    await asyncio.sleep(1)
    assert (runs.ended, first.over) == (0, False)
    runs.shared.leave(second)
    await asyncio.sleep(1)
    assert (runs.ended, first.over) == (1, True)
    assert first.session.result().reason is CloseReason.CLIENT_LEFT
    third = runs.shared.join()
    assert third is not first
    await asyncio.sleep(1)
    assert (runs.begun, runs.ended) == (2, 1)
    runs.shared.leave(first)  # too late to matter
    await asyncio.sleep(1)
    assert runs.ended == 1
    await runs.close()
    assert runs.ended == 2


@in_virtual_time
async def test_its_sound_goes_to_all_who_watch() -> None:
    runs = Runs()
    source = runs.shared.join()
    peers = [Peer(), Peer()]
    for peer in peers:
        await asyncio.sleep(1)
        source.outlets.audio.subscribe(peer, OPUS)
    await asyncio.sleep(1)
    early, late = (peer.frames for peer in peers)
    assert len(early) > len(late) > 40
    assert early[-len(late) :] == late
    await runs.close()


@in_virtual_time
async def test_viewers_who_leave_before_it_has_begun() -> None:
    runs = Runs()
    source = runs.shared.join()
    runs.shared.leave(source)
    await asyncio.sleep(1)
    assert source.over
    assert runs.begun == runs.ended
    assert len(runs.supervisor) == 0


@in_virtual_time
async def test_no_place_is_taken_by_it() -> None:
    runs = Runs(concurrency_limit=1)
    source = runs.shared.join()
    async with runs.viewer(source):
        await asyncio.sleep(1)
        assert runs.begun == 1
    await runs.close()


@in_virtual_time
async def test_outputs_are_passed_on() -> None:
    runs = Runs()
    source = runs.shared.join()
    async with runs.viewer(source) as one, runs.viewer(source) as other:
        for viewer in (one, other):
            numbers: list[object] = []
            async for outputs in viewer.outputs.listen():
                numbers += outputs.args
                if len(numbers) == 5:
                    break
            assert numbers == [0, 1, 2, 3, 4]
    await runs.close()


@in_virtual_time
async def test_viewers_end_with_the_generator() -> None:
    runs = Runs(seconds=2.0)
    source = runs.shared.join()
    async with runs.viewer(source) as viewer:
        assert await viewer.wait_closed() is CloseReason.HANDLER
    [closed] = [e async for e in viewer.events.listen() if type(e).__name__ == "SessionClosed"]
    assert getattr(closed, "message") == ENDED  # noqa: B009 - of one kind of event
    assert source.over
    later = runs.shared.join()
    assert later is not source
    await asyncio.sleep(1)
    assert runs.begun == 2
    await runs.close()


@in_virtual_time
async def test_its_outlets_are_closed_with_it() -> None:
    runs = Runs(seconds=0.5)
    source = runs.shared.join()
    peer = Peer()
    source.outlets.audio.subscribe(peer, OPUS)
    await asyncio.sleep(2)
    assert source.over
    count = len(peer.frames)
    await asyncio.sleep(5)
    assert len(peer.frames) == count


def fail() -> AsyncStreamHandler:
    raise ZeroDivisionError


def test_a_source_that_can_not_begin(caplog: pytest.LogCaptureFixture) -> None:
    @in_virtual_time
    async def main() -> None:
        runs = Runs()
        runs.stream = Stream(HandlerFactory(fail), modality="audio", mode="receive")
        watch(runs.stream._pool)
        runs.shared = SharedSource(runs.stream, runs.make_outlets, runs.supervisor)
        source = runs.shared.join()
        async with runs.viewer(source) as viewer:
            assert await viewer.wait_closed() is CloseReason.HANDLER_FAILED
        assert source.over
        await runs.close()

    main()
    assert "a shared source failed" in caplog.text


@in_virtual_time
async def test_a_watched_session_that_never_begins() -> None:
    runs = Runs()
    source = Source(runs.make_outlets(), asyncio.get_running_loop().create_future())
    async with runs.viewer(source) as viewer:
        await asyncio.sleep(1)
        assert not viewer.closed
        source.session.cancel()  # its client was refused
        assert await viewer.wait_closed() is CloseReason.HANDLER
    assert source.over


@in_virtual_time
async def test_its_wire() -> None:
    runs = Runs()
    outlets = runs.make_outlets()
    wire = SourceWire(outlets, channels=2)
    await wire.ready()
    assert (wire.rate, wire.channels) == (None, 2)
    await wire.send_message("{}")
    await wire.send_video(VideoFrame(np.zeros((2, 2, 3), np.uint8)))  # there are no pictures
    await wire.send_audio(AudioFrame(tone(440, 0.2, RATE), RATE))
    assert outlets.audio._waiting.size > 0
    await wire.clear()
    assert outlets.audio._waiting.size == 0
