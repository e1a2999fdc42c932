import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
import pytest

from fastrtc_core import AdmissionError, AudioFrame, SessionClosedError, Stream
from fastrtc_core.testing import (
    Cleared,
    ConformanceError,
    Connect,
    MemoryClient,
    Received,
    Report,
    Serve,
    check_transport,
    connect,
    run,
)


class Client:
    """The in-memory client as the checks want it."""

    rate = 16000

    def __init__(self, client: MemoryClient, server: "Server") -> None:
        self.client = client
        self.server = server

    @property
    def id(self) -> str:
        return self.client.id

    async def send_audio(self, samples: np.ndarray) -> None:
        await self.client.speak(samples, self.rate)

    async def receive(self) -> Received:
        while True:
            try:
                received = self.server.altered(await self.client.receive())
            except SessionClosedError:
                raise ConnectionResetError from None
            if received is not None:
                return received

    def stop_reading(self) -> None:
        self.client.stop_reading()

    async def close(self) -> None:
        await self.client.leave()

    async def vanish(self) -> None:
        self.client.vanish()


class Server:
    """Serves in memory as it should; what is derived from it does one thing wrong."""

    client: type[Client] = Client

    @asynccontextmanager
    async def serve(self, stream: Stream) -> AsyncIterator[Connect]:
        async with AsyncExitStack() as connections:

            async def open_client() -> Client:
                try:
                    client = await connections.enter_async_context(self.connected(stream))
                except AdmissionError as refusal:
                    raise ConnectionRefusedError(str(refusal)) from refusal
                return self.client(client, self)

            yield open_client

    @asynccontextmanager
    async def connected(self, stream: Stream) -> AsyncIterator[MemoryClient]:
        async with connect(stream, rate=24000) as client:
            yield client

    def altered(self, received: Received) -> Received | None:
        return received


def report_of(serve: Serve) -> Report:
    return run(check_transport(serve, name="memory"))


def test_the_memory_transport_keeps_all_rules() -> None:
    report = report_of(Server().serve)
    report.raise_for_failures()
    assert str(report).startswith("memory: 11 of 11 rules kept\nok   sound: ")


def test_a_transport_without_messages_need_not_tell() -> None:
    report = run(check_transport(Deaf().serve, messages=False))
    assert {result.name for result in report.results if result.failure} == {"clear"}
    assert len(report.results) == 8


class Loud(Server):
    def altered(self, received: Received) -> Received:
        if isinstance(received, AudioFrame):
            louder = (received.samples * np.float32(1.05)).astype(np.int16)
            return AudioFrame(louder, received.rate)
        return received


class Noisy(Server):
    def altered(self, received: Received) -> Received:
        if isinstance(received, AudioFrame):
            shape = received.samples.shape
            noise = np.random.default_rng(1).integers(-1000, 1000, shape, dtype=np.int16)
            return AudioFrame(received.samples + noise, received.rate)
        return received


class Deaf(Server):
    """Tells its client nothing but sound."""

    def altered(self, received: Received) -> Received | None:
        return received if isinstance(received, AudioFrame) else None


class NeverClears(Server):
    def altered(self, received: Received) -> Received | None:
        return None if isinstance(received, Cleared) else received


class SameId(Client):
    id = "mine"  # type: ignore[assignment]  # wrong on purpose


class MintsNoIds(Server):
    client = SameId


class KeepsSession(Client):
    async def close(self) -> None:
        pass

    async def vanish(self) -> None:
        pass


class NeverNotices(Server):
    client = KeepsSession


class ReadsOn(Client):
    def stop_reading(self) -> None:
        pass


class BuffersForEver(Server):
    client = ReadsOn


class LetsAllIn(Server):
    """Serves each client with a stream of its own."""

    @asynccontextmanager
    async def connected(self, stream: Stream) -> AsyncIterator[MemoryClient]:
        unlimited = Stream(stream.event_handler, modality="audio", time_limit=stream.time_limit)
        async with connect(unlimited, rate=24000) as client:
            yield client


class LeavesTasks(Server):
    @asynccontextmanager
    async def connected(self, stream: Stream) -> AsyncIterator[MemoryClient]:
        self.left = asyncio.ensure_future(asyncio.sleep(100))  # noqa: TID251 - wrong on purpose
        async with connect(stream, rate=24000) as client:
            yield client


@pytest.mark.parametrize(
    ("server", "broken"),
    [
        (Loud(), {"sound"}),
        (Noisy(), {"sound"}),
        (Deaf(), {"goodbye", "errors", "clear"}),
        (NeverClears(), {"clear"}),
        (MintsNoIds(), {"ids"}),
        (NeverNotices(), {"concurrency", "shutdown", "leaks"}),
        (BuffersForEver(), {"stall"}),
        (LetsAllIn(), {"concurrency", "ids"}),
        (LeavesTasks(), {"leaks"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_broken_transport_is_found_out(server: Server, broken: set[str]) -> None:
    report = report_of(server.serve)
    found = {failure.name for failure in report.failures}
    assert broken <= found, str(report)
    with pytest.raises(ConformanceError, match="FAIL"):
        report.raise_for_failures()


def test_only_what_is_wrong_is_reported() -> None:
    [failure] = report_of(Loud().serve).failures
    assert failure.name == "sound"
    assert re.fullmatch(r"a tone came back 1\.05\d times as loud", failure.failure or "")
