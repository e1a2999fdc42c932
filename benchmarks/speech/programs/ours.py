"""This library's engines."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speech.programs.shared import first_audio, idle, tell
from benchmarks.speech.text import PHRASES, TEXT
from fastrtc_core.speech import Synthesizer, get_stt_model, get_tts_model

STOP_SECONDS = 5.0


def engines(folder: Path) -> dict[str, Synthesizer[Any]]:
    """Those that speak, by their name in the table."""
    found = {
        "espeak": get_tts_model("espeak", way="process"),
        "program": get_tts_model("espeak", way="program"),
        "kokoro": get_tts_model("kokoro", path=folder),
    }
    made: dict[str, Synthesizer[Any]] = {}
    for name, engine in found.items():
        assert isinstance(engine, Synthesizer)
        engine.warmup()
        made[name] = engine
    return made


async def cancelled(engine: Synthesizer[Any]) -> float:
    """Cancel a reply when its first sound is there; seconds until the engine works no more."""
    spoken = engine.stream_tts(TEXT)
    await anext(spoken)
    begun = time.perf_counter()
    await spoken.aclose()
    while engine.speaking and time.perf_counter() - begun < STOP_SECONDS:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    return time.perf_counter() - begun


async def cancels(engine: Synthesizer[Any], repeats: int) -> list[float]:
    """So many of them."""
    return [await cancelled(engine) for _ in range(repeats)]


def main() -> None:
    command, folder, number = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    made = engines(folder)
    if command == "first":
        tell(
            {
                name: first_audio(engine.stream_tts_sync, round(number))
                for name, engine in made.items()
            }
        )
    elif command == "cancel":
        tell({name: asyncio.run(cancels(engine, round(number))) for name, engine in made.items()})
    else:
        listener: Any = get_stt_model("pocketsphinx", phrases=list(PHRASES))
        listener.warmup()
        for engine in made.values():
            assert np.size(engine.tts("ready")[1])
        tell(idle(number))


if __name__ == "__main__":
    main()
