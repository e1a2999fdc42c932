"""The examples that understand and speak are run as programs, and talked to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc.talk import Talk
from fastrtc_core.audio import read_wav
from fastrtc_core.speech import get_stt_model

Audio = tuple[int, NDArray[np.int16]]
Say = Callable[[str], Audio]

RATE = 24000
QUESTION = "where are you from"  # pocketsphinx's dictation understands it, which is rare
COMMAND = "tell me a joke"
TEXT = "This is read to you by a tone of 440 Hz."


def silence(seconds: float) -> Audio:
    return RATE, np.zeros((1, round(seconds * RATE)), np.int16)


def join(*parts: Audio) -> Audio:
    return RATE, np.concatenate([samples for _, samples in parts], axis=1)


def sound_seconds(talk: Talk) -> float:
    """How much of what was heard is no silence."""
    windows = talk.heard[0][: talk.heard.size // 480 * 480].reshape(-1, 480)
    return float((np.abs(windows).max(axis=1) > 300).sum()) * 480 / talk.rate


def logged(talk: Talk) -> list[object]:
    return [notice.data for notice in talk.notices if notice.type == "log"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a program keeps its files."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def held(
    hold: Callable[..., list[list[Talk]]], openai: Any, say: Say, folder: Path
) -> dict[str, list[Talk]]:
    """Conversations with all of them: with the language model, two and one that is refused."""
    env, wrong = openai.env, openai.env | {"OPENAI_API_KEY": "sk-wrong"}
    question, command = say(QUESTION), say(COMMAND)
    sayings = {
        "llm_voice_chat": (env, None, [join(question, silence(3), question), question]),
        "llm_voice_chat refused": (wrong, 3.0, [question]),
        "hello_computer": (
            *(env, None),
            [join(silence(2), command, say(f"hello computer, {COMMAND}"))],
        ),
        "patient_listener": (env, None, [join(question, question)]),
        "dictaphone": (env | {"TMPDIR": str(folder)}, 2.0, [question]),
        "read_aloud": (env | {"TEXT": TEXT}, 1.0, [silence(3)]),
        "spoken_welcome": (env, None, [join(silence(3), question)]),
    }
    talks = hold(*((key.split()[0], *about) for key, about in sayings.items()))
    return dict(zip(sayings, talks, strict=True))


def test_a_language_model_remembers_its_talk_and_nobody_elses(
    held: dict[str, list[Talk]], openai: Any
) -> None:
    answer = f"You said {QUESTION}. This is turn 1. "
    assert sorted(openai.chats(), key=len) == [
        [("user", QUESTION)],
        [("user", QUESTION)],
        [("user", QUESTION), ("assistant", answer), ("user", QUESTION)],
    ]
    assert openai.asked[0].headers["authorization"] == f"Bearer {openai.KEY}"
    first, second = held["llm_voice_chat"][0].turns
    assert min(first.reply_seconds, second.reply_seconds) > 1


def test_a_language_model_that_refuses_is_told(held: dict[str, list[Talk]]) -> None:
    (talk,) = held["llm_voice_chat refused"]
    (told,) = [notice.data for notice in talk.notices if notice.type == "error"]
    assert "did not answer" in str(told)
    assert "Incorrect API key provided." in str(told)


def test_the_computer_answers_when_it_is_greeted(held: dict[str, list[Talk]]) -> None:
    (talk,) = held["hello_computer"]
    assert np.abs(talk.heard[0, : 2 * talk.rate]).max() > 1000  # it is the first to speak
    assert [notice.type for notice in talk.notices].count("stopword") == 1
    assert logged(talk).count("pause_detected") == 2
    assert logged(talk).count("response_starting") == 1
    assert talk.turns[-1].reply_seconds > 2  # and what it tells is a joke
    stt: Any = get_stt_model("pocketsphinx", phrases=["why was the computer cold", "it is noon"])
    said = talk.turns[-1].spoke
    assert said is not None
    begin = round((said.end + (talk.turns[-1].delay or 0)) * talk.rate)
    assert (
        stt.stt((talk.rate, talk.heard[:, begin : begin + 2 * talk.rate]))
        == "why was the computer cold"
    )


def test_a_patient_listener_waits(held: dict[str, list[Talk]]) -> None:
    (talk,) = held["patient_listener"]
    assert logged(talk).count("pause_detected") == 1  # a second's pause did not end the turn
    assert sound_seconds(talk) == pytest.approx(0.6, abs=0.25)  # of the beeps for three seconds


def test_a_welcome_is_spoken_and_so_is_the_answer(held: dict[str, list[Talk]]) -> None:
    (talk,) = held["spoken_welcome"]
    assert np.abs(talk.heard[0, : 2 * talk.rate]).max() > 1000
    assert talk.turns[-1].reply_seconds > 1


def test_what_was_said_is_a_file(held: dict[str, list[Talk]], folder: Path) -> None:
    (talk,) = held["dictaphone"]
    assert talk.heard_seconds == 0
    (path,) = folder.glob("*.wav")
    stt: Any = get_stt_model("pocketsphinx", phrases=[QUESTION, COMMAND])
    assert stt.stt(read_wav(path)) == QUESTION


def test_a_text_is_read_aloud(held: dict[str, list[Talk]], openai: Any) -> None:
    (talk,) = held["read_aloud"]
    assert talk.heard_seconds == pytest.approx(0.05 * len(TEXT), abs=0.05)
    assert sound_seconds(talk) == pytest.approx(0.05 * len(TEXT), abs=0.1)
    assert talk.ended == "The stream has ended."
    assert TEXT in [asked.json["input"] for asked in openai.asked if "speech" in asked.path]
