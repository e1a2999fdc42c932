"""Callers in memory who say stop words and other things to `ReplyOnStopWords`, in real time."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.process import usage
from benchmarks.speech.programs.shared import tell
from benchmarks.speech.text import OTHERS, PHRASES, STOP_WORD, VOICES
from fastrtc_core import Stream
from fastrtc_core.audio import Resampler, read_wav, to_float32, to_int16
from fastrtc_core.speech import get_stt_model
from fastrtc_core.testing import MemoryClient, connect
from fastrtc_vad import ReplyOnStopWords

RATE = 16_000
PAUSE_SECONDS = 1.5
WORDS_A_MINUTE = 150
RANGE_DB = 35.0
"""Speech ends with the last 10 ms within so much of its loudest."""

HEARTBEAT = 0.01
Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Saying:
    """Something that is said, and where its speech ends, in seconds."""

    samples: Samples
    end: float
    stops: bool


def said(text: str, voice: str, folder: Path) -> Saying:
    """Have espeak-ng say something."""
    path = folder / "said.wav"
    words = ["espeak-ng", "-v", voice, "-s", str(WORDS_A_MINUTE), "-w", str(path), text]
    subprocess.run(words, check=True)
    rate, samples = read_wav(path)
    sound = Resampler(rate, RATE, 1).process(to_float32(samples))[0]
    sound *= np.float32(0.5 / np.abs(sound).max())
    frames = sound[: sound.size // 160 * 160].reshape(-1, 160)
    level = 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12)
    end = float(np.flatnonzero(level > level.max() - RANGE_DB)[-1] + 1) / 100
    quiet = np.zeros(round(PAUSE_SECONDS * RATE), np.float32)
    return Saying(
        to_int16(np.concatenate((sound, quiet)))[np.newaxis], end, text.startswith(STOP_WORD)
    )


def sayings(count: int) -> Iterator[Saying]:
    """So many stop words, each after something else and followed by a question."""
    with tempfile.TemporaryDirectory() as folder:
        made = {
            (text, voice): said(text, voice, Path(folder))
            for text in (STOP_WORD, *OTHERS)
            for voice in VOICES
        }
    for number in range(count):
        voice = VOICES[number % len(VOICES)]
        yield made[OTHERS[number % len(OTHERS)], voice]
        yield made[STOP_WORD, voice]
        yield made[OTHERS[(number + 1) % len(OTHERS)], voice]  # the question, which is answered


def nothing(audio: tuple[int, Samples]) -> None:
    """Reply nothing."""


def stream() -> Stream:
    """What the callers call."""
    handler = ReplyOnStopWords(
        nothing,
        [STOP_WORD],
        input_sample_rate=RATE,
        stt_model=get_stt_model("pocketsphinx", phrases=list(PHRASES)),
    )
    return Stream(handler, modality="audio", mode="send-receive", concurrency_limit=1000)


async def call(client: MemoryClient, what: list[Saying]) -> tuple[list[float], int]:
    """Say it all; the delays of the messages from the ends of stop words, and false messages."""
    loop = asyncio.get_running_loop()
    delays, false = [], 0
    for saying in what:
        before, begun = len(messages(client)), loop.time()
        await client.speak(saying.samples, RATE)
        new = messages(client)[before:]
        if saying.stops and new:
            delays.append(new[0] - begun - saying.end)
        false += len(new) - (1 if saying.stops and new else 0)
    return delays, false


def messages(client: MemoryClient) -> list[float]:
    """When stop words were told, on the loop's clock."""
    return [at for at, one in client.messages if one["type"] == "stopword"]


async def one(words: int) -> None:
    """One caller."""
    what = list(sayings(words))
    async with connect(stream()) as client:
        await asyncio.sleep(2.0)  # the model is loaded
        delays, false = await call(client, what)
    tell({"delays": delays, "false": false, "said": sum(saying.stops for saying in what)})


async def many(callers: int, seconds: float) -> None:
    """Many at once, who begin one after the other."""
    what = list(sayings(1))
    length = sum(saying.samples.shape[1] for saying in what) / RATE
    what *= max(1, round(seconds / length))
    shared, late, results = stream(), [], []

    async def caller(number: int) -> None:
        async with connect(shared) as client:
            await asyncio.sleep(3.0 + number * length / callers)
            results.append(await call(client, what))

    async def heartbeat() -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += HEARTBEAT
            await asyncio.sleep(max(0.0, due - loop.time()))
            late.append(loop.time() - due)

    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(heartbeat())
        calls = [tasks.create_task(caller(number)) for number in range(callers)]
        await asyncio.sleep(3.0 + length)
        late.clear()
        before, begun = usage(os.getpid()), time.monotonic()
        await asyncio.wait(calls)
        after = usage(os.getpid())
        beating.cancel()
    tell(
        {
            "late": late,
            "cpu": (after.cpu_seconds - before.cpu_seconds) / (time.monotonic() - begun),
            "memory": after.rss_mb,
            "noticed": sum(len(delays) for delays, _ in results),
            "said": callers * sum(saying.stops for saying in what),
        }
    )


def main() -> None:
    command, number, *rest = sys.argv[1:]
    asyncio.run(one(int(number)) if command == "one" else many(int(number), float(rest[0])))


if __name__ == "__main__":
    main()
