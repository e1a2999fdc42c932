"""What a grammar consists of: its words, and the part of a dictionary that has them. Pure.

A grammar is in JSGF, the JSpeech Grammar Format (W3C note of June 2000).
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from fastrtc_stt.errors import GrammarError

HEADER: Final = "#JSGF V1.0;"

_COMMENTS: Final = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_HEAD: Final = re.compile(r"\s*#JSGF[^;]*;\s*grammar\s[^;]*;(?:\s*import\s*<[^>]*>\s*;)*")
_NO_WORDS: Final = re.compile(
    r"""<[^>]*> | \{[^}]*\} | /[\d.eE+\-\s]+/   # rules, tags, weights
        | \bpublic(?=\s*<) | [=|()\[\];*+"]""",
    re.VERBOSE,
)
_VARIANT: Final = re.compile(r"\(\d+\)\Z")
_PUNCTUATION: Final = re.compile(r"[^\w'\s]|_")


def normalised(phrase: str) -> str:
    """Return a phrase in the dictionary's spelling: small letters, no punctuation.

    Raises:
        GrammarError: Nothing is left.

    """
    if not isinstance(phrase, str):
        raise GrammarError(f"a phrase is a str, not {type(phrase).__name__}: {phrase!r}")
    words = _PUNCTUATION.sub(" ", phrase.replace("\u2019", "'").lower()).split()
    if not words:
        raise GrammarError(f"there is no word in the phrase {phrase!r}")
    return " ".join(words)


def of_phrases(phrases: Sequence[str]) -> str:
    """Return a grammar of phrases in the dictionary's spelling, one of which is said."""
    return f"{HEADER}\ngrammar phrases;\npublic <phrase> = {' | '.join(phrases)} ;\n"


def words_of(grammar: str) -> set[str]:
    """Return the words that can be said by a grammar.

    Raises:
        GrammarError: It does not begin like one, or has no words.

    """
    if not grammar.lstrip("\ufeff \t\r\n").startswith("#JSGF"):
        raise GrammarError(f"a grammar begins with {HEADER!r}, this one with {grammar[:40]!r}")
    rules = _HEAD.sub("", _COMMENTS.sub(" ", grammar), count=1)
    words = set(_NO_WORDS.sub(" ", rules).split())
    if not words:
        raise GrammarError("there is no word in the grammar")
    return words


def reduced(dictionary: Iterable[str], words: set[str]) -> str:
    """Return the lines of a dictionary that say how the words are pronounced.

    Args:
        dictionary: Lines of a word and its sounds; further ways to say it are ``word(2)``.
        words: All that are needed.

    Raises:
        GrammarError: Some are not in it; they are listed.

    """
    lines, found = [], set()
    for line in dictionary:
        word = _VARIANT.sub("", line.split(None, 1)[0]) if line.strip() else ""
        if word in words:
            lines.append(line.rstrip("\n"))
            found.add(word)
    if unknown := sorted(words - found):
        raise GrammarError(
            f"the dictionary lacks {', '.join(map(repr, unknown))}: say it in other words, spell "
            "numbers and abbreviations out, or give a dictionary= that has them",
            unknown,
        )
    return "\n".join([*lines, ""])
