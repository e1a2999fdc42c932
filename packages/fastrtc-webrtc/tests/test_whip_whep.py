"""Publishing and watching by the standard protocols."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import CloseReason, Stream
from fastrtc_webrtc.testing import RTCClient
from fastrtc_webrtc.testing.media import level, loudest_hz, numbered_picture, read_number, tone
from fastrtc_webrtc.testing.signalling import candidates_of, without_candidates

SDP = {"content-type": "application/sdp"}


class Resource:
    """A session as WHIP and WHEP have it: something with an address."""

    def __init__(self, http: httpx.AsyncClient, endpoint: str) -> None:
        self.http = http
        self.endpoint = endpoint
        self.created: httpx.Response | None = None
        self.candidates: list[str] = []
        self.ice: list[str] = []

    async def offer(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        self.created = await self.http.post(self.endpoint, content=body["sdp"], headers=SDP)
        assert self.created.status_code == 201, self.created.text
        return 200, {"sdp": self.created.text, "type": "answer"}

    async def offer_and_trickle(
        self, path: str, body: Mapping[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        sdp = body["sdp"]
        answer = await self.offer(path, {"sdp": without_candidates(sdp)})
        credentials = [line for line in sdp.splitlines() if line.startswith("a=ice-")][:2]
        lines = [
            *credentials,
            "m=audio 9 UDP/TLS/RTP/SAVPF 0",
            "a=mid:0",
            *(f"a={candidate}" for candidate in candidates_of(sdp)),
            "a=end-of-candidates",
        ]
        fragment = "".join(f"{line}\r\n" for line in lines)
        headers = {"content-type": "application/trickle-ice-sdpfrag"}
        patched = await self.http.patch(self.address, content=fragment, headers=headers)
        assert patched.status_code == 204, patched.text
        return answer

    @property
    def address(self) -> str:
        assert self.created is not None
        return str(self.created.url.join(self.created.headers["location"]))


@asynccontextmanager
async def resource(server: Any, name: str) -> AsyncIterator[Resource]:
    async with httpx.AsyncClient() as http:
        yield Resource(http, f"{server.url}/{name}")


@pytest.mark.parametrize("way", ["offer", "offer_and_trickle"])
async def test_publishing(serving_stream: Any, way: str) -> None:
    heard: asyncio.Queue[NDArray[np.int16]] = asyncio.Queue()

    async def listen(audio: tuple[int, NDArray[np.int16]]) -> None:
        heard.put_nowait(audio[1])

    stream = Stream(listen, modality="audio", mode="send")
    async with serving_stream(stream) as server, resource(server, "whip") as publication:
        options = {"audio": "sendonly", "data_channel": False}
        async with RTCClient(getattr(publication, way), **options) as client:
            client.send_audio(tone(440, 1.0))
            while level(sound := await heard.get()) < 4000:
                pass
            assert loudest_hz(sound) == pytest.approx(440, abs=40)
            assert publication.created is not None
            assert publication.created.headers["content-type"] == "application/sdp"
            assert publication.created.headers["etag"]


async def test_publishing_pictures(serving_stream: Any) -> None:
    seen: asyncio.Queue[int | None] = asyncio.Queue()

    async def look(picture: NDArray[np.uint8]) -> None:
        seen.put_nowait(read_number(picture))

    stream = Stream(look, modality="video", mode="send")
    async with serving_stream(stream) as server, resource(server, "whip") as publication:
        options = {"audio": None, "video": "sendonly", "data_channel": False}
        async with RTCClient(publication.offer, **options) as client:
            client.send_picture(numbered_picture(12))
            while await seen.get() != 12:
                pass


async def test_watching(serving_stream: Any) -> None:
    async def counting() -> AsyncIterator[NDArray[np.uint8]]:
        for number in range(1, 1000):
            yield numbered_picture(number)

    stream = Stream(counting, modality="video", mode="receive")
    async with serving_stream(stream) as server, resource(server, "whep") as view:
        options = {"audio": None, "video": "recvonly", "data_channel": False}
        async with RTCClient(view.offer, **options) as client:
            await client.video.pictures.match(lambda picture: read_number(picture.pixels) == 20)


async def test_the_end(serving_stream: Any, ends: Any) -> None:
    async def listen(audio: tuple[int, NDArray[np.int16]]) -> None: ...

    stream = Stream(listen, modality="audio", mode="send", on_event=ends.observe)
    async with serving_stream(stream) as server, resource(server, "whip") as publication:
        options = {"audio": "sendonly", "data_channel": False}
        async with RTCClient(publication.offer, **options) as client:
            deleted = await publication.http.delete(publication.address)
            assert deleted.status_code == 200
            await client.wait_closed()
        assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
        assert (await publication.http.delete(publication.address)).status_code == 404
