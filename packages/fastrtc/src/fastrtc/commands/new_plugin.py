"""``fastrtc new-plugin``: a package that plugs in, and passes its own tests as it is written."""

import argparse
import keyword
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final

from fastrtc import __version__
from fastrtc.terminal import CommandError, write

NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""A name of a distribution that is the same in all of its spellings."""

TEMPLATES: Final = "template_files"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of plugin."""

    group: str
    thing: str
    """What the class is called after the name."""
    summary: str


KINDS: Final = {
    "stt": Kind("fastrtc.stt", "Recognizer", "Speech to text for FastRTC"),
    "transport": Kind("fastrtc.transports", "Transport", "A transport for FastRTC"),
    "tts": Kind("fastrtc.tts", "Voice", "Text to speech for FastRTC"),
    "vad": Kind("fastrtc.pause_detection", "Detector", "Pause detection for FastRTC"),
}

FILES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "LICENSE": "LICENSE",
    "$kind/package.py": "src/$module/__init__.py",
    "py.typed": "src/$module/py.typed",
    "$kind/tests.py": "tests/test_$module.py",
}
"""Templates, and what they are written to."""


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("new-plugin", help="write a package that plugs in, with its tests")
    parser.set_defaults(command=_new_plugin)
    parser.add_argument("name", metavar="NAME", help="of the package, such as my-ears")
    parser.add_argument("--kind", choices=sorted(KINDS), required=True, help="what it is")
    parser.add_argument(
        "--folder", type=Path, default=Path(), help="where its folder is made (default: here)"
    )


def _new_plugin(options: argparse.Namespace) -> int:
    folder = write_plugin(options.name, options.kind, options.folder)
    write(f"{folder} has a plugin that works; make it yours. Its tests run by")
    write(f"  cd {folder} && pip install -e '.[test]' && pytest")
    return 0


def write_plugin(name: str, kind: str, parent: Path) -> Path:
    """Write a package, and return its folder.

    Raises:
        CommandError: The name can't be, the folder is there already, or can't be written.

    """
    module = name.replace("-", "_")
    if not NAME.fullmatch(name) or keyword.iskeyword(module):
        raise CommandError(
            f"{name!r} can't be the name of a package: use small letters, digits and single "
            "hyphens, beginning with a letter, such as my-ears"
        )
    if module == "fastrtc" or module.startswith("fastrtc_"):
        raise CommandError(f"{name!r} would be taken for a part of FastRTC: call it something else")
    folder = parent / name
    if folder.exists():
        raise CommandError(f"{folder} is there already, and nothing is written over")
    words = {
        "class_name": "".join(map(str.capitalize, name.split("-"))) + KINDS[kind].thing,
        "core": _range(__version__),
        "group": KINDS[kind].group,
        "kind": kind,
        "module": module,
        "name": name,
        "summary": KINDS[kind].summary,
    }
    try:
        for source, target in FILES.items():
            path = folder / Template(target).substitute(words)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_filled(Template(source).substitute(words), words), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{folder} can't be written: {error.strerror}") from None
    return folder


def _filled(template: str, words: dict[str, str]) -> str:
    text = files("fastrtc").joinpath(TEMPLATES, f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _range(version: str) -> str:
    """Return what a plugin made now goes with: before 1.0, each minor version may break."""
    major, minor = map(int, version.split(".")[:2])
    most = f"0.{minor + 1}" if major == 0 else f"{major + 1}"
    return f">={major}.{minor},<{most}"
