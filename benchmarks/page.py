"""A page that several runs write: parts between two comments, and the rest."""

import re
from pathlib import Path

PARTS = re.compile(r"<!-- (?P<name>\w+) -->\n.*?<!-- /(?P=name) -->\n", re.DOTALL)


def renew(path: Path, text: str) -> None:
    """Write the rest of the page anew. Its parts stay, behind it."""
    path.write_text("\n".join([text, *(found[0] for found in PARTS.finditer(_read(path)))]))


def renew_part(path: Path, name: str, text: str) -> None:
    """Write one part of the page anew, at its place or else at the end. The rest stays."""
    part = f"<!-- {name} -->\n{text.rstrip()}\n<!-- /{name} -->\n"
    page = _read(path)
    old = next((found[0] for found in PARTS.finditer(page) if found["name"] == name), None)
    joint = "\n" if page else ""
    path.write_text(page.replace(old, part) if old else f"{page}{joint}{part}")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
