"""Candidates that clients trickle, before their offer, after it and beyond the bound."""

import asyncio
from typing import Any

import pytest

from fastrtc_core import (
    ConnectionRequest,
)
from fastrtc_webrtc import signalling

CANDIDATE = "candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host"


async def test_a_candidate_of_a_live_session(target_of: Any) -> None:
    async with target_of() as target:
        await target.offer()
        assert await target.trickle("abc") == (200, {"status": "success"})
        assert await target.trickle("abc", None) == (200, {"status": "success"})
        assert await target.trickle("abc", "") == (200, {"status": "success"})
        assert await target.remote() == [("127.0.0.1", 40_000)]


@pytest.mark.parametrize("when", ["before", "while it is looked at"])
async def test_candidates_that_come_before_the_answer(when: str, target_of: Any) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def authorize(request: ConnectionRequest) -> object:
        asked.set()
        await go.wait()
        return True

    async with target_of(authorize=authorize) as target, asyncio.TaskGroup() as tasks:
        offering = None if when == "before" else tasks.create_task(target.offer())
        if offering is not None:
            await asked.wait()
        early = tasks.create_task(target.trickle("abc"))
        while not target.signalling._waiting:
            await asyncio.sleep(0)
        offering = offering or tasks.create_task(target.offer())
        await asked.wait()
        go.set()
        await offering
        assert await early == (200, {"status": "success"})
        assert await target.remote() == [("127.0.0.1", 40_000)]


async def test_candidates_whose_offer_never_comes(
    monkeypatch: pytest.MonkeyPatch, target_of: Any
) -> None:
    monkeypatch.setattr(signalling, "CANDIDATE_PATIENCE", 0.1)
    async with target_of() as target:
        await target.fails(404, "unknown_session", type="ice-candidate", candidate=CANDIDATE)
        assert target.signalling._waiting == 0


async def test_candidates_whose_offer_is_refused(target_of: Any) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def authorize(request: ConnectionRequest) -> object:
        asked.set()
        await go.wait()
        return False

    async with target_of(authorize=authorize) as target, asyncio.TaskGroup() as tasks:
        refused = tasks.create_task(target.fails(401, "unauthorized"))
        await asked.wait()
        early = tasks.create_task(target.trickle("abc"))
        while not target.signalling._waiting:
            await asyncio.sleep(0)
        go.set()
        await refused
        await early
        await target.emptied()


async def test_not_too_many_candidates_wait(
    monkeypatch: pytest.MonkeyPatch, target_of: Any
) -> None:
    monkeypatch.setattr(signalling, "MOST_WAITING", 2)
    async with target_of() as target, asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(target.trickle("abc")) for _ in range(2)]
        while target.signalling._waiting < 2:
            await asyncio.sleep(0)
        await target.fails(404, "unknown_session", type="ice-candidate", candidate=CANDIDATE)
        await target.offer()
        assert [status for status, _ in await asyncio.gather(*waiting)] == [200, 200]


async def test_candidates_beyond_the_bound_are_ignored(target_of: Any) -> None:
    async with target_of(settings={"max_candidates": 3}) as target:
        await target.offer()
        for number in range(10):
            candidate = CANDIDATE.replace("40000", str(40_000 + number))
            assert (await target.trickle("abc", candidate))[0] == 200
        assert len(await target.remote()) == 3


@pytest.mark.parametrize("address", ["8.8.8.8", "169.254.169.254", "0.0.0.0", "224.0.0.1"])
async def test_candidates_that_lead_elsewhere(address: str, target_of: Any) -> None:
    async with target_of() as target:
        await target.offer()
        candidate = CANDIDATE.replace("127.0.0.1", address)
        assert (await target.trickle("abc", candidate))[0] == 200
        assert await target.remote() == []


async def test_a_candidate_that_is_none(target_of: Any) -> None:
    async with target_of() as target:
        await target.offer()
        await target.fails(400, "bad_candidate", type="ice-candidate", candidate="candidate:x")
