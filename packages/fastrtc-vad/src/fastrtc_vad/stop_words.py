"""Finding stop words in text, whatever its case and punctuation. Pure.

A stop word is a word or a phrase. It is found as whole words in a row: "computer" is in
"OK, Computer!" and not in "computers"; "ok computer" is in it as well.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastrtc_core.speech import Transcript, Word

_WORD: Final = re.compile(r"\w+(?:['\u2019]\w+)*")
"""A word in any alphabet, with the apostrophes inside it."""

_BETWEEN: Final = " ,.;:!?\u2026\u3001\u3002\uff0c\uff01\uff1f"
"""What may stand between a stop word and what follows it."""

_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]")
"""Scripts without spaces between words: Japanese, Chinese, Thai, Lao."""


@dataclass(frozen=True, slots=True)
class Found:
    """A stop word in what was said."""

    phrase: str
    """As it was configured."""
    rest: str
    """What follows it."""
    end: float | None = None
    """Where it ends, in seconds of the utterance; None if the engine does not tell."""


class StopWords:
    """The stop words of one handler.

    Args:
        phrases: Words or phrases.

    Raises:
        TypeError: It is a text, and no list of them.
        ValueError: There is none, or one without a word in it.

    """

    def __init__(self, phrases: Sequence[str]) -> None:
        if isinstance(phrases, str):
            raise TypeError(f"stop_words is a list of words, such as [{phrases!r}], not a text")
        self._phrases = [(phrase, _words(phrase)) for phrase in phrases]
        if not self._phrases:
            raise ValueError("stop_words is empty: without one, nothing would ever be answered")
        for phrase, words in self._phrases:
            if not words:
                raise ValueError(f"the stop word {phrase!r} has no word in it")

    def find(self, text: str) -> Found | None:
        """Return the first stop word in a text."""
        spans = [(match.group().casefold(), match.end()) for match in _WORD.finditer(text)]
        words = [word for word, _ in spans]
        first: tuple[int, int, str] | None = None
        for phrase, wanted in self._phrases:
            at = _index(words, wanted)
            if at is not None and (first is None or at < first[0]):
                first = (at, spans[at + len(wanted) - 1][1], phrase)
        if first is not None:
            return Found(first[2], text[first[1] :].lstrip(_BETWEEN))
        return self._find_unspaced(text)

    def find_in(self, transcript: Transcript) -> Found | None:
        """Return the first stop word in a transcript, and where it ends if that is known."""
        found = self.find(transcript.text)
        if found is None or not transcript.words:
            return found
        wanted = _words(found.phrase)
        at = _index_of_words(transcript.words, wanted)
        return found if at is None else Found(found.phrase, found.rest, at)

    def _find_unspaced(self, text: str) -> Found | None:
        folded = text.casefold()
        for phrase, _ in self._phrases:
            if _UNSPACED.search(phrase):
                at = folded.find(phrase.casefold())
                if at >= 0:
                    rest = text[at + len(phrase) :]
                    return Found(phrase, rest.lstrip(_BETWEEN))
        return None


def _words(text: str) -> list[str]:
    return [match.group().casefold() for match in _WORD.finditer(text)]


def _index(words: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Where the wanted words are in a row, the first time."""
    for at in range(len(words) - len(wanted) + 1):
        if list(words[at : at + len(wanted)]) == list(wanted):
            return at
    return None


def _index_of_words(words: Sequence[Word], wanted: Sequence[str]) -> float | None:
    """Where the wanted words end; a timed word may hold several, or only punctuation."""
    parts = [(part, word.end) for word in words for part in _words(word.text)]
    at = _index([part for part, _ in parts], wanted)
    return None if at is None else parts[at + len(wanted) - 1][1]
