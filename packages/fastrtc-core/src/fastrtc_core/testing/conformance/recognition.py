"""What a speech-to-text model must do: the documented form, streams, or both."""

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.speech.recognition import (
    Audio,
    StreamingSTTModel,
    STTModel,
    mono,
)
from fastrtc_core.testing.conformance.capabilities import require_stt_capabilities
from fastrtc_core.testing.conformance.report import Report, Rule, check, require
from fastrtc_core.testing.conformance.sounds import LONG, RATES, recording
from fastrtc_core.testing.conformance.streams import STREAM_RULES
from fastrtc_core.testing.conformance.threads import in_thread, leaves_no_threads, together

THREADS: Final = 4


@dataclass(frozen=True, slots=True)
class Recognition:
    """A model that is checked, and what it is checked with."""

    make_model: Callable[[], object]
    speech: Audio | None
    """Something that the model understands."""


Check: TypeAlias = Callable[[Recognition], Awaitable[None]]


async def check_stt_model(
    make_model: Callable[[], object], *, speech: Audio | None = None
) -> Report:
    """Check a speech-to-text model by all rules of the forms it has.

    Args:
        make_model: Returns a model; called for every rule.
        speech: Sound in which the model understands something; with it the rules also ask for
            text. Without it they use a buzz, in which it may hear anything or nothing.

    """
    model = make_model()
    rules = [Rule("form", "it has stt(), or stream() and what belongs to it", _form)]
    if isinstance(model, STTModel):
        rules += STT_RULES
    if isinstance(model, StreamingSTTModel):
        rules += [Rule(name, text, _streaming(rule)) for name, text, rule in STREAM_RULES]
    if hasattr(model, "capabilities"):
        rules.append(Rule("capabilities", "capabilities make sense", _capabilities))
    if hasattr(model, "warmup"):
        rules.append(WARMUP)
    return await check(type(model).__name__, rules, Recognition(make_model, speech))


def _form(subject: Recognition) -> Awaitable[None]:
    def rule() -> None:
        model = subject.make_model()
        is_model = isinstance(model, STTModel | StreamingSTTModel)
        name = type(model).__name__
        require(is_model, f"{name} has neither stt() nor stream(), sample_rate and capabilities")

    return in_thread(rule)


def _streaming(
    rule: Callable[[StreamingSTTModel, NDArray[np.float32] | None], None],
) -> Check:
    """Check a rule of streams in a thread, with speech at the model's rate."""

    def run(subject: Recognition) -> None:
        model = subject.make_model()
        assert isinstance(model, StreamingSTTModel)
        speech = None if subject.speech is None else mono(subject.speech, model.sample_rate)
        rule(model, speech)

    return lambda subject: in_thread(partial(run, subject))


def _batch(rule: Callable[[STTModel, Audio | None], None]) -> Check:
    def run(subject: Recognition) -> None:
        model = subject.make_model()
        assert isinstance(model, STTModel)
        rule(model, subject.speech)

    return lambda subject: in_thread(partial(run, subject))


def _text(model: STTModel, audio: Audio) -> str:
    rate, samples = audio
    text: object = model.stt((rate, samples.copy()))  # one that changes it breaks one rule, not all
    require(isinstance(text, str), f"stt gave {type(text).__name__} {text!r}, no str")
    return str(text)


def _sound(speech: Audio | None) -> Audio:
    """What is recognised where no particular sound is asked for."""
    return (16_000, recording(2.0, 16_000)) if speech is None else speech


def _takes_all_rates(model: STTModel, speech: Audio | None) -> None:
    for rate in RATES:
        _text(model, (rate, recording(2.0, rate)))
        _text(model, (rate, (32_767 * recording(2.0, rate)).astype(np.int16)))
    if speech is not None:
        require(_text(model, speech).strip() != "", "the speech that was given gives no text")


def _takes_all_forms(model: STTModel, speech: Audio | None) -> None:
    rate, samples = _sound(speech)
    flat = samples.reshape(-1)
    sound = flat if flat.dtype == np.int16 else (flat * 32_767).astype(np.int16)
    floats = (sound / np.float32(32_768)).astype(np.float32)
    texts = [
        _text(model, (rate, form)) for form in (sound, sound[None], floats, floats[np.newaxis])
    ]
    require(len(set(texts)) == 1, f"int16 (n,), (1, n), float32 (n,), (1, n) give {texts}")


