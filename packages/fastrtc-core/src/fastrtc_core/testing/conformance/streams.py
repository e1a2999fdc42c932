"""What the streams of a speech-to-text model must do."""

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.speech.recognition import (
    HIGHEST_RATE,
    LOWEST_RATE,
    RecognitionStream,
    StreamingSTTModel,
    Transcript,
)
from fastrtc_core.testing.conformance.report import require
from fastrtc_core.testing.conformance.sounds import recording
from fastrtc_core.testing.conformance.threads import leaves_no_threads, together

Samples: TypeAlias = NDArray[np.float32]
StreamCheck: TypeAlias = Callable[[StreamingSTTModel, Samples | None], None]

PIECE: Final = 320
"""Samples that are pushed at once: 20 ms at 16 kHz."""

LENGTHS: Final = (1, 0, 160, 7, 512, 4_000)
"""Samples of pieces, in turn."""

TAIL: Final = 0.5
"""Seconds of silence after speech, as there is when somebody pauses."""


def _sound(model: StreamingSTTModel, speech: Samples | None, pitch: float = 120.0) -> Samples:
    rate = model.sample_rate
    sound = recording(2.0, rate, pitch=pitch) if speech is None else speech
    return np.concatenate((sound, np.zeros(round(TAIL * rate), np.float32)))


def _pieces(sound: Samples, lengths: Sequence[int] = (PIECE,)) -> Iterator[Samples]:
    start = turn = 0
    while start < sound.size:
        length = lengths[turn % len(lengths)]
        yield sound[start : start + length].copy()
        start, turn = start + length, turn + 1


def _checked(given: object) -> list[Transcript]:
    require(isinstance(given, Sequence), f"it gave {type(given).__name__}, no sequence")
    items = list(given) if isinstance(given, Sequence) else []
    for item in items:
        is_good = isinstance(item, Transcript) and isinstance(item.text, str)
        require(is_good, f"it gave {item!r}, no Transcript")
    return items


def _utterance(
    stream: RecognitionStream, sound: Samples, lengths: Sequence[int] = (PIECE,)
) -> list[Transcript]:
    """Push a sound, finish, and return all that came."""
    told: list[Transcript] = []
    for piece in _pieces(sound, lengths):
        told += _checked(stream.push(piece))
    return told + _checked(stream.finish())


def _said(told: Sequence[Transcript]) -> str:
    return " ".join(transcript.text for transcript in told if transcript.final).strip()


def _alone(model: StreamingSTTModel, sound: Samples) -> str:
    stream = model.stream()
    try:
        return _said(_utterance(stream, sound))
    finally:
        stream.close()


def _has_facts(model: StreamingSTTModel, _: Samples | None) -> None:
    rate: object = model.sample_rate
    is_rate = isinstance(rate, int) and LOWEST_RATE <= rate <= HIGHEST_RATE
    require(is_rate, f"sample_rate is {rate!r}, no int in {LOWEST_RATE}..{HIGHEST_RATE} Hz")
    stream: object = model.stream()
    is_stream = isinstance(stream, RecognitionStream)
    require(is_stream, f"stream() gave {type(stream).__name__} without push, finish or close")


def _takes_any_pieces(model: StreamingSTTModel, speech: Samples | None) -> None:
    sound = _sound(model, speech)
    for lengths in (LENGTHS, (PIECE,), (sound.size,)):
        stream = model.stream()
        text = _said(_utterance(stream, sound, lengths))
        stream.close()
        heard = speech is None or text != ""
        require(heard, f"speech in pieces of {lengths} samples gives no text")


def _goes_on(model: StreamingSTTModel, speech: Samples | None) -> None:
    sound = _sound(model, speech)
    stream = model.stream()
    texts = [_said(_utterance(stream, sound)) for _ in range(3)]
    stream.close()
    require(speech is None or all(texts), f"the same utterance three times gives {texts}")
    first, second = texts[0], texts[1]
    repeats = first != "" and second.startswith(first) and len(second) > len(first)
    require(not repeats, f"an utterance begins with the one before: {first!r}, then {second!r}")


def _finishes_empty(model: StreamingSTTModel, speech: Samples | None) -> None:
    stream = model.stream()
    require(not _said(_checked(stream.finish())), "finish gives text where nothing was pushed")
    silence = np.zeros(model.sample_rate, np.float32)
    text = _said(_utterance(stream, silence))
    require(not text, f"a second of zeros gives {text!r}")
    _utterance(stream, _sound(model, speech))
    text = _said(_checked(stream.finish()))
    require(not text, f"finish after finish gives {text!r} again")
    stream.close()


