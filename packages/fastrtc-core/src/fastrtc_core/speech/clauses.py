"""Cutting text into what is spoken at once, as it is written.

The first audio of a reply comes after its first piece, so the first piece ends at the first clause;
later ones end with their sentence, since an engine reads whole sentences better, unless that gets
long. Pure; text comes in pieces of any length, such as the tokens of a language model.
"""

import re
from collections.abc import Iterator
from typing import Final

FIRST: Final = 12
"""Characters from which the first piece may end at a comma: "Yes, I do" is spoken at once."""

LONG: Final = 120
"""Characters from which every piece may end at a comma: about eight seconds of speech."""

LONGEST: Final = 300
"""Characters after which a piece ends at a space, or else anywhere."""

_SENTENCE: Final = re.compile(
    r"""(?: (?<![.!?\u2026]) [.!?\u2026]++ ["'\u201d\u2019)\]]*
          (?=\s)                                        # 3.14 goes on
        | [\u3002\uff01\uff1f\uff0e]++ [\u300d\u300f"']*+  # Chinese and Japanese have no spaces,
          (?=.)                                         # but what closes a quotation may follow
        | \n )""",
    re.VERBOSE | re.DOTALL,
)
_CLAUSE: Final = re.compile(
    "[,;:\u2014\u2013]+[\"'\u201d\u2019)\\]]*(?=\\s)|[\u3001\uff0c\uff1b\uff1a]"
)
_ABBREVIATION: Final = re.compile(
    r"""(?: \b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|approx|No|Vol|Fig|e\.g|i\.e|a\.m|p\.m)
        | (?:^|\s)[A-Za-z] ) \.\Z""",
    re.VERBOSE,
)
"""A full stop that may not end a sentence: titles and the like, initials."""

_ABBREVIATED: Final = 8
"""Characters of the longest of these, with what is before it and its full stop."""


class ClauseSplitter:
    """Cuts one text. Every character comes out once, in order, but for space around pieces."""

    def __init__(self) -> None:
        self._rest = ""
        self._any = False

    def push(self, text: str) -> list[str]:
        """Take the next part of the text and return the pieces that are whole now."""
        self._rest += text
        return list(self._pieces())

    def flush(self) -> list[str]:
        """Return what is left: the text has ended."""
        pieces = list(self._pieces())
        rest, self._rest = self._rest.strip(), ""
        self._any = False
        return [*pieces, rest] if rest else pieces

    def _pieces(self) -> Iterator[str]:
        text, begin = self._rest, 0
        # Nothing is looked at twice but what one piece may hold: the time is linear in the text.
        while (end := self._end(text[begin : begin + LONGEST + 1])) is not None:
            piece = text[begin : begin + end].strip()
            begin += end
            if piece:
                self._any = True
                yield piece
        self._rest = text[begin:]

    def _end(self, text: str) -> int | None:
        """Where the next piece ends; None if that can't be told yet.

        What is told never depends on more than one character after it, so that it is the same
        whether the text comes at once or letter by letter.
        """
        sentence = self._sentence_end(text)
        within = LONGEST if sentence is None else sentence
        # More must follow: what is before the last comma may be all there is.
        ends = [
            at
            for at in map(re.Match.end, _CLAUSE.finditer(text))
            if FIRST <= at < min(within, len(text))
        ]
        if ends and not self._any:
            return ends[0]
        if ends and min(within, len(text)) > LONG:
            return max((at for at in ends if at <= LONG), default=ends[0])
        if sentence is not None:
            return sentence
        if len(text) <= LONGEST:
            return None
        space = text.rfind(" ", 1, LONGEST)
        return LONGEST if space < 0 else space

    def _sentence_end(self, text: str) -> int | None:
        for found in _SENTENCE.finditer(text):
            end = found.end()
            if end > LONGEST:
                return None
            stop = len(text[:end].rstrip("\"'\u201d\u2019)]"))
            if not _ABBREVIATION.search(text, max(0, stop - _ABBREVIATED), stop):
                return end
        return None


def clauses(text: str) -> list[str]:
    """Cut a whole text."""
    splitter = ClauseSplitter()
    return [*splitter.push(text), *splitter.flush()]
