"""What a text-to-speech model must do."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, closing
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from fastrtc_core.speech import TTSModel
from fastrtc_core.testing.conformance.capabilities import TTS_CAPABILITIES
from fastrtc_core.testing.conformance.report import Report, Rule, check, require
from fastrtc_core.testing.conformance.threads import (
    CALLS,
    in_thread,
    leaves_no_threads,
    threads,
    together,
)

MakeModel: TypeAlias = Callable[[], object]

TEXT: Final = "Good morning. The train to the sea leaves at nine, from platform two. Shall we go?"
LONG_TEXT: Final = "The train to the sea leaves at nine, from platform two. " * 1_786
"""A hundred thousand characters: two hours of speech."""

SOON: Final = 20.0
"""Seconds for the first sound; a guard against what makes all of a long text first."""

STOPPED: Final = 5.0
"""Seconds for what is cancelled or closed to be over; a guard against what speaks on."""

HELD_UP: Final = 0.25
"""Seconds for which the event loop may be held up, on a machine that is busy."""

BEAT: Final = 0.01
AGREEMENT: Final = 0.1
"""Share by which the lengths of the same text may differ: some engines draw lots."""

SESSIONS: Final = 4
HIGHEST_RATE: Final = 192_000
LOWEST_RATE: Final = 8_000


async def check_tts_model(make_model: MakeModel) -> Report:
    """Check a text-to-speech model by all rules.

    Args:
        make_model: Returns a model; called for every rule.

    """
    model = make_model()
    rules = [Rule("form", "it has tts, stream_tts and stream_tts_sync", _form)]
    if isinstance(model, TTSModel):
        rules += TTS_RULES
    if hasattr(model, "capabilities"):
        rules.append(TTS_CAPABILITIES)
    if hasattr(model, "warmup"):
        rules.append(WARMUP)
    return await check(type(model).__name__, rules, make_model)


def _form(make_model: MakeModel) -> Awaitable[None]:
    def rule() -> None:
        model = make_model()
        wanted = ("tts", "stream_tts", "stream_tts_sync")
        missing = [name for name in wanted if not callable(getattr(model, name, None))]
        require(not missing, f"{type(model).__name__} has no {', '.join(missing)}")

    return in_thread(rule)


def _model(make_model: MakeModel) -> TTSModel:
    model = make_model()
    assert isinstance(model, TTSModel)
    return model


def _sync(rule: Callable[[TTSModel], None]) -> Callable[[MakeModel], Awaitable[None]]:
    return lambda make_model: in_thread(lambda: rule(_model(make_model)))


def _async(rule: Callable[[TTSModel], Awaitable[None]]) -> Callable[[MakeModel], Awaitable[None]]:
    """Check on the event loop a model that was made and used in a thread, so that it is loaded."""

    def loaded(make_model: MakeModel) -> TTSModel:
        model = _model(make_model)
        model.tts("Ready.")
        return model

    async def run(make_model: MakeModel) -> None:
        await rule(await in_thread(partial(loaded, make_model)))

    return run


def _seconds(spoken: object) -> float:
    """Check the form of a piece of speech, and return how long it lasts."""
    is_pair = isinstance(spoken, tuple) and len(spoken) == 2
    require(is_pair, f"it gave {type(spoken).__name__}, no tuple (rate, samples)")
    rate, samples = spoken if isinstance(spoken, tuple) else (0, None)
    is_rate = isinstance(rate, int) and LOWEST_RATE <= rate <= HIGHEST_RATE
    require(is_rate, f"its rate is {rate!r}, no int in {LOWEST_RATE}..{HIGHEST_RATE} Hz")
    if not isinstance(samples, np.ndarray):
        require(False, f"its samples are {type(samples).__name__}, no array")
        return 0.0
    require(samples.dtype in (np.float32, np.int16), f"its samples are {samples.dtype}")
    require(samples.ndim == 1, f"its samples have the shape {samples.shape}, not (n,)")
    if samples.dtype == np.float32 and samples.size:
        require(bool(np.isfinite(samples).all()), "not all of its samples are finite")
        peak = float(np.abs(samples).max())
        require(peak <= 1, f"its samples go to {peak:.3f}, beyond 1")
    return float(samples.size / rate)


def _streamed(model: TTSModel, text: str) -> float:
    return sum(map(_seconds, model.stream_tts_sync(text)))


async def _streamed_async(model: TTSModel, text: str) -> float:
    async with aclosing(model.stream_tts(text)) as pieces:
        return sum([_seconds(piece) async for piece in pieces])


def _speaks(model: TTSModel) -> None:
    spoken = model.tts(TEXT)
    length = _seconds(spoken)
    require(0.5 <= length <= 60, f"{len(TEXT)} characters last {length:.2f} s")
    require(bool(np.any(spoken[1])), "all of its samples are 0")


def _takes_no_text(model: TTSModel) -> None:
    for text in ("", " \n\t"):
        for name, length in (
            ("tts", _seconds(model.tts(text))),
            ("stream_tts_sync", _streamed(model, text)),
        ):
            require(length == 0, f"{name}({text!r}) gives {length:.2f} s of sound")


async def _takes_no_text_async(model: TTSModel) -> None:
    length = await _streamed_async(model, "")
    require(length == 0, f"stream_tts('') gives {length:.2f} s of sound")


def _begins_long_texts_soon(model: TTSModel) -> None:
    began = time.monotonic()
    pieces = model.stream_tts_sync(LONG_TEXT)
    length = _seconds(next(pieces, None))
    first = time.monotonic() - began
    require(first <= SOON, f"the first sound of {len(LONG_TEXT)} characters took {first:.1f} s")
    require(length < 600, f"the first piece lasts {length:.0f} s: nobody can stop it")
    _closes_soon(pieces.close)


def _closes_soon(close: Callable[[], None]) -> None:
    began = time.monotonic()
    close()
    took = time.monotonic() - began
    require(took <= STOPPED, f"closing it took {took:.1f} s")


def _agrees(model: TTSModel) -> None:
    _require_near(_seconds(model.tts(TEXT)), _streamed(model, TEXT), "tts and stream_tts_sync")


async def _agrees_async(model: TTSModel) -> None:
    whole = await in_thread(lambda: _seconds(model.tts(TEXT)))
    _require_near(whole, await _streamed_async(model, TEXT), "tts and stream_tts")


def _require_near(one: float, other: float, what: str) -> None:
    near = abs(one - other) <= AGREEMENT * max(one, other)
    require(near, f"{what} last {one:.2f} s and {other:.2f} s")


def _closes_midway(model: TTSModel) -> None:
    whole = _streamed(model, TEXT)
    for _ in range(3):
        with closing(model.stream_tts_sync(TEXT)) as pieces:
            _seconds(next(pieces, None))
            _closes_soon(pieces.close)
            pieces.close()
    _require_near(whole, _streamed(model, TEXT), "before and after one was closed, it")


async def _is_cancelled(model: TTSModel) -> None:
    whole = await _streamed_async(model, TEXT)
    spoken = asyncio.Event()

    async def speak() -> None:
        async with aclosing(model.stream_tts(LONG_TEXT)) as pieces:
            async for _ in pieces:
                spoken.set()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(speak())
        first = tasks.create_task(spoken.wait())
        await asyncio.wait((task, first), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            first.cancel()
        loop = asyncio.get_running_loop()
        began = loop.time()
        task.cancel()
        await asyncio.wait((task,))
        took = loop.time() - began
    require(spoken.is_set(), "stream_tts ended without a sound")
    require(task.cancelled(), "stream_tts was cancelled, and went on to its end")
    require(took <= STOPPED, f"it took {took:.1f} s to stop after it was cancelled")
    after = await _streamed_async(model, TEXT)
    _require_near(whole, after, "before and after one was cancelled, it")


async def _speaks_at_once(model: TTSModel) -> None:
    alone = await _streamed_async(model, TEXT)
    async with asyncio.TaskGroup() as tasks:
        sessions = [tasks.create_task(_streamed_async(model, TEXT)) for _ in range(SESSIONS)]
    for session in sessions:
        _require_near(alone, session.result(), f"alone and among {SESSIONS}, it")
    calls = [partial(lambda: _seconds(model.tts(TEXT))) for _ in range(SESSIONS)]
    for length in await in_thread(lambda: together(calls)):
        _require_near(alone, length, f"alone and in {SESSIONS} threads, it")


async def _leaves_the_loop_alone(model: TTSModel) -> None:
    loop = asyncio.get_running_loop()
    latest, worst = loop.time(), 0.0
    done = asyncio.Event()

    async def beat() -> None:
        nonlocal latest, worst
        while not done.is_set():
            await asyncio.sleep(BEAT)
            now = loop.time()
            latest, worst = now, max(worst, now - latest - BEAT)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(beat())
        await asyncio.sleep(5 * BEAT)
        try:
            async with aclosing(model.stream_tts(LONG_TEXT)) as pieces:
                await anext(pieces, None)
            await _streamed_async(model, 3 * TEXT)
            await asyncio.sleep(2 * BEAT)
        finally:
            done.set()
    require(worst <= HELD_UP, f"stream_tts held up the event loop for {worst:.2f} s")


def _starts_no_threads(model: TTSModel) -> None:
    def speak() -> None:
        with closing(model.stream_tts_sync(TEXT)) as pieces:
            next(pieces, None)
        model.tts(TEXT)

    leaves_no_threads(speak)


async def _starts_no_threads_async(model: TTSModel) -> None:
    async def speak() -> None:
        await _streamed_async(model, "Yes.")
        async with aclosing(model.stream_tts(TEXT)) as pieces:
            await anext(pieces, None)

    await speak()
    before = threads()
    for _ in range(CALLS):
        await speak()
    deadline = time.monotonic() + STOPPED
    while len(threads() - before) >= CALLS and time.monotonic() < deadline:  # noqa: ASYNC110 - no event
        await asyncio.sleep(BEAT)
    # A pool of threads may have grown: a call may come before the last one's thread is free again.
    more = len(threads() - before)
    require(more < CALLS, f"{more} threads more after stream_tts was closed {CALLS} times")


TTS_RULES: Final[Sequence[Rule[MakeModel]]] = (
    Rule("sound", "float32 in -1..1 or int16, (n,), with its rate in Hz", _sync(_speaks)),
    Rule("empty", "a text without words gives no sound", _sync(_takes_no_text)),
    Rule("empty async", "nor does it in stream_tts", _async(_takes_no_text_async)),
    Rule("long", "of 100,000 characters the first is heard soon", _sync(_begins_long_texts_soon)),
    Rule("agree", "stream_tts_sync gives what tts gives", _sync(_agrees)),
    Rule("agree async", "stream_tts gives what tts gives", _async(_agrees_async)),
    Rule("close", "a stream may be closed midway, and closed again", _sync(_closes_midway)),
    Rule("cancel", "what awaits stream_tts may be cancelled", _async(_is_cancelled)),
    Rule("together", "sessions do not disturb each other", _async(_speaks_at_once)),
    Rule("loop", "stream_tts does not hold up the event loop", _async(_leaves_the_loop_alone)),
    Rule("threads", "calls leave no threads behind", _sync(_starts_no_threads)),
    Rule("threads async", "nor does stream_tts", _async(_starts_no_threads_async)),
)


def _warms_up(make_model: MakeModel) -> Awaitable[None]:
    def rule() -> None:
        model = _model(make_model)
        for _ in range(2):
            model.warmup()  # type: ignore[attr-defined] # checked where the rule is chosen
        _seconds(model.tts(TEXT))

    return in_thread(rule)


WARMUP: Final = Rule("warmup", "warmup may be called, and called again", _warms_up)
