"""What a model that hears speech must do, in the streaming form, the batch form, or both."""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.detection import PauseDetectionModel, StreamingPauseDetectionModel
from fastrtc_core.testing.conformance.report import Report, Rule, check, require
from fastrtc_core.testing.conformance.sounds import LONG, RATES, recording
from fastrtc_core.testing.conformance.threads import in_thread, leaves_no_threads

MakeModel: TypeAlias = Callable[[], object]

WINDOWS: Final = 60
"""Windows of each kind of sound: about two seconds."""

TOLERANCE: Final = 1e-3
"""Difference of probabilities that batching may make."""

SECONDS_TOLERANCE: Final = 0.01
"""Seconds by which the total may differ from the sum of the spans."""


async def check_pause_detection_model(make_model: MakeModel) -> Report:
    """Check a model by all rules of the forms it has.

    Args:
        make_model: Returns a model; called for every rule.

    """
    model = make_model()
    rules = [Rule("form", "it is a model of the streaming or the batch form", _in_thread(_form))]
    if isinstance(model, StreamingPauseDetectionModel):
        rules += STREAMING_RULES
    if isinstance(model, PauseDetectionModel):
        rules += BATCH_RULES
    return await check(type(model).__name__, rules, make_model)


def _in_thread(rule: Callable[[object], None]) -> Callable[[MakeModel], Awaitable[None]]:
    """Check in a worker thread, where models are called."""
    return lambda make_model: in_thread(lambda: rule(make_model()))


def _form(model: object) -> None:
    is_model = isinstance(model, StreamingPauseDetectionModel | PauseDetectionModel)
    require(is_model, f"{type(model).__name__} has neither infer and new_state nor vad and warmup")


# The streaming form


def _streaming(
    rule: Callable[[StreamingPauseDetectionModel], None],
) -> Callable[[MakeModel], Awaitable[None]]:
    def run(model: object) -> None:
        assert isinstance(model, StreamingPauseDetectionModel)
        rule(model)

    return _in_thread(run)


def _sounds(model: StreamingPauseDetectionModel) -> dict[str, NDArray[np.float32]]:
    """Windows of sounds that come up, ``(WINDOWS, window_samples)`` each."""
    shape = (WINDOWS, model.window_samples)
    noise = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    times = np.arange(noise.size).reshape(shape) / model.sample_rate
    buzz = np.sign(np.sin(2 * np.pi * 120 * times)) * (np.sin(2 * np.pi * 4 * times) > 0)
    return {
        "silence": np.zeros(shape, np.float32),
        "faint noise": 1e-3 * noise,
        "loud noise": np.clip(0.3 * noise, -1, 1),
        "bursts of a buzz": (0.3 * buzz).astype(np.float32),
        "full scale": np.ones(shape, np.float32),
    }