def _ends_with_a_final(model: StreamingSTTModel, speech: Samples | None) -> None:
    stream = model.stream()
    told = _utterance(stream, _sound(model, speech))
    stream.close()
    partials = [transcript.text for transcript in told if not transcript.final]
    ends = not told or told[-1].final
    require(ends, f"nothing final follows the partial result {partials[-1:]}")
    claims = model.capabilities.partials
    require(claims or not partials, "it gave a partial result, and capabilities deny that")
    if speech is not None and claims:
        require(bool(partials), "capabilities claim partial results, and there was none")


def _tells_words_in_order(model: StreamingSTTModel, speech: Samples | None) -> None:
    sound = _sound(model, speech)
    stream = model.stream()
    told = _utterance(stream, sound)
    stream.close()
    words = [word for transcript in told if transcript.final for word in transcript.words]
    if speech is not None and model.capabilities.timestamps:
        require(bool(words), "capabilities claim the places of words, and there were none")
    last, end = 0.0, sound.size / model.sample_rate
    for word in words:
        in_place = last <= word.start <= word.end <= end + TAIL
        require(in_place, f"{word} is out of order, or beyond the {end:.2f} s of sound")
        last = word.start


def _closes(model: StreamingSTTModel, speech: Samples | None) -> None:
    model.stream().close()
    stream = model.stream()
    for piece in _pieces(_sound(model, speech)[: model.sample_rate]):
        stream.push(piece)
    other = threading.Thread(target=stream.close, daemon=True)
    other.start()
    other.join()
    stream.close()
    _alone(model, _sound(model, speech))


def _keeps_streams_apart(model: StreamingSTTModel, speech: Samples | None) -> None:
    sounds = (_sound(model, speech), _sound(model, None, 190.0))
    alone = [_alone(model, sound) for sound in sounds]
    mine, theirs = model.stream(), model.stream()
    told: list[Transcript] = []
    others = _pieces(sounds[1])
    for piece in _pieces(sounds[0]):
        told += _checked(mine.push(piece))
        if (other := next(others, None)) is not None:
            theirs.push(other)
    told += _checked(mine.finish())
    theirs.close()
    mine.close()
    text = _said(told)
    require(text == alone[0], f"beside another stream it hears {text!r}, alone {alone[0]!r}")


def _are_used_at_once(model: StreamingSTTModel, speech: Samples | None) -> None:
    sounds = [_sound(model, speech), *(_sound(model, None, pitch) for pitch in (90.0, 190.0))]
    alone = [_alone(model, sound) for sound in sounds]
    texts = together([partial(_alone, model, sound) for sound in sounds])
    require(texts == alone, f"streams at the same time give {texts}, one by one {alone}")


def _leaves_samples_alone(model: StreamingSTTModel, speech: Samples | None) -> None:
    stream = model.stream()
    kept: list[tuple[Samples, Samples]] = []
    for piece in _pieces(_sound(model, speech)):
        kept.append((piece, piece.copy()))
        stream.push(piece)
    stream.finish()
    stream.close()
    same = all(np.array_equal(given, before) for given, before in kept)
    require(same, "the samples given to push were changed")


def _starts_no_threads(model: StreamingSTTModel, speech: Samples | None) -> None:
    leaves_no_threads(lambda: _alone(model, _sound(model, speech)))


STREAM_RULES: Final[Sequence[tuple[str, str, StreamCheck]]] = (
    ("stream facts", "sample_rate makes sense, stream() gives a stream", _has_facts),
    ("stream pieces", "pieces of any length", _takes_any_pieces),
    ("stream next", "after finish comes the next utterance, without the last one", _goes_on),
    ("stream empty", "nothing, zeros, and finish after finish give no text", _finishes_empty),
    ("stream final", "what is partial is followed by what is final", _ends_with_a_final),
    ("stream words", "words are in order, and where capabilities say so", _tells_words_in_order),
    ("stream close", "close at any time, twice, from another thread", _closes),
    ("stream isolation", "streams do not hear each other", _keeps_streams_apart),
    ("stream together", "streams may be used by several threads", _are_used_at_once),
    ("stream input", "push does not change its samples", _leaves_samples_alone),
    ("stream threads", "streams leave no threads behind", _starts_no_threads),
)
"""Name, text and check of each rule."""
