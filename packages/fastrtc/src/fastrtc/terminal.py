"""What all commands share: what is written, and how it is said that something went wrong."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastrtc_core import MissingPackageError

FAILED: Final = 1
WRONG_USE: Final = 2
"""What argparse exits with, too."""
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""


class CommandError(Exception):
    """A command can't be carried out; the text tells the person what to change."""


def write(text: object, *, error: bool = False) -> None:
    """Write a line to the terminal; everything that a command says goes through here."""
    stream = sys.stderr if error else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Turn a failed import in the block into the name of the extra to install.

    Raises:
        MissingPackageError: Something that the extra brings is not there.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingPackageError(what, f"fastrtc[{extra}]") from error


def seconds(text: str) -> float:
    """Read a duration; argparse names this function when it refuses one."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value
