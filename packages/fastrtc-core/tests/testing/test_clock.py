import asyncio
import socket
import threading
import time

import pytest

from fastrtc_core.testing import DeadlockError, in_virtual_time, run, watch
from fastrtc_core.workers import WorkerPool


def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_of_waiting_takes_no_time() -> None:
    async def wait() -> float:
        for _ in range(3599):
            await asyncio.sleep(1)
        return now()

    began = time.monotonic()
    assert run(wait()) == pytest.approx(3599)
    assert time.monotonic() - began < 3


def test_timers_run_in_order() -> None:
    order: list[str] = []

    async def note(name: str, after: float) -> None:
        await asyncio.sleep(after)
        order.append(name)

    async def main() -> None:
        await asyncio.gather(note("last", 3), note("first", 1), note("second", 2))

    run(main())
    assert order == ["first", "second", "last"]


def test_time_stands_still_while_a_thread_works() -> None:
    async def main() -> tuple[float, bool]:
        pool = WorkerPool()
        watch(pool)
        ticks = asyncio.create_task(asyncio.sleep(0.001))  # noqa: TID251 - a timer that is near
        await pool.call(time.sleep, 0.02)
        return now(), ticks.done()

    assert run(main()) == (pytest.approx(0, abs=1e-6), False)


def test_time_stands_still_for_an_executor() -> None:
    async def main() -> float:
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(time.sleep, 0.02)
        return now()

    assert run(main()) == pytest.approx(0, abs=1e-6)


@in_virtual_time
async def test_a_blocked_thread_does_not_stop_time() -> None:
    pool = WorkerPool()
    watch(pool)
    gate = threading.Event()
    lane = pool.lane()
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(lane.run(gate.wait))
        began = time.monotonic()
        for _ in range(600):
            await asyncio.sleep(1)
        assert time.monotonic() - began < 2  # the grace is paid once
        assert not call.done()
        gate.set()
    assert now() == pytest.approx(600)


@in_virtual_time
async def test_short_work_is_waited_for_beside_a_blocked_thread() -> None:
    pool = WorkerPool()
    watch(pool)
    gate = threading.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pool.call(gate.wait))
        await asyncio.sleep(1)
        for _ in range(5):
            async with asyncio.timeout(0.001):
                await pool.call(time.sleep, 0.01)
        gate.set()
    assert now() == pytest.approx(1)


def test_a_deadlock_names_who_waits() -> None:
    async def wait_for_godot() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match=r"wait for ever:\n  .* in Event\.wait, line \d+") as e:
        run(wait_for_godot())
    assert len(e.value.tasks) == 1


def test_a_task_that_never_ends_reaches_the_limit() -> None:
    async def wait() -> None:
        while True:
            await asyncio.sleep(1)

    with pytest.raises(TimeoutError, match="not done in 5 s of virtual time"):
        run(wait(), limit_s=5)


def test_tasks_left_behind_are_cancelled() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("cancelled")

    async def main() -> None:
        task = asyncio.create_task(wait())  # noqa: TID251 - left behind on purpose
        await asyncio.sleep(1)
        assert not task.done()

    run(main())
    assert ended == ["cancelled"]


def test_sockets_are_refused() -> None:
    async def main() -> None:
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            await asyncio.get_running_loop().sock_recv(left, 1)

    with pytest.raises(RuntimeError, match="virtual time knows no sockets"):
        run(main())


@in_virtual_time
async def test_sleeping_for_less_than_time_can_tell() -> None:
    await asyncio.sleep(1000)
    end = now() + 1e-9
    while (left := end - now()) > 0:
        await asyncio.sleep(left / 1e6)


@in_virtual_time
async def test_a_thread_that_waits_for_the_loop_is_served() -> None:
    loop = asyncio.get_running_loop()

    async def answer() -> int:
        await asyncio.sleep(5)
        return 42

    def ask() -> int:
        return asyncio.run_coroutine_threadsafe(answer(), loop).result()

    assert await asyncio.to_thread(ask) == 42
    assert now() == pytest.approx(5)


async def test_watching_in_real_time_does_nothing() -> None:
    watch(WorkerPool())


def test_the_decorator_keeps_name_and_arguments() -> None:
    @in_virtual_time
    async def double(number: int) -> int:
        await asyncio.sleep(10)
        return 2 * number

    assert double.__name__ == "double"
    assert double(21) == 42
