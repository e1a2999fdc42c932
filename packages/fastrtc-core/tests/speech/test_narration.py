from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from fastrtc_core.speech import SpeechChunk, Synthesizer, Word

RATE = 100


class Reader(Synthesizer[None]):
    """Speaks a clause in chunks of a second each, with the places of words or without."""

    def __init__(self, chunks: int = 1, *, words: bool = False, samples: int = RATE) -> None:
        super().__init__()
        self.chunks_each = chunks
        self.words = words
        self.samples = samples

    @property
    def sample_rate(self) -> int:
        return RATE

    def synthesize(self, text: str, options: None) -> Iterator[SpeechChunk]:
        words = text.split()
        each = self.chunks_each / len(words)
        placed = [Word(word, i * each, (i + 1) * each) for i, word in enumerate(words)]
        for second in range(self.chunks_each):
            mine = [word for word in placed if second < word.end <= second + 1]
            sound = np.zeros(self.samples, np.float32)
            yield SpeechChunk(RATE, sound, words=tuple(mine) if self.words else ())


TEXT = "One two. Three four."


def test_what_was_heard_without_places_of_words_goes_by_length() -> None:
    narration = Reader().narrate(TEXT)
    assert len(list(narration)) == 2
    assert (narration.text, narration.seconds) == (TEXT, 2.0)
    heard = [narration.heard(seconds) for seconds in (-1, 0, 0.1, 0.5, 0.99, 1, 1.5, 2, 99)]
    assert heard == ["", "", "", "One", "One", "One two.", "One two. Three", TEXT, TEXT]


def test_what_was_heard_with_places_of_words_is_exact() -> None:
    narration = Reader(2, words=True).narrate(TEXT)
    list(narration)
    heard = [narration.heard(seconds) for seconds in (0.99, 1, 1.99, 2, 2.99, 3, 4)]
    assert heard == ["", "One", "One", "One two.", "One two.", "One two. Three", TEXT]


def test_a_clause_in_pieces_counts_as_one() -> None:
    narration = Reader(4).narrate(TEXT)
    list(narration)
    assert narration.seconds == 8
    assert [narration.heard(s) for s in (1, 3.9, 4, 6.5, 8)] == [
        *("", "One", "One two.", "One two. Three", TEXT)
    ]


def test_while_a_clause_is_being_spoken_its_length_is_guessed() -> None:
    narration = Reader(4).narrate("Eins zwei drei vier fünf sechs sieben acht neun zehn.")
    spoken = iter(narration)
    assert narration.heard(1) == ""
    next(spoken)
    assert narration.heard(1) == "Eins zwei drei"  # 15 of 52 characters, at 15 a second
    assert len(list(spoken)) == 3
    assert narration.heard(1) == "Eins zwei"  # now it is known that it takes 4 s


def test_a_long_first_word_is_not_heard_when_it_has_begun() -> None:
    narration = Reader().narrate("Internationalisation works")
    list(narration)
    assert narration.heard(0.1) == ""
    assert narration.heard(0.9) == "Internationalisation"


def test_one_word_is_heard_whole_or_not() -> None:
    narration = Reader().narrate("Yes.")
    list(narration)
    assert [narration.heard(0.99), narration.heard(1)] == ["", "Yes."]


def test_a_text_without_spaces_is_heard_by_characters() -> None:
    narration = Reader().narrate("你好再见。")
    list(narration)
    assert narration.heard(0.4) == "你好"


def test_clauses_without_sound_are_no_trouble() -> None:
    narration = Reader(samples=0).narrate(TEXT)
    for _ in narration:
        assert narration.heard(1)
    assert (narration.seconds, narration.heard(0), narration.heard(0.1)) == (0, "", TEXT)


async def test_text_written_asynchronously() -> None:
    async def tokens() -> AsyncIterator[str]:
        for word in TEXT.split():
            yield word + " "

    narration = Reader().narrate(tokens())
    with pytest.raises(TypeError, match="async for"):
        next(iter(narration))
    assert len([1 async for _ in narration]) == 2
    assert narration.heard(1) == "One two."


async def test_it_is_spoken_once() -> None:
    narration = Reader().narrate(TEXT)
    list(narration)
    with pytest.raises(RuntimeError, match="begun already"):
        list(narration)
    with pytest.raises(RuntimeError, match="begun already"):
        async for _ in narration:
            pass
    assert narration.text == TEXT
