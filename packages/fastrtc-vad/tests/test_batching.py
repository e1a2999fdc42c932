import asyncio
import gc
import threading
import weakref
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_vad.batching import Batcher, batcher_for
from fastrtc_vad.silero import SileroVADModel

NEVER = 3600.0
"""A delay nobody waits for: what is told before it was not delayed."""


class Model:
    """Gives the mean of each window, and remembers how it was called."""

    sample_rate = 16_000
    window_samples = 4
    release = 0.0

    def __init__(self) -> None:
        self.batches: list[list[object]] = []
        self.threads: set[int] = set()
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def new_state(self) -> list[float]:
        return []

    def infer(self, windows: NDArray[np.float32], states: Sequence[object]) -> NDArray[np.float32]:
        self.entered.set()
        assert self.gate.wait(10)
        self.threads.add(threading.get_ident())
        self.batches.append(list(states))
        if self.error is not None:
            raise self.error
        means: NDArray[np.float32] = windows.mean(axis=1)
        for state, mean in zip(states, means, strict=True):
            assert isinstance(state, list)
            state.append(float(mean))
        return means


def window(level: float) -> NDArray[np.float32]:
    return np.full(4, level, np.float32)


async def entered(model: Model) -> None:
    """Wait, without blocking the loop, until the model is being called."""
    await asyncio.to_thread(model.entered.wait, 10)
    model.entered.clear()


async def test_one_session_alone_is_not_delayed() -> None:
    model = Model()
    batcher, state = Batcher(model, delay=NEVER), model.new_state()
    calls = [batcher.probability(window(level), state) for level in (0.25, 0.5, 0.75)]
    assert await asyncio.gather(*calls) == [0.25, 0.5, 0.75]
    assert await batcher.probability(window(1.0), state) == 1.0
    assert state == [0.25, 0.5, 0.75, 1.0]


async def test_the_first_window_of_a_batcher_is_not_delayed() -> None:
    model = Model()
    assert await Batcher(model, delay=NEVER).probability(window(0.5), model.new_state()) == 0.5


async def test_sessions_share_a_batch() -> None:
    model = Model()
    batcher = Batcher(model)
    states = [model.new_state() for _ in range(8)]
    found = await asyncio.gather(
        *(batcher.probability(window(row / 8), state) for row, state in enumerate(states))
    )
    assert found == [row / 8 for row in range(8)]
    assert [len(batch) for batch in model.batches] == [1, 7]  # the first was alone


async def test_a_state_is_in_a_batch_once_and_its_windows_in_order() -> None:
    model = Model()
    batcher = Batcher(model)
    states = [model.new_state(), model.new_state()]
    calls = [batcher.probability(window(at / 8), state) for at in range(4) for state in states]
    await asyncio.gather(*calls)
    assert states == [[0, 1 / 8, 2 / 8, 3 / 8]] * 2
    assert all(len({id(state) for state in batch}) == len(batch) for batch in model.batches)


async def test_several_windows_of_a_stream_in_one_call() -> None:
    model = Model()
    batcher = Batcher(model)
    states = [model.new_state(), model.new_state()]
    short, long = np.stack([window(0.5)]), np.stack([window(0.25), window(0.5), window(0.75)])
    found = await asyncio.gather(
        batcher.probabilities(long, states[0]), batcher.probabilities(short, states[1])
    )
    assert [list(row) for row in found] == [[0.25, 0.5, 0.75], [0.5]]


async def test_no_windows_give_no_probabilities() -> None:
    model = Model()
    found = await Batcher(model).probabilities(np.zeros((0, 4), np.float32), model.new_state())
    assert found.shape == (0,)


async def test_the_model_is_called_off_the_loop_on_one_thread() -> None:
    model = Model()
    batcher = Batcher(model)
    for _ in range(5):
        await batcher.probability(window(0), model.new_state())
    assert len(model.threads) == 1
    assert threading.get_ident() not in model.threads


async def test_the_loop_goes_on_while_the_model_computes() -> None:
    model = Model()
    model.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(Batcher(model).probability(window(0.5), model.new_state()))
        await entered(model)
        assert not task.done()
        model.gate.set()


async def test_a_cancelled_request_leaves_and_the_others_do_not_notice() -> None:
    model = Model()
    batcher, states = Batcher(model), [model.new_state() for _ in range(3)]
    model.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(batcher.probability(window(0.1), states[0]))
        await entered(model)
        waiting = tasks.create_task(batcher.probability(window(0.2), states[1]))
        staying = tasks.create_task(batcher.probability(window(0.5), states[2]))
        await asyncio.sleep(0)
        running.cancel()
        waiting.cancel()
        await asyncio.wait([running, waiting])
        model.gate.set()
    assert staying.result() == 0.5
    assert running.cancelled()
    assert waiting.cancelled()
    assert states[1] == []
    assert await batcher.probability(window(0.75), states[1]) == 0.75


