"""pocketsphinx, on speech that espeak-ng makes."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from fastrtc_core.speech import StreamingSTTModel, Transcript
from fastrtc_stt import DecodersExhaustedError, GrammarError, PocketSphinx, get_stt_model

pytest.importorskip("pocketsphinx")

RATE = 16_000
CHUNK = 320
"""20 ms."""
Speak = Callable[..., np.ndarray]

JSGF = """#JSGF V1.0 UTF-8 en;  // what a lamp does
grammar lamp;
public <command> = [please] turn <state> the (kitchen {where} | /0.5/ bedroom) light;
<state> = on | off;
"""


def listened(stream: Any, sound: np.ndarray) -> list[Transcript]:
    found: list[Transcript] = []
    for at in range(0, len(sound), CHUNK):
        found += stream.push(sound[at : at + CHUNK])
    return [*found, *stream.finish()]


def heard(found: list[Transcript]) -> str:
    return found[-1].text if found else ""


# What was found, less one of the phrases by telephone.
@pytest.mark.parametrize(
    ("voice", "telephone", "least"),
    [
        ("en-us+f2", False, 15),
        ("en-us+f4", False, 15),
        ("en-us+f2", True, 13),
        ("en-us+f4", True, 12),
    ],
)
def test_phrases_are_understood(
    speak: Speak, phrases: list[str], voice: str, telephone: bool, least: int
) -> None:
    model = PocketSphinx(phrases=phrases)
    stream = model.stream()
    sounds = [speak(phrase, voice, telephone=telephone) for phrase in phrases]
    said = [model.stt((RATE, sound)) for sound in sounds]
    assert sum(a == b for a, b in zip(said, phrases, strict=True)) >= least, said
    # A stream knows the mean of what it has heard, and not that of all that is said.
    told = [heard(listened(stream, sound)) for sound in sounds]
    assert sum(a == b for a, b in zip(told, phrases, strict=True)) >= least - 2, told
    stream.close()


def test_partial_results_come_while_one_speaks(speak: Speak, phrases: list[str]) -> None:
    model = get_stt_model("pocketsphinx", phrases=phrases)
    assert isinstance(model, StreamingSTTModel)
    assert model.capabilities.partials
    assert model.capabilities.timestamps
    found = listened(model.stream(), speak(phrases[2]))
    assert [transcript.final for transcript in found] == [False] * (len(found) - 1) + [True]
    assert len(found) > 3
    assert found[-1].text == phrases[2]


def test_words_have_places_since_the_utterance_began(speak: Speak, phrases: list[str]) -> None:
    stream, sound = PocketSphinx(phrases=phrases).stream(), speak("tell me a joke")
    first, second = (listened(stream, sound)[-1] for _ in range(2))
    assert [word.text for word in first.words] == ["tell", "me", "a", "joke"]
    for transcript in (first, second):
        places = [edge for word in transcript.words for edge in (word.start, word.end)]
        assert places == sorted(places)
        assert 0.1 < places[0] < 0.4
        assert places[-1] < len(sound) / RATE
        assert all(word.confidence is not None for word in transcript.words)
        assert all(0 <= (word.confidence or 0) <= 1 for word in transcript.words)
    stream.close()


def test_spelling_does_not_matter(speak: Speak) -> None:
    model = PocketSphinx(phrases=["Tell me a joke!", "What time is it?", "Don\u2019t stop."])
    assert model.stt((RATE, speak("tell me a joke"))) == "tell me a joke"
    assert model.stt((RATE, speak("don't stop"))) == "don't stop"


def test_a_beginning_of_a_phrase_is_refused(speak: Speak) -> None:
    model = PocketSphinx(phrases=["set a timer for twenty minutes", "no"])
    stream = model.stream()
    found = listened(stream, speak("set a timer"))
    assert [t for t in found if not t.final and t.text.startswith("set a timer")]
    assert found[-1] == Transcript("", language="en")  # what was told is taken back
    stream.close()


def test_a_grammar_has_rules_and_options(speak: Speak) -> None:
    model = PocketSphinx(grammar=JSGF)
    for text in ("please turn on the kitchen light", "turn off the bedroom light"):
        assert model.stt((RATE, speak(text))) == text


def test_keywords_are_spotted(speak: Speak, phrases: list[str]) -> None:
    model = PocketSphinx(keywords={"stop": 1e-20})
    assert model.stt((RATE, speak("stop"))) == "stop"
    assert model.stt((RATE, speak("good morning"))) == ""


def test_dictation_understands_something(speak: Speak) -> None:
    said = PocketSphinx().stt((RATE, speak("what is the weather today")))
    assert {"what", "is", "the", "weather", "today"} & set(said.split()), said


@pytest.mark.parametrize("sound", [np.zeros(0, np.float32), np.zeros((1, RATE), np.int16)])
def test_nothing_is_said_in_silence(phrases: list[str], sound: np.ndarray) -> None:
    model = PocketSphinx(phrases=phrases)
    assert model.stt((RATE, sound)) == ""
    assert listened(model.stream(), np.zeros(RATE, np.float32)) == []


def test_unknown_words_are_listed() -> None:
    model = PocketSphinx(phrases=["turn on the xyzzy", "frobnicate 7"])
    with pytest.raises(GrammarError):
        model.warmup()
    with pytest.raises(GrammarError, match="'7', 'frobnicate', 'xyzzy'") as raised:
        model.warmup()  # a failure takes no decoder away
    assert raised.value.words == ("7", "frobnicate", "xyzzy")
    assert model.pool.count == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"phrases": []},
        {"phrases": "stop"},
        {"phrases": ["?!"]},
        {"phrases": [1]},
        {"grammar": "stop"},
        {"grammar": "#JSGF V1.0; grammar g;"},
        {"keywords": {"stop": 2}},
        {"keywords": ["stop"], "phrases": ["stop"]},
        {"sample_rate": 8000},
        {"decoders": 0},
    ],
)
def test_what_cant_be_is_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        PocketSphinx(**settings)


def test_a_grammar_with_a_mistake_is_refused() -> None:
    with pytest.raises(GrammarError, match="refuses"):
        PocketSphinx(grammar="#JSGF V1.0; grammar g; public <g> = (yes ;").warmup()


def test_twenty_streams_at_a_time(speak: Speak, phrases: list[str]) -> None:
    model = PocketSphinx(phrases=phrases)
    sounds = [speak(phrases[at % 15]) for at in range(20)]
    model.stt((RATE, sounds[0]))
    meeting = threading.Barrier(20)

    def session(sound: np.ndarray) -> str:
        stream = model.stream()
        stream.push(sound[:CHUNK])
        meeting.wait(30)  # all have a decoder now
        found = heard(listened(stream, sound[CHUNK:]))
        stream.close()
        return found

    with ThreadPoolExecutor(20) as threads:
        said = list(threads.map(session, sounds))
    assert sum(a == phrases[at % 15] for at, a in enumerate(said)) >= 18, said
    assert model.pool.count == 20


def test_the_number_of_decoders_has_a_bound(speak: Speak, phrases: list[str]) -> None:
    model = PocketSphinx(phrases=phrases, decoders=1, patience=0.1)
    sound = speak("tell me a joke")
    first, second = model.stream(), model.stream()
    first.push(sound)
    with pytest.raises(DecodersExhaustedError, match="all 1 decoders"):
        second.push(sound)
    assert heard(list(first.finish())) == "tell me a joke"
    assert heard(listened(second, sound)) == "tell me a joke"
    assert model.pool.count == 1
    with ThreadPoolExecutor(4) as threads:
        patient = PocketSphinx(phrases=phrases, decoders=1, patience=60)
        said = list(threads.map(lambda _: patient.stt((RATE, sound)), range(8)))
    assert said == ["tell me a joke"] * 8
    assert patient.pool.count == 1


def test_a_stream_is_closed_twice_and_by_others(speak: Speak, phrases: list[str]) -> None:
    model = PocketSphinx(phrases=phrases, decoders=1, patience=30)
    sound = speak("tell me a joke")
    for _ in range(10):
        stream = model.stream()
        stream.push(sound[:CHUNK])
        pushing = threading.Thread(target=stream.push, args=(sound,))
        pushing.start()
        stream.close()
        stream.close()
        pushing.join(30)
        assert list(stream.push(sound)) == list(stream.finish()) == []
    assert model.stt((RATE, sound)) == "tell me a joke"  # its decoder was given back
    assert model.pool.count == 1
