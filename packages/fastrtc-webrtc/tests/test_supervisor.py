"""Tasks that outlive the request which started them."""

import asyncio

import pytest

from fastrtc_core.testing import in_virtual_time
from fastrtc_webrtc.supervisor import CLOSE_TIMEOUT, Supervisor


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@in_virtual_time
async def test_work_is_counted_until_it_ends() -> None:
    supervisor = Supervisor()
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()

    supervisor.start(work(), "work")
    await asyncio.sleep(1)
    assert len(supervisor) == 1
    go.set()
    await asyncio.sleep(0.1)
    assert len(supervisor) == 0
    await supervisor.close()


def test_a_failure_is_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    @in_virtual_time
    async def main() -> None:
        async def work() -> None:
            raise ZeroDivisionError

        supervisor = Supervisor()
        supervisor.start(work(), "session abc")
        await asyncio.sleep(0.1)
        assert len(supervisor) == 0

    main()
    assert "session abc failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


@in_virtual_time
async def test_closing_waits_for_what_ends_by_itself() -> None:
    ended = False

    async def work() -> None:
        nonlocal ended
        await asyncio.sleep(CLOSE_TIMEOUT / 2)
        ended = True

    supervisor = Supervisor()
    supervisor.start(work(), "work")
    await supervisor.close()
    assert ended


def test_closing_cuts_off_what_does_not(caplog: pytest.LogCaptureFixture) -> None:
    @in_virtual_time
    async def main() -> None:
        supervisor = Supervisor()
        supervisor.start(wait_for_ever(), "work")
        began = asyncio.get_running_loop().time()
        await supervisor.close()
        assert asyncio.get_running_loop().time() - began == pytest.approx(CLOSE_TIMEOUT)
        assert len(supervisor) == 0

    main()
    assert "1 sessions did not end in time" in caplog.text


@in_virtual_time
async def test_work_that_was_cancelled_before_it_began() -> None:
    supervisor = Supervisor()
    supervisor.start(wait_for_ever(), "work")  # would warn if it were never awaited nor closed
    [task] = asyncio.all_tasks() - {asyncio.current_task()}
    task.cancel()
    await asyncio.sleep(0.1)
    assert len(supervisor) == 0
