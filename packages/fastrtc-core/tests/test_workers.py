import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator

import pytest

from fastrtc_core import WorkersExhaustedError
from fastrtc_core.workers import Lane, WorkerPool


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """An event that user code blocks on; always opened in the end, so that no thread stays."""
    gate = threading.Event()
    yield gate
    gate.set()


async def until_free(pool: WorkerPool) -> None:
    async with asyncio.timeout(5):
        while pool.lanes or pool.running:
            await asyncio.sleep(0.001)


async def started(lane: Lane, gate: threading.Event) -> asyncio.Task[bool]:
    task = asyncio.ensure_future(lane.run(gate.wait))  # noqa: TID251 - ended by the test
    await asyncio.sleep(0)
    assert lane.busy
    return task


async def test_a_call_runs_in_a_thread_and_returns() -> None:
    pool = WorkerPool()
    name = await pool.call(lambda: threading.current_thread().name)
    assert name == "fastrtc-worker"
    await until_free(pool)


async def test_arguments_and_exceptions_pass() -> None:
    pool = WorkerPool()
    assert await pool.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await pool.call(divmod, 7, 0)
    await until_free(pool)


async def test_stop_iteration_becomes_an_error_that_says_so() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await WorkerPool().call(next, iter(()))


async def test_the_context_goes_along() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("here")
    assert await WorkerPool().call(variable.get) == "here"


async def test_a_lane_keeps_its_order() -> None:
    lane = WorkerPool().lane()
    made: list[int] = []
    for number in range(20):
        await lane.run(made.append, number)
    lane.close()
    assert made == list(range(20))


async def test_the_limit_holds(gate: threading.Event) -> None:
    pool = WorkerPool(2)
    lanes = [pool.lane(), pool.lane()]
    with pytest.raises(WorkersExhaustedError, match="all 2 threads"):
        pool.lane()
    extra = pool.lane(even_if_full=True)
    assert pool.lanes == 3
    for lane in (*lanes, extra):
        lane.close()
    assert pool.lanes == 0


async def test_all_lanes_or_none() -> None:
    pool = WorkerPool(2)
    with pytest.raises(WorkersExhaustedError):
        pool.lanes_for(["a", "b", "c"])
    assert pool.lanes == 0
    assert set(pool.lanes_for(["a", "b"])) == {"a", "b"}


def test_a_pool_without_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        WorkerPool(0)


async def test_a_busy_lane_takes_no_second_call(gate: threading.Event) -> None:
    lane = WorkerPool().lane()
    task = await started(lane, gate)
    with pytest.raises(RuntimeError, match="busy"):
        await lane.run(int)
    gate.set()
    assert await task
    lane.close()


async def test_a_closed_lane_takes_no_call() -> None:
    lane = WorkerPool().lane()
    lane.close()
    lane.close()
    with pytest.raises(RuntimeError, match="closed"):
        await lane.run(int)


async def test_a_stuck_lane_counts_until_it_returns(gate: threading.Event) -> None:
    pool = WorkerPool(1)
    lane = pool.lane()
    task = await started(lane, gate)
    task.cancel()
    lane.close()
    assert (pool.lanes, pool.running) == (1, 1)
    with pytest.raises(WorkersExhaustedError):
        pool.lane()
    gate.set()
    await until_free(pool)


async def test_clean_up_of_a_stuck_lane_runs_in_its_thread(gate: threading.Event) -> None:
    pool = WorkerPool()
    lane = pool.lane()
    ran_in: list[int] = []
    task = asyncio.ensure_future(  # noqa: TID251 - cancelled below
        lane.run(lambda: (gate.wait(), ran_in.append(threading.get_ident())))
    )
    await asyncio.sleep(0)
    task.cancel()
    lane.close(lambda: ran_in.append(threading.get_ident()))
    assert ran_in == []
    gate.set()
    await until_free(pool)
    assert len(ran_in) == 2
    assert ran_in[0] == ran_in[1] != threading.get_ident()


async def test_clean_up_of_an_idle_lane_runs_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    pool = WorkerPool()
    pool.lane().close(lambda: 1 / 0)
    await until_free(pool)
    assert "clean-up of an abandoned call failed" in caplog.text


async def test_calls_are_told_apart(gate: threading.Event) -> None:
    pool = WorkerPool()
    first, second = pool.lane(), pool.lane()
    one = await started(first, gate)
    calls = pool.calls
    two = await started(second, gate)
    assert len(calls) == 1
    assert len(calls.keys() & pool.calls.keys()) == 1
    assert len(pool.calls) == 2
    gate.set()
    await asyncio.gather(one, two)
    first.close()
    second.close()
    await until_free(pool)
    assert pool.calls == {}


async def test_threads_are_used_again() -> None:
    pool = WorkerPool()
    seen: set[int] = set()
    for _ in range(50):
        seen.add(await pool.call(threading.get_ident))
        while pool.running:
            await asyncio.sleep(0)
    assert len(seen) == 1


async def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastrtc_core.workers.IDLE_SECONDS", 0.01)
    thread = await WorkerPool().call(threading.current_thread)
    await asyncio.to_thread(thread.join, 5)
    assert not thread.is_alive()


def test_a_worker_may_outlive_its_loop(gate: threading.Event) -> None:
    pool = WorkerPool()

    async def leave() -> None:
        task = await started(pool.lane(), gate)
        task.cancel()

    asyncio.run(leave())
    gate.set()
    deadline = time.monotonic() + 5
    while pool.running and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not pool.running
