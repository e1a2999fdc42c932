"""What the core demands of every transport, checked over WebRTC."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import AudioFrame, Stream
from fastrtc_core.testing import Cleared, Connect, Received, check_transport
from fastrtc_webrtc import WebRTCSettings
from fastrtc_webrtc.testing import RTCClient, Sound, http_post
from fastrtc_webrtc.testing.media import level

LOUD = 300.0

STOPPED = 0.1
"""Seconds without sound after which it has stopped."""

SETTINGS = WebRTCSettings(reconnect_grace=0.5, requests_per_minute=10_000)
"""A client that vanishes has half a second to come back, not half a minute."""


class Client:
    """The client as the checks want it.

    A microphone is never silent on the wire: what it sends when nobody speaks comes back as
    silence, which is passed over here.

    There is no message that clears what a client has not played: the server keeps that to itself,
    and drops it. What the client notices, and what counts here as clearing, is that sound which was
    flowing stops.
    """

    rate = 48_000

    def __init__(self, client: RTCClient) -> None:
        self.client = client
        self._last_loud: float | None = None

    @property
    def id(self) -> str:
        assert self.client.id is not None
        return self.client.id

    async def send_audio(self, samples: NDArray[np.int16]) -> None:
        self.client.send_audio(samples)

    async def receive(self) -> Received:
        while True:
            try:
                async with asyncio.timeout(None if self._last_loud is None else STOPPED):
                    item = await self.client.arrivals.next()
            except TimeoutError:
                return self._stopped()
            if not isinstance(item, Sound):
                return getattr(item, "data")  # noqa: B009 - a message, there are no pictures
            if level(item.samples) > LOUD:
                self._last_loud = item.time
                return AudioFrame(item.samples, item.rate)
            if self._last_loud is not None and item.time > self._last_loud + STOPPED:
                return self._stopped()

    def _stopped(self) -> Cleared:
        self._last_loud = None
        return Cleared()

    def stop_reading(self) -> None:
        self.client.stop_reading()

    async def close(self) -> None:
        await self.client.close()

    async def vanish(self) -> None:
        await self.client.vanish()


@pytest.mark.timeout(180)
async def test_the_contract(serving_stream: Any) -> None:
    @asynccontextmanager
    async def serve(stream: Stream) -> AsyncIterator[Connect]:
        assert isinstance(stream.transport_settings, dict)
        stream.transport_settings["webrtc"] = SETTINGS
        async with (
            AsyncExitStack() as clients,
            serving_stream(stream) as server,
            http_post(server.url) as post,
        ):

            async def connect() -> Client:
                client = RTCClient(post)
                await client.connect()
                clients.push_async_callback(client.close)
                return Client(client)

            yield connect

    (await check_transport(serve, name="webrtc")).raise_for_failures()
