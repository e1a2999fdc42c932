"""The example of a server that has fastrtc-core and fastrtc-vad installed and nothing else."""

import asyncio
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

EXAMPLE = Path(__file__).parents[3] / "examples" / "lean_server.py"
FRAME = 640


async def test_it_says_back_what_was_said(
    speak: Callable[[str, str], NDArray[np.float32]],
) -> None:
    example = runpy.run_path(str(EXAMPLE))
    spoken = (speak("Good morning, can you hear me?", "en-gb") * 32767).astype(np.int16)
    said = np.concatenate((np.zeros(4800, np.int16), spoken, np.zeros(64000, np.int16)))
    server = await asyncio.start_server(example["serve_client"], "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        data = said.tobytes()
        for start in range(0, len(data), FRAME):
            writer.write(data[start : start + FRAME])
            await asyncio.sleep(0.02)
        writer.write_eof()
        heard = np.frombuffer(await reader.read(-1), "<i2").astype(float)
        writer.close()
    # The whole sentence came back, at the same level.
    size = 1 << 18
    likeness = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(spoken, size)))
    energy = spoken.astype(float) @ spoken
    assert likeness.max() / energy == pytest.approx(1, abs=0.05)


def test_it_needs_no_web_framework() -> None:
    code = f"import runpy, sys; runpy.run_path({str(EXAMPLE)!r}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"starlette", "uvicorn", "websockets", "fastapi", "torch"} & set(loaded)
