import asyncio
import threading

import pytest

from fastrtc_webrtc.encoderthreads import LEAST, EncoderThreads


async def test_calls_run_in_daemon_threads_of_their_own() -> None:
    threads = EncoderThreads(2)
    loop = asyncio.get_running_loop()
    thread = await loop.run_in_executor(threads, threading.current_thread)
    assert thread is not threading.current_thread()
    assert thread.daemon
    threads.shutdown()


async def test_threads_are_made_when_needed_and_not_more_than_allowed() -> None:
    threads = EncoderThreads(3)
    assert threads.threads == 0
    for _ in range(5):
        await asyncio.wrap_future(threads.submit(int))
    assert threads.threads <= 2  # the first may not have been idle yet when the second call came
    go = threading.Event()
    calls = [threads.submit(go.wait, 10) for _ in range(20)]
    assert threads.threads == 3
    go.set()
    threads.shutdown()
    assert all(call.result(0) for call in calls)


async def test_errors_come_back() -> None:
    threads = EncoderThreads(1)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wrap_future(threads.submit(lambda: 1 // 0))
    assert await asyncio.wrap_future(threads.submit(int, "3")) == 3
    threads.shutdown()


async def test_a_call_that_was_cancelled_before_it_began_is_not_made() -> None:
    threads = EncoderThreads(1)
    go = threading.Event()
    made: list[int] = []
    first = threads.submit(go.wait, 10)
    second = threads.submit(made.append, 1)
    assert second.cancel()
    go.set()
    threads.shutdown()
    assert first.result(0)
    assert made == []


async def test_shutting_down_ends_the_threads_after_their_calls() -> None:
    before = threading.active_count()
    threads = EncoderThreads(4)
    calls = [threads.submit(pow, 2, number) for number in range(50)]
    threads.shutdown()
    threads.shutdown()
    assert [call.result(0) for call in calls] == [2**number for number in range(50)]
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="shut down"):
        threads.submit(int)


def test_the_number_of_threads() -> None:
    assert EncoderThreads().limit >= LEAST
    with pytest.raises(ValueError, match="not 0"):
        EncoderThreads(0)
