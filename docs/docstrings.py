"""A griffe extension: docstrings as Markdown, whose names lead on.

Docstrings of this repository are read in editors and terminals first. What they have of
reStructuredText, a ``::`` before an example, and names between backticks, is turned here.
"""

import importlib.util
import re
from pathlib import Path
from typing import Any

import griffe

_spec = importlib.util.spec_from_file_location("hooks", Path(__file__).parent / "hooks.py")
assert _spec is not None
assert _spec.loader is not None
_hooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_hooks)

EXAMPLE = re.compile(r"(^ *)?::$", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Turns each docstring when its object is found."""

    def __init__(self) -> None:
        self._names = _hooks.public_names()

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Turn the docstring of an object."""
        if obj.docstring is None:
            return
        text = EXAMPLE.sub(lambda match: "" if match[1] is not None else ":", obj.docstring.value)
        others = {name: path for name, path in self._names.items() if name != obj.name}
        obj.docstring.value = _hooks.link_names(text, others)
