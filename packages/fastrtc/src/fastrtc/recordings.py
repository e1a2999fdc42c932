"""WAV files of the command line, and what is wrong with them in a sentence."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastrtc.terminal import CommandError
from fastrtc_core.audio import read_wav, write_wav


def read_recording(path: Path) -> tuple[int, NDArray[np.int16]]:
    """Read what is to be said.

    Raises:
        CommandError: It is no WAV file that can be read, or there is nothing in it.

    """
    try:
        rate, samples = read_wav(path)
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(str(error)) from None
    if not samples.size:
        raise CommandError(f"{path} is empty")
    return rate, samples


def check_output(path: Path | None) -> None:
    """Check that a file can be written, before work is done for it.

    Raises:
        CommandError: Its folder is not there.

    """
    if path is not None and not path.parent.is_dir():
        raise CommandError(f"there is no folder {path.parent} to write {path.name} to")


def write_recording(path: Path, audio: tuple[int, NDArray[np.int16]]) -> None:
    """Write what was heard.

    Raises:
        CommandError: The file can't be written.

    """
    try:
        write_wav(path, audio)
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}") from None