def _probabilities(
    model: StreamingPauseDetectionModel, windows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Run one stream, window by window."""
    state = model.new_state()
    return np.concatenate([model.infer(window[np.newaxis], [state]) for window in windows])


def _has_facts(model: StreamingPauseDetectionModel) -> None:
    for name in ("sample_rate", "window_samples"):
        value = getattr(model, name)
        require(isinstance(value, int) and value > 0, f"{name} is {value!r}, no positive int")
    seconds = model.window_samples / model.sample_rate
    require(0.005 <= seconds <= 0.1, f"a window lasts {seconds:g} s, which is outside 0.005..0.1 s")
    require(0 <= model.release < 2, f"release is {model.release!r}, outside 0..2 s")


def _gives_probabilities(model: StreamingPauseDetectionModel) -> None:
    for name, windows in _sounds(model).items():
        state = model.new_state()
        for window in windows:
            given = model.infer(window[np.newaxis], [state])
            form = f"{type(given).__name__} {getattr(given, 'shape', '')}"
            require(isinstance(given, np.ndarray) and given.shape == (1,), f"it gave {form}")
            require(given.dtype == np.float32, f"it gave {given.dtype}")
            require(bool(0 <= given[0] <= 1), f"it gave {given[0]} for {name}")


def _batches_as_one_by_one(model: StreamingPauseDetectionModel) -> None:
    sounds = np.stack(list(_sounds(model).values()))
    alone = np.stack([_probabilities(model, windows) for windows in sounds])
    states = [model.new_state() for _ in sounds]
    together = np.stack([model.infer(windows, states) for windows in sounds.swapaxes(0, 1)], axis=1)
    worst = float(np.abs(alone - together).max())
    require(worst <= TOLERANCE, f"together and alone differ by {worst:.4f}")


def _keeps_streams_apart(model: StreamingPauseDetectionModel) -> None:
    sounds = _sounds(model)
    first, other = sounds["bursts of a buzz"], sounds["loud noise"]
    alone = _probabilities(model, first)
    state, other_state = model.new_state(), model.new_state()
    beside: list[NDArray[np.float32]] = []
    for mine, theirs in zip(first, other, strict=True):
        beside.append(model.infer(mine[np.newaxis], [state]))
        model.infer(theirs[np.newaxis], [other_state])
    worst = float(np.abs(alone - np.concatenate(beside)).max())
    require(worst <= TOLERANCE, f"another stream in between changes it by {worst:.4f}")


def _begins_afresh(model: StreamingPauseDetectionModel) -> None:
    windows = _sounds(model)["bursts of a buzz"]
    first, second = (_probabilities(model, windows) for _ in range(2))
    worst = float(np.abs(first - second).max())
    require(worst <= TOLERANCE, f"the same sound from a new state differs by {worst:.4f}")


def _leaves_windows_alone(model: StreamingPauseDetectionModel) -> None:
    windows = _sounds(model)["loud noise"][:1]
    before = windows.copy()
    model.infer(windows, [model.new_state()])
    require(np.array_equal(windows, before), "the windows given to infer were changed")


def _is_fast_enough(model: StreamingPauseDetectionModel) -> None:
    windows = _sounds(model)["bursts of a buzz"]
    state = model.new_state()
    times: list[float] = []
    for window in windows:
        began = time.perf_counter()
        model.infer(window[np.newaxis], [state])
        times.append(time.perf_counter() - began)
    took, lasts = statistics.median(times), model.window_samples / model.sample_rate
    require(took < lasts, f"a window of {lasts * 1000:.0f} ms takes {took * 1000:.0f} ms")


def _streaming_starts_no_threads(model: StreamingPauseDetectionModel) -> None:
    windows = _sounds(model)["loud noise"]
    leaves_no_threads(lambda: model.infer(windows[:1], [model.new_state()]))


STREAMING_RULES: Final[Sequence[Rule[MakeModel]]] = (
    Rule("facts", "sample_rate, window_samples and release make sense", _streaming(_has_facts)),
    Rule("range", "infer gives float32 in 0..1, one a stream", _streaming(_gives_probabilities)),
    Rule("batch", "streams together get what each gets alone", _streaming(_batches_as_one_by_one)),
    Rule("isolation", "streams do not hear each other", _streaming(_keeps_streams_apart)),
    Rule("reset", "new_state has heard nothing", _streaming(_begins_afresh)),
    Rule("input", "infer does not change its windows", _streaming(_leaves_windows_alone)),
    Rule("speed", "a window takes less time than it lasts", _streaming(_is_fast_enough)),
    Rule("threads", "calls leave no threads behind", _streaming(_streaming_starts_no_threads)),
)


# The batch form


def _batch(
    rule: Callable[[PauseDetectionModel], None],
) -> Callable[[MakeModel], Awaitable[None]]:
    def run(model: object) -> None:
        assert isinstance(model, PauseDetectionModel)
        rule(model)

    return _in_thread(run)


def _find(
    model: PauseDetectionModel, audio: NDArray[np.float32] | NDArray[np.int16], rate: int
) -> tuple[float, list[tuple[int, int]]]:
    """Call vad and check the form of what it returns."""
    seconds, chunks = model.vad((rate, audio), None)
    spans = [(int(chunk["start"]), int(chunk["end"])) for chunk in chunks]
    edges = [edge for span in spans for edge in span]
    inside = not edges or (edges[0] >= 0 and edges[-1] <= audio.size)
    what = f"for {audio.size} samples at {rate} Hz it found {spans}"
    require(inside and edges == sorted(edges), f"{what}: not in order and inside")
    total = sum(end - start for start, end in spans) / rate
    agrees = abs(total - seconds) <= SECONDS_TOLERANCE
    require(agrees, f"{what}, {total:.2f} s, but says {seconds:.2f} s")
    return float(seconds), spans


def _takes_all_rates(model: PauseDetectionModel) -> None:
    for rate in RATES:
        _find(model, recording(2.0, rate), rate)


def _takes_all_forms(model: PauseDetectionModel) -> None:
    sound = (recording(2.0, 16_000) * 32767).astype(np.int16)
    forms = (sound, sound[np.newaxis], (sound / np.float32(32768)).astype(np.float32))
    found = [_find(model, form, 16_000)[0] for form in forms]
    spread = max(found) - min(found)
    require(spread <= 0.05, f"int16, (1, n) and float32 give {found} s of speech")


def _takes_all_lengths(model: PauseDetectionModel) -> None:
    for seconds in (0.0, 1 / 16_000, 0.01, LONG):
        _find(model, recording(seconds, 16_000), 16_000)


def _hears_nothing_in_silence(model: PauseDetectionModel) -> None:
    seconds, _ = _find(model, np.zeros(32_000, np.float32), 16_000)
    require(seconds == 0, f"it found {seconds:.2f} s of speech in zeros")


def _forgets(model: PauseDetectionModel) -> None:
    sound = recording(2.0, 16_000)
    before = sound.copy()
    first, second = _find(model, sound, 16_000), _find(model, sound, 16_000)
    require(first == second, f"the same sound gives {first}, then {second}")
    require(np.array_equal(sound, before), "the samples given to vad were changed")


def _warms_up(model: PauseDetectionModel) -> None:
    model.warmup()
    model.warmup()
    _find(model, recording(1.0, 16_000), 16_000)


def _batch_starts_no_threads(model: PauseDetectionModel) -> None:
    leaves_no_threads(partial(model.vad, (16_000, recording(1.0, 16_000)), None))


BATCH_RULES: Final[Sequence[Rule[MakeModel]]] = (
    Rule("vad rates", "8 to 48 kHz, spans in samples of what was given", _batch(_takes_all_rates)),
    Rule("vad forms", "int16 and float32, (n,) and (1, n) are the same", _batch(_takes_all_forms)),
    Rule("vad lengths", "from nothing to two minutes", _batch(_takes_all_lengths)),
    Rule("vad silence", "zeros hold no speech", _batch(_hears_nothing_in_silence)),
    Rule("vad memory", "the same sound gives the same, and stays as it is", _batch(_forgets)),
    Rule("warmup", "warmup may be called, and called again", _batch(_warms_up)),
    Rule("vad threads", "calls leave no threads behind", _batch(_batch_starts_no_threads)),
)
