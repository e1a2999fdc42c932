import pytest

from fastrtc_core.speech import Transcript, Word
from fastrtc_vad.stop_words import StopWords


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("computer", ""),
        ("OK, Computer! What time is it?", "What time is it?"),
        ("computer... stop", "stop"),
        ("COMPUTER", ""),
        ("hey computer, computer", "computer"),
    ],
)
def test_case_and_punctuation_make_no_difference(text: str, rest: str) -> None:
    found = StopWords(["computer"]).find(text)
    assert found is not None
    assert found.phrase == "computer"
    assert found.rest == rest


@pytest.mark.parametrize("text", ["", "computers", "a microcomputer", "com puter", "computer's"])
def test_only_whole_words_are_found(text: str) -> None:
    assert StopWords(["computer"]).find(text) is None


@pytest.mark.parametrize("text", ["ok computer go", "Ok, computer... go", "OK   Computer, go"])
def test_phrases_are_found_as_words_in_a_row(text: str) -> None:
    found = StopWords(["OK computer!"]).find(text)
    assert found is not None
    assert found.phrase == "OK computer!"
    assert found.rest == "go"


def test_words_in_another_order_or_apart_are_no_phrase() -> None:
    words = StopWords(["ok computer"])
    assert words.find("computer ok") is None
    assert words.find("ok my computer") is None


def test_the_first_of_several_counts() -> None:
    found = StopWords(["stop", "llama", "lamma"]).find("Hey lamma, stop it")
    assert found is not None
    assert (found.phrase, found.rest) == ("lamma", "stop it")


@pytest.mark.parametrize(
    ("phrase", "text", "rest"),
    [
        ("coöperate", "Bitte COÖPERATE jetzt", "jetzt"),
        ("привет", "Привет, как дела?", "как дела?"),
        ("ねえ", "ねえ、今何時", "今何時"),
        ("l'ordinateur", "Dis, L'ordinateur: bonjour", "bonjour"),
    ],
)
def test_any_language_that_the_engine_has(phrase: str, text: str, rest: str) -> None:
    found = StopWords([phrase]).find(text)
    assert found is not None
    assert found.rest == rest


def test_places_come_from_the_words() -> None:
    words = (Word("Hey,", 0.1, 0.3), Word("computer,", 0.4, 0.9), Word("go", 1.0, 1.2))
    found = StopWords(["hey computer"]).find_in(Transcript("Hey, computer, go", words=words))
    assert found is not None
    assert found.end == 0.9
    found = StopWords(["computer"]).find_in(Transcript("Hey, computer, go"))
    assert found is not None
    assert found.end is None


def test_words_that_do_not_hold_the_phrase_give_no_place() -> None:
    found = StopWords(["computer"]).find_in(Transcript("computer", words=(Word("comp", 0, 1),)))
    assert found is not None
    assert found.end is None


def test_stop_words_must_be_a_list_of_words() -> None:
    with pytest.raises(TypeError, match=r"\['computer'\], not a text"):
        StopWords("computer")
    with pytest.raises(ValueError, match="empty"):
        StopWords([])
    with pytest.raises(ValueError, match=r"'\.\.\.' has no word"):
        StopWords(["computer", "..."])