async def test_if_all_leave_the_next_request_is_served() -> None:
    model = Model()
    batcher = Batcher(model, delay=0.001)
    await batcher.probability(window(0), model.new_state())
    async with asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(batcher.probability(window(0.5), model.new_state()))
        await asyncio.sleep(0)
        leaving.cancel()
    assert await batcher.probability(window(0.25), model.new_state()) == 0.25
    assert len(model.batches) == 2


async def test_an_error_of_the_model_reaches_all_of_the_batch_and_no_other() -> None:
    model = Model()
    batcher = Batcher(model)
    model.error = RuntimeError("out of memory")
    states = [model.new_state() for _ in range(3)]
    calls = [batcher.probability(window(0), state) for state in states]
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(error) for error in found] == ["out of memory"] * 3
    model.error = None
    assert await batcher.probability(window(0.5), states[0]) == 0.5


async def test_a_model_that_runs_out_of_something_is_an_error_and_not_a_hang() -> None:
    model = Model()
    model.error = StopIteration()  # what next() raises
    with pytest.raises(RuntimeError, match="infer raised StopIteration"):
        await Batcher(model).probability(window(0), model.new_state())


async def test_a_model_of_the_wrong_shape_is_an_error_and_not_a_hang() -> None:
    class Wrong(Model):
        def infer(
            self, windows: NDArray[np.float32], states: Sequence[object]
        ) -> NDArray[np.float32]:
            return np.zeros(len(states) + 1, np.float32)

    with pytest.raises(ValueError, match="zip"):
        await Batcher(Wrong()).probability(window(0), [])


def test_loops_may_follow_each_other() -> None:
    model = Model()

    async def once() -> float:
        return await batcher_for(model).probability(window(0.5), model.new_state())

    assert [asyncio.run(once()) for _ in range(3)] == [0.5] * 3


def test_a_loop_that_closed_meanwhile_is_no_error() -> None:
    model = Model()
    model.gate.clear()

    async def leave() -> Batcher:
        batcher = Batcher(model)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(batcher.probability(window(0.5), model.new_state()))
            await entered(model)
            task.cancel()
        return batcher

    batcher = asyncio.run(leave())
    model.gate.set()
    thread = thread_of(batcher)
    del batcher
    for _ in range(100):  # what the call holds is let go when it returns, in its own time
        gc.collect()
        thread.join(0.1)
        if not thread.is_alive():
            return
    pytest.fail("the thread has not ended")


async def test_sessions_of_a_loop_share_the_batcher_of_a_model() -> None:
    model = Model()
    batcher = batcher_for(model)
    assert batcher_for(model) is batcher
    assert batcher_for(Model()) is not batcher


def test_loops_do_not_share_a_batcher() -> None:
    model = Model()

    async def ask() -> Batcher:
        return batcher_for(model)

    assert asyncio.run(ask()) is not asyncio.run(ask())


def test_a_batcher_that_is_let_go_takes_model_loop_and_thread_with_it() -> None:
    async def use() -> tuple[weakref.ref[Model], threading.Thread]:
        model = Model()
        batcher = batcher_for(model)
        await batcher.probability(window(0), model.new_state())
        return weakref.ref(model), thread_of(batcher)

    model, thread = asyncio.run(use())
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()
    assert model() is None


def thread_of(batcher: Batcher) -> threading.Thread:
    """The newest of the threads that serve batchers: tests run one after the other."""
    assert batcher.model is not None
    return [thread for thread in threading.enumerate() if thread.name.startswith("fastrtc-vad")][-1]


async def test_silero_in_batches_gives_what_it_gives_alone(model: SileroVADModel) -> None:
    generator = np.random.default_rng(3)
    sounds = generator.normal(0, 0.2, (5, 20, 512)).astype(np.float32)
    batcher = Batcher(model, delay=0.001)

    async def stream(sound: NDArray[np.float32]) -> list[float]:
        state = model.new_state()
        return [await batcher.probability(window, state) for window in sound]

    together = await asyncio.gather(*map(stream, sounds))
    for sound, probabilities in zip(sounds, together, strict=True):
        state = model.new_state()
        alone = [float(model.infer(window[None], [state])[0]) for window in sound]
        assert probabilities == pytest.approx(alone, abs=1e-5)
