"""Thousands of requests with faults in them: nothing is left behind, and the server still works."""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
import pytest
from starlette.applications import Starlette

from fastrtc_core import CloseReason, Stream
from fastrtc_webrtc import WebRTCSettings, WebRTCTransport
from fastrtc_webrtc.testing.mutations import load_offers, mutations

DATA = Path(__file__).parent / "data"
OFFERS = 5_000
CANDIDATES = 4_000
WHIP_BODIES = 1_000
MEBIBYTE = 1 << 20

GROWTH = 20
"""MiB of resident memory that thousands of refusals may cost: first use, fragments.

A session that stayed behind for each would be some 250.
"""


async def echo(audio: Any) -> Any:
    return audio


def texts(samples: list[str], count: int) -> Iterator[str]:
    """Yield so many texts with faults, without names that would be asked for by multicast."""
    each = -(-count // len(samples))
    faulty = itertools.chain.from_iterable(
        mutations(sample, seed=number, count=each) for number, sample in enumerate(samples)
    )
    return (text.replace(".local", ".lokal") for text in itertools.islice(faulty, count))


class Target:
    """A stream in this process, whose packets can't leave the machine."""

    def __init__(self) -> None:
        settings = WebRTCSettings(bind_addresses=("127.0.0.1",), requests_per_minute=1e9)
        self.stream = Stream(
            echo,
            modality="audio",
            concurrency_limit=None,
            allow_extra_tracks=True,
            transport_settings={"webrtc": settings},
        )
        self.transport = WebRTCTransport(self.stream)
        app = Starlette()
        self.transport.mount(app, "", None)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=("127.0.0.1", 1234)), base_url="http://here"
        )

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.http.post(path, **body)

    async def emptied(self) -> None:
        """End what was let in, and wait until nothing is left of it."""
        for session in self.stream.sessions:
            session.close(CloseReason.CLIENT_LEFT)
        while len(self.stream.sessions) or self.transport.signalling.live:
            await asyncio.sleep(0.01)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    target = Target()
    yield target
    await target.transport.signalling.close()
    await target.http.aclose()


def held() -> dict[str, float]:
    gc.collect()
    process = psutil.Process()
    return {
        "tasks": len(asyncio.all_tasks()),
        "files": process.num_fds(),
        "mebibytes": process.memory_info().rss / MEBIBYTE,
    }


async def check_nothing_stays(target: Target, before: dict[str, float]) -> None:
    await target.emptied()
    after = held()
    for _ in range(500):
        if after["tasks"] <= before["tasks"] and after["files"] <= before["files"]:
            break
        await asyncio.sleep(0.02)
        after = held()
    assert after["tasks"] <= before["tasks"]
    assert after["files"] <= before["files"]
    assert after["mebibytes"] - before["mebibytes"] < GROWTH


async def still_works(target: Target) -> None:
    sound = load_offers(DATA / "offers")["chrome_audio_trickle"]
    reply = await target.post("/webrtc/offer", json={"sdp": sound, "type": "offer"})
    assert reply.json()["type"] == "answer"


@pytest.mark.timeout(600)
async def test_offers(target: Target) -> None:
    samples = list(load_offers(DATA / "offers").values())
    answered = 0
    before: dict[str, float] = {}
    for number, text in enumerate(texts(samples, OFFERS)):
        body = {"sdp": text.encode(errors="replace").decode(), "type": "offer"}
        reply = await target.post("/webrtc/offer", json=body)
        assert reply.status_code in (200, 400), reply.text
        content = reply.json()
        answered += content.get("type") == "answer"
        if content.get("type") != "answer":
            assert content["meta"]["error"] in ("bad_sdp", "bad_request")
        if number % 100 == 0:
            await target.emptied()
        if number == OFFERS // 5:  # what is made once has been made
            before = held()
    await check_nothing_stays(target, before)
    assert answered > OFFERS / 50  # faults that don't matter: the rest of the road was taken too
    await still_works(target)


@pytest.mark.timeout(300)
async def test_candidates(target: Target) -> None:
    offer = load_offers(DATA / "offers")["chrome_audio_trickle"]
    body: dict[str, Any] = {"sdp": offer, "type": "offer", "webrtc_id": "fuzzed"}
    assert (await target.post("/webrtc/offer", json=body)).json()["type"] == "answer"
    samples = [line for line in (DATA / "candidates.txt").read_text().splitlines() if line]
    chance = Random(1)
    before: dict[str, float] = {}
    for number, text in enumerate(texts(samples, CANDIDATES)):
        candidate: Any = {"candidate": text.encode(errors="replace").decode(), "sdpMid": "0"}
        if chance.random() < 0.1:
            candidate = chance.choice([None, "", 7, [], {}, {"candidate": None}])
        reply = await target.post(
            "/webrtc/offer",
            json={"type": "ice-candidate", "webrtc_id": "fuzzed", "candidate": candidate},
        )
        assert reply.status_code in (200, 400), reply.text
        if number == CANDIDATES // 5:
            before = held()
    assert len(target.stream.sessions) == 1
    await check_nothing_stays(target, before)
    await still_works(target)


@pytest.mark.timeout(300)
async def test_whip_bodies(target: Target) -> None:
    offers = load_offers(DATA / "offers")
    samples = [text for name, text in offers.items() if name.startswith(("obs", "gst", "ffmpeg"))]
    before: dict[str, float] = {}
    for number, text in enumerate(texts(samples, WHIP_BODIES)):
        body = text.encode(errors="surrogatepass")
        headers = {"Content-Type": "application/sdp"}
        reply = await target.post("/whip", content=body, headers=headers)
        assert reply.status_code in (201, 400, 413), reply.text
        if reply.status_code == 201:
            fragment = await target.http.patch(
                reply.headers["location"],
                content=body,
                headers={"Content-Type": "application/trickle-ice-sdpfrag"},
            )
            assert fragment.status_code in (204, 400, 412), fragment.text
            gone = await target.http.delete(reply.headers["location"])
            assert gone.status_code == 200
        if number % 100 == 0:
            await target.emptied()
        if number == WHIP_BODIES // 5:
            before = held()
    await check_nothing_stays(target, before)
    await still_works(target)
