import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from fastrtc_core.testing import in_virtual_time
from fastrtc_webrtc.allocator import INTERVAL, Trimmer, find_trim

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
