import asyncio
import threading

import pytest

from fastrtc_core.bridge import Bridge
from fastrtc_core.testing import in_virtual_time


class GoneError(Exception):
    pass


async def answer() -> int:
    await asyncio.sleep(1)
    return 42


async def fail() -> int:
    raise ZeroDivisionError


@in_virtual_time
async def test_on_the_loop_calls_are_made_at_once() -> None:
    made: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        bridge = Bridge(tasks, GoneError)
        assert bridge.is_here
        bridge.do(made.append, 1)
        assert made == [1]
        assert bridge.get(len, made) == 1
        with pytest.raises(RuntimeError, match="block the event loop"):
            bridge.wait(answer())


@in_virtual_time
async def test_from_a_thread_calls_are_made_on_the_loop() -> None:
    made: list[threading.Thread] = []

    def note() -> int:
        made.append(threading.current_thread())
        return len(made)

    def call() -> int:
        assert not bridge.is_here
        bridge.do(lambda: made.append(threading.current_thread()))
        return bridge.get(note)

    async with asyncio.TaskGroup() as tasks:
        bridge = Bridge(tasks, GoneError)
        assert await asyncio.to_thread(call) == 2
    assert made == [threading.current_thread()] * 2


@in_virtual_time
async def test_a_thread_gets_results_and_exceptions() -> None:
    async with asyncio.TaskGroup() as tasks:
        bridge = Bridge(tasks, GoneError)
        assert await asyncio.to_thread(lambda: bridge.wait(answer())) == 42
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: bridge.wait(fail()))


@in_virtual_time
async def test_a_thread_is_let_go_when_the_tasks_end() -> None:
    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    tasks = asyncio.TaskGroup()
    await tasks.__aenter__()
    bridge = Bridge(tasks, GoneError)
    waiting = asyncio.ensure_future(  # noqa: TID251 - awaited below
        asyncio.to_thread(lambda: bridge.wait(wait_for_ever()))
    )
    await asyncio.sleep(1)
    error = ZeroDivisionError()
    with pytest.raises(ExceptionGroup):
        await tasks.__aexit__(ZeroDivisionError, error, None)
    with pytest.raises(GoneError):
        await waiting
    with pytest.raises(GoneError):
        await asyncio.to_thread(lambda: bridge.wait(answer()))
