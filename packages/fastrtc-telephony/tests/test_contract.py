"""What the core demands of every transport, checked over a telephone line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import AudioFrame, Stream
from fastrtc_core.testing import Cleared, Connect, Received, check_transport
from fastrtc_telephony import TelephoneSettings
from fastrtc_telephony.testing import Phone, RefusedError, dial

LOUD = 200


class Client:
    """A caller as the checks want it. What it says when nobody speaks comes back as silence."""

    rate = 8000

    def __init__(self, phone: Phone, session_id: str, hang_up: AsyncExitStack) -> None:
        self.phone = phone
        self.id = session_id
        self._hang_up = hang_up

    async def send_audio(self, samples: NDArray[np.int16]) -> None:
        await self.phone.say(self.rate, samples)

    async def receive(self) -> Received:
        while True:
            item = await self.phone.next_heard()
            if item is None:
                raise ConnectionResetError(self.phone.ended)
            if isinstance(item, str):
                return Cleared()
            if np.abs(item.astype(int)).max() > LOUD:
                return AudioFrame(item[np.newaxis], self.rate)

    def stop_reading(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        await self._hang_up.aclose()

    async def vanish(self) -> None:
        self.phone.vanish()
        await self._hang_up.aclose()


@pytest.mark.timeout(180)
async def test_the_contract(serving_stream: Any, carrier: Any, secrets: Any) -> None:
    @asynccontextmanager
    async def serve(stream: Stream) -> AsyncIterator[Connect]:
        assert isinstance(stream.transport_settings, dict)
        settings = TelephoneSettings(carriers=[carrier("twilio")])
        stream.transport_settings["telephone"] = settings
        async with serving_stream(stream) as server, AsyncExitStack() as clients:

            async def connect() -> Client:
                known = {session.id for session in stream.sessions}
                hang_up = await clients.enter_async_context(AsyncExitStack())
                ringing = dial(server.url, secrets=secrets["twilio"])
                try:
                    phone = await hang_up.enter_async_context(ringing)
                except RefusedError as error:
                    raise ConnectionRefusedError(str(error)) from error
                while not (new := {session.id for session in stream.sessions} - known):
                    await asyncio.sleep(0.002)
                return Client(phone, new.pop(), hang_up)

            yield connect

    report = await check_transport(serve, name="telephone", messages=False)
    report.raise_for_failures()
    assert len(report.results) == 8
