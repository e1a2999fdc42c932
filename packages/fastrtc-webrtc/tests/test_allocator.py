import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from fastrtc_core.testing import in_virtual_time
from fastrtc_webrtc.allocator import INTERVAL, Trimmer, find_trim, settle

MEBIBYTE = 1 << 20
has_trim = pytest.mark.skipif(
    find_trim() is None, reason="this machine's C library returns memory by itself"
)


@has_trim
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="resident memory is read from Linux")
def test_what_was_freed_goes_back() -> None:
    trim = find_trim()
    assert trim is not None
    kept = [bytearray(50_000 + number) for number in range(2_000)]  # from the heap, not mapped
    last = kept.pop()  # the heap can't shrink below it
    full = psutil.Process().memory_info().rss
    kept.clear()
    trim(0)
    assert full - psutil.Process().memory_info().rss > 50 * MEBIBYTE
    assert last


@has_trim
@in_virtual_time
async def test_sessions_that_end_together_share_a_call() -> None:
    with ThreadPoolExecutor(1) as executor:
        trimmer = Trimmer(executor)
        for _ in range(10):
            trimmer.soon()
        assert trimmer.calls == 0
        await asyncio.sleep(INTERVAL * 2)
        assert trimmer.calls == 1
        trimmer.soon()
        trimmer.close()
        await asyncio.sleep(INTERVAL * 2)
        assert trimmer.calls == 1


THREAD = """
import threading
import psutil
from fastrtc_webrtc.allocator import settle

def mebibytes():
    return psutil.Process().memory_info().rss >> 20

def work():
    # The first block is mapped, and when it is freed glibc learns to keep as much of a heap.
    bytearray(30 << 20)
    blocks = [bytearray(1 << 20) for _ in range(40)]

print(settle())
before = mebibytes()
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(mebibytes() - before)
"""


def kept(**environment: str) -> tuple[str, int]:
    """Whether a process settled its allocator, and MiB that a thread has freed and it kept."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", THREAD],
        env={**clean, **environment},
        capture_output=True,
        check=True,
        text=True,
    )
    settled, left = done.stdout.split()
    return settled, int(left)


@has_trim
def test_a_thread_keeps_little_of_what_it_has_freed() -> None:
    settled, left = kept()
    assert settled == "True"
    assert left < 12
    settled, left = kept(MALLOC_ARENA_TEST="8")  # its default: it is set, and changes nothing
    assert settled == "False"
    assert left > 30


@pytest.mark.parametrize(
    "environment",
    [{"MALLOC_ARENA_MAX": "2"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"}],
    ids=["variable", "tunable"],
)
def test_who_has_set_the_allocator_is_left_alone(environment: dict[str, str]) -> None:
    assert not settle(environment)
