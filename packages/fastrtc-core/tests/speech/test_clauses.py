import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_core.speech import ClauseSplitter, clauses
from fastrtc_core.speech.clauses import FIRST, LONG, LONGEST

# Words, and everything that may end a piece, so that most examples have some of each.
ALPHABET = st.sampled_from(
    [
        *"ab .,;:!?\n\"')]—…",
        "Mr.",
        "e.g.",
        "3.14",
        *"你好。、，！？」",  # noqa: RUF001
        " word",
        "x" * 50,
        "y" * 150,
    ]
)
TEXTS = st.lists(ALPHABET, max_size=80).map("".join)


def split(parts: list[str]) -> list[str]:
    splitter = ClauseSplitter()
    return [piece for part in parts for piece in splitter.push(part)] + splitter.flush()


def bare(text: str) -> str:
    return "".join(text.split())


@given(TEXTS)
def test_every_character_comes_out_once_in_order(text: str) -> None:
    pieces = clauses(text)
    assert bare("".join(pieces)) == bare(text)
    assert all(piece and piece == piece.strip() for piece in pieces)
    assert all(len(piece) <= LONGEST for piece in pieces)


@given(TEXTS)
def test_a_text_is_cut_the_same_letter_by_letter(text: str) -> None:
    assert split(list(text)) == clauses(text)


@given(TEXTS, st.lists(st.integers(0, 400), max_size=20))
def test_a_text_is_cut_the_same_in_parts(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    assert split([text[begin:end] for begin, end in pairwise(places)]) == clauses(text)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        (" \n ", []),
        ("Hello", ["Hello"]),
        ("Hello. World.", ["Hello.", "World."]),
        ("Well then, here we go. Off.", ["Well then, here we go.", "Off."]),
        ("Sure I will, at once. Off, and away.", ["Sure I will,", "at once.", "Off, and away."]),
        ("Mr. Smith is here. He waits.", ["Mr. Smith is here.", "He waits."]),
        ("It is 3.14 or so. Yes!", ["It is 3.14 or so.", "Yes!"]),
        ("J. R. Tolkien wrote it. I read.", ["J. R. Tolkien wrote it.", "I read."]),
        ("Fruit, e.g. pears. Good.", ["Fruit, e.g. pears.", "Good."]),
        ("She said “go.” He went.", ["She said “go.”", "He went."]),
        ("What?! No... Yes", ["What?!", "No...", "Yes"]),
        ("He lives in Main St.\nShe does not", ["He lives in Main St.", "She does not"]),
        ("你好。再见！", ["你好。", "再见！"]),  # noqa: RUF001
        ("「你好。」他说。", ["「你好。」", "他说。"]),
        ("www.example.com is a.b", ["www.example.com is a.b"]),
    ],
)
def test_pieces(text: str, pieces: list[str]) -> None:
    assert clauses(text) == pieces


def test_the_first_piece_ends_at_the_first_comma_and_is_there_before_the_rest() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Let me think about it,") == []
    assert splitter.push(" ") == ["Let me think about it,"]
    assert splitter.push("and then, when I have, I shall tell you. ") == [
        "and then, when I have, I shall tell you."
    ]


def test_long_sentences_are_cut_at_commas_and_longer_ones_at_spaces() -> None:
    with_commas = "Go. " + ", ".join(["twenty letters or so"] * 30) + "."
    assert all(FIRST <= len(piece) <= LONG for piece in clauses(with_commas)[1:])
    without = "word " * 200
    assert all(piece.endswith("word") and len(piece) <= LONGEST for piece in clauses(without))
    assert [len(piece) for piece in clauses("x" * 650)] == [300, 300, 50]


def test_a_splitter_begins_anew_after_its_end() -> None:
    splitter = ClauseSplitter()
    once = [*splitter.push("Yes, I do so, and you. Then"), *splitter.flush()]
    assert [*splitter.push("Yes, I do so, and you. Then"), *splitter.flush()] == once
    assert once[0] == "Yes, I do so,"


def cost(text: str, parts: list[str]) -> float:
    begin = time.thread_time()
    assert bare("".join(split(parts))) == bare(text)
    return time.thread_time() - begin


@pytest.mark.parametrize("unit", ["Yes, it is so. ", "word ", "x", ", ", ".", "Mr. ", "。", "\n"])
def test_the_time_for_a_long_text_is_linear(unit: str) -> None:
    text = (unit * 100_000)[:100_000]
    # Quadratic would be minutes; these are ten times what the slowest of them takes.
    assert cost(text, [text]) < 5
    assert cost(text, list(text)) < 30