def _hears_nothing_in_silence(model: STTModel, _: Audio | None) -> None:
    for rate in RATES:
        for size in (0, rate // 100, 2 * rate):
            for silence in (np.zeros(size, np.int16), np.zeros((1, size), np.float32)):
                text = _text(model, (rate, silence))
                what = f"{size} zeros of {silence.dtype} at {rate} Hz"
                require(text == "", f"{what} give {text!r}, not ''")


def _takes_all_lengths(model: STTModel, _: Audio | None) -> None:
    for seconds in (1 / 16_000, 0.01, 0.1, LONG):
        _text(model, (16_000, recording(seconds, 16_000)))


WRONG: Final[dict[str, object]] = {
    "samples without a rate": recording(0.5, 16_000),
    "None": None,
    "a list of samples": (16_000, [0.1, -0.1, 0.1]),
    "samples before their rate": (recording(0.5, 16_000), 16_000),
    "a rate of 0 Hz": (0, recording(0.5, 16_000)),
    "samples of dtype int64": (16_000, (1000 * recording(0.5, 16_000)).astype(np.int64)),
    "samples of dtype complex64": (16_000, recording(0.5, 16_000).astype(np.complex64)),
    "two channels": (16_000, np.stack(2 * [recording(0.5, 16_000)])),
    "three dimensions": (16_000, recording(0.5, 16_000)[np.newaxis, np.newaxis]),
}


def _refuses_what_is_wrong(model: STTModel, _: Audio | None) -> None:
    for what, audio in deepcopy(WRONG).items():
        try:
            text = model.stt(audio)  # type: ignore[arg-type] # wrong on purpose
        except (TypeError, ValueError) as error:
            require(str(error) != "", f"{what}: the {type(error).__name__} says nothing")
        except Exception as error:  # noqa: BLE001 - told as what it is
            told = f"{type(error).__name__}: {error}"
            require(False, f"{what}: neither TypeError nor ValueError, but {told}")
        else:
            require(False, f"{what}: no error, but {text!r}")


def _leaves_samples_alone(model: STTModel, speech: Audio | None) -> None:
    rate, samples = _sound(speech)
    for sound in (samples, recording(1.0, rate), recording(1.0, rate)[np.newaxis]):
        given = sound.copy()
        model.stt((rate, given))
        require(np.array_equal(given, sound), "the samples given to stt were changed")


def _forgets(model: STTModel, speech: Audio | None) -> None:
    audio = _sound(speech)
    first = _text(model, audio)
    _text(model, (16_000, recording(1.0, 16_000, pitch=190.0)))
    second = _text(model, audio)
    require(first == second, f"the same sound gives {first!r}, then {second!r}")


def _is_called_at_once(model: STTModel, speech: Audio | None) -> None:
    sounds = [_sound(speech)]
    sounds += [(16_000, recording(1.0, 16_000, pitch=100.0 * i)) for i in range(1, THREADS)]
    alone = [_text(model, sound) for sound in sounds]
    for _ in range(2):
        texts = together([partial(_text, model, sound) for sound in sounds])
        require(texts == alone, f"{THREADS} calls at a time give {texts}, one by one {alone}")


def _starts_no_threads(model: STTModel, speech: Audio | None) -> None:
    leaves_no_threads(lambda: _text(model, _sound(speech)))


STT_RULES: Final[Sequence[Rule[Recognition]]] = (
    Rule("stt rates", "8 to 48 kHz, int16 and float32, give a str", _batch(_takes_all_rates)),
    Rule("stt forms", "int16 and float32, (n,) and (1, n) are the same", _batch(_takes_all_forms)),
    Rule("stt silence", "nothing and zeros give ''", _batch(_hears_nothing_in_silence)),
    Rule("stt lengths", "from one sample to two minutes", _batch(_takes_all_lengths)),
    Rule(
        "stt errors",
        "what is no audio is a TypeError or ValueError that says why",
        _batch(_refuses_what_is_wrong),
    ),
    Rule("stt input", "the samples given are not changed", _batch(_leaves_samples_alone)),
    Rule("stt memory", "the same sound gives the same text", _batch(_forgets)),
    Rule(
        "stt together",
        "threads that call at a time get what each gets alone",
        _batch(_is_called_at_once),
    ),
    Rule("stt threads", "calls leave no threads behind", _batch(_starts_no_threads)),
)


# What both forms may have


def _capabilities(subject: Recognition) -> Awaitable[None]:
    return in_thread(lambda: require_stt_capabilities(subject.make_model()))


def _warms_up(subject: Recognition) -> Awaitable[None]:
    def rule() -> None:
        model = subject.make_model()
        for _ in range(2):
            model.warmup()  # type: ignore[attr-defined] # checked where the rule is chosen
        if isinstance(model, STTModel):
            _text(model, _sound(subject.speech))

    return in_thread(rule)


WARMUP: Final = Rule("warmup", "warmup may be called, and called again", _warms_up)
