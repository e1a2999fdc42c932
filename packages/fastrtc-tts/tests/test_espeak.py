"""espeak-ng for real, in the process and as a program."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fastrtc_core import MissingPackageError
from fastrtc_tts import EspeakModel, EspeakTTSOptions, UnknownVoiceError, get_tts_model
from fastrtc_tts.espeak import RATE, Way

TEXT = "Good morning. This is the observatory, and the sky is clear tonight; bring a coat."


@pytest.fixture(params=["process", "program"])
def model(request: pytest.FixtureRequest, require: Callable[[str], str]) -> EspeakModel:
    way: Way = request.param
    if way == "process":
        pytest.importorskip("espeakng_loader")
    else:
        require("espeak-ng")
    return EspeakModel(way)


def children() -> list[str]:
    """Processes that this one has started and that are there still."""
    tasks = Path("/proc/self/task").iterdir()
    return [pid for task in tasks for pid in (task / "children").read_text().split()]


def test_it_speaks(model: EspeakModel) -> None:
    rate, samples = model.tts(TEXT)
    assert rate == RATE
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert 3 < samples.size / rate < 9
    assert 0.2 < np.abs(samples).max() <= 1


def test_the_first_clause_comes_first(model: EspeakModel) -> None:
    chunks = list(model.chunks(TEXT))
    texts = [chunk.text for chunk in chunks if chunk.text]
    assert texts == [
        "Good morning.",
        "This is the observatory, and the sky is clear tonight; bring a coat.",
    ]
    assert chunks[0].text == texts[0]
    assert max(chunk.seconds for chunk in chunks) < 0.15  # pieces, as they are made


def test_options_have_an_effect(model: EspeakModel) -> None:
    _, plain = model.tts("one two three four")
    _, quick = model.tts("one two three four", EspeakTTSOptions(speed=2.0))
    assert quick.size < 0.7 * plain.size
    _, soft = model.tts("one two three four", EspeakTTSOptions(volume=20))
    assert np.abs(soft).max() < 0.5 * np.abs(plain).max()
    _, other = model.tts("one two three four", EspeakTTSOptions(voice="de"))
    assert other.size != plain.size
    assert model.tts("hello", EspeakTTSOptions(voice="en-gb"))[1].size
    _, high = model.tts("one two three four", EspeakTTSOptions(pitch=99))
    assert pitch(high) > 1.2 * pitch(plain)


def pitch(samples: np.ndarray) -> float:  # type: ignore[type-arg]
    """The strongest distance at which a sound is like itself, as Hz from 60 to 400."""
    piece = samples[samples.size // 3 :][: RATE // 4].astype(np.float64)
    likeness = np.correlate(piece, piece, "full")[piece.size - 1 :]
    least, most = RATE // 400, RATE // 60
    return RATE / (least + int(np.argmax(likeness[least:most])))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"speed": 0.1}, r"speed is 0.46 to 2.57, not 0.1"),
        ({"pitch": 100}, "pitch is 0 to 99, not 100"),
        ({"volume": -1}, "volume is 0 to 200, not -1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        EspeakTTSOptions(**options)  # type: ignore[arg-type]  # one of them is


def test_an_unknown_voice_is_told(model: EspeakModel) -> None:
    with pytest.raises(UnknownVoiceError, match="'xx-nobody'"):
        model.tts("hello", EspeakTTSOptions(voice="xx-nobody"))
    assert model.tts("hello")[1].size  # and the next one works


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_no_text_is_no_sound(model: EspeakModel, text: str) -> None:
    assert model.tts(text)[1].size == 0


@pytest.mark.parametrize("text", ["a\0b", "lone \ud800", "\U0001f600", "<p>&amp;</p>", "--x"])
def test_odd_characters_do_no_harm(model: EspeakModel, text: str) -> None:
    model.tts(text)
    assert model.tts("hello")[1].size


def test_a_long_text_begins_at_once_and_can_be_left(model: EspeakModel) -> None:
    text = "This is one of very many sentences, all of them alike. " * 2000
    spoken = model.stream_tts_sync(text)
    assert next(spoken)[1].size
    spoken.close()
    assert not children()


async def test_a_cancelled_reply_leaves_nothing(model: EspeakModel) -> None:
    for _ in range(5):
        spoken = model.stream_tts(TEXT * 50)
        await anext(spoken)
        await spoken.aclose()
        async with asyncio.timeout(5):
            while model.speaking:
                await asyncio.sleep(0.001)
    assert not children()
    assert "fastrtc-espeak" not in [thread.name for thread in threading.enumerate()]
    assert model.tts("hello")[1].size


def test_replies_at_the_same_time_are_the_same(model: EspeakModel) -> None:
    alone = model.tts(TEXT)[1]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda _: model.tts(TEXT)[1], range(16)))
    # Its state makes a reply some milliseconds longer or shorter than the same one before.
    assert [one.size for one in together] == [pytest.approx(alone.size, rel=0.01)] * 16


def test_words_have_places_in_the_process() -> None:
    pytest.importorskip("espeakng_loader")
    words = [
        word
        for chunk in EspeakModel("process").chunks("Hello there my friend.")
        for word in chunk.words
    ]
    assert [word.text for word in words] == ["Hello", "there", "my", "friend"]
    starts = [word.start for word in words]
    assert starts == sorted(starts)
    assert 0.15 < starts[1] < 0.6


def test_it_is_found_by_name() -> None:
    model = get_tts_model("espeak")
    assert isinstance(model, EspeakModel)
    assert get_tts_model("espeak") is model
    assert get_tts_model("espeak", way="program") is not model


def test_without_espeak_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setitem(os.environ, "PATH", "")
    with pytest.raises(MissingPackageError, match=r"apt-get install.*fastrtc-tts\[espeak\]"):
        EspeakModel().tts("hello")
    with pytest.raises(ValueError, match="not 'telepathy'"):
        EspeakModel("telepathy")  # type: ignore[arg-type]
