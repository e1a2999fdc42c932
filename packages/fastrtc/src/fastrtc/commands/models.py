"""``fastrtc models``: weights of installed speech models, whether they are here, and fetching."""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fastrtc.commands.plugins import one_line
from fastrtc.terminal import FAILED, CommandError, write
from fastrtc_core import FastRTCError, MissingPackageError
from fastrtc_core.plugins import names
from fastrtc_core.speech import Weights, get_stt_model, get_tts_model

GETTERS: Final = {"fastrtc.stt": get_stt_model, "fastrtc.tts": get_tts_model}
MEGABYTE: Final = 1_000_000


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("models", help="list the weights of speech models, or fetch them")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser("list", help="what installed models need, and whether it is here")
    action.set_defaults(command=_list)
    action = actions.add_parser("download", help="fetch a model's files, and check them")
    action.set_defaults(command=_download)
    action.add_argument("name", metavar="NAME", help="such as moonshine/base")
    action.add_argument(
        "--to", type=Path, metavar="FOLDER", help="copy them there, for path=...; made if need be"
    )


def _list(_: argparse.Namespace) -> int:
    nothing = True
    for name, found in _models():
        nothing = False
        if isinstance(found, Exception):
            write(f"{name:<20} can't be used: {one_line(found)}")
            continue
        missing = found.missing()
        here = "here" if not missing else f"missing: {', '.join(file.name for file in missing)}"
        write(f"{name:<20} {_size(found):>10}  {found.licence:<12} {here}")
    if nothing:
        write("no installed model has weights to fetch; try: pip install 'fastrtc[stt,tts]'")
    return 0


def _models() -> Iterator[tuple[str, Weights | Exception]]:
    """Go through the installed models that have weights, or can't say."""
    for group in GETTERS:
        for name in names(group):
            try:
                found = _weights(group, name)
            except Exception as error:  # noqa: BLE001 - a stranger's code: the others are listed
                yield name, error
            else:
                if found is not None:
                    yield name, found


def _size(weights: Weights) -> str:
    """Say how much there is to fetch; a file of 0 bytes is one whose length is not known."""
    more = "> " if any(not file.size for file in weights.files) else ""
    return f"{more}{weights.size / MEGABYTE:.1f} MB"


def _weights(group: str, name: str) -> Weights | None:
    found: object = getattr(GETTERS[group](name), "weights", None)
    return found if isinstance(found, Weights) else None


def _download(options: argparse.Namespace) -> int:
    weights = _named(options.name)
    if options.to is not None and options.to.exists() and not options.to.is_dir():
        raise CommandError(f"{options.to} is no folder")
    write(f"{options.name}: {_size(weights)}, {weights.licence}", error=True)
    files = weights.find()
    for name, path in files.items():
        if options.to is None:
            write(path)
            continue
        target = options.to / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or not target.samefile(path):
                shutil.copyfile(path, target)
        except OSError as error:
            write(f"fastrtc: {target} can't be written: {error.strerror}", error=True)
            return FAILED
        write(target)
    return 0


def _named(name: str) -> Weights:
    """Return the weights of a model.

    Raises:
        CommandError: There is no such model, or it has none.

    """
    offering = [group for group in GETTERS if name in names(group)]
    if not offering:
        there = sorted({known for group in GETTERS for known in names(group)})
        raise CommandError(
            f"no installed package offers a speech model {name!r}; "
            f"installed: {', '.join(there) or 'none'}"
        )
    try:
        found = [weights for group in offering if (weights := _weights(group, name)) is not None]
    except (FastRTCError, MissingPackageError):
        raise
    except Exception as error:
        raise CommandError(f"{name!r} can't be used: {one_line(error)}") from error
    if not found:
        raise CommandError(f"{name!r} has no weights to fetch: it needs none, or brings them")
    return found[0]
