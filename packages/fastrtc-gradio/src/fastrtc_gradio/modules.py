"""The page's JavaScript modules, of this package and of the browser client it stands on.

A `gr.HTML` component has no modules of its own: the body of one function is all that Gradio takes.
That function asks for these, in an order in which every module comes after those that it imports.
"""

import re
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import Final

_FOLDERS: Final = (
    ("fastrtc_webrtc", "client_files"),
    ("fastrtc_gradio", "component_files"),
)
_IMPORT: Final = re.compile(r'^(?:import|export) .*? from "\./([^"]+)";', re.MULTILINE | re.DOTALL)

ENTRY: Final = "panel.js"
"""The module that the component's function calls."""


@cache
def modules() -> tuple[tuple[str, str], ...]:
    """Return name and text of every module that the entry needs, the entry last.

    Raises:
        ValueError: Modules import each other in a circle.

    """
    texts = _texts()
    ordered: dict[str, str] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' -> '.join((*above, name))}")
        for needed in _IMPORT.findall(texts[name]):
            if needed not in ordered:
                add(needed, (*above, name))
        ordered[name] = texts[name]

    add(ENTRY, ())
    return tuple(ordered.items())


def component_file(name: str) -> str:
    """Return the text of a file of the component's."""
    return files("fastrtc_gradio").joinpath("component_files", name).read_text("utf-8")


def _texts() -> dict[str, str]:
    return {
        file.name: file.read_text("utf-8")
        for package, folder in _FOLDERS
        for file in files(package).joinpath(folder).iterdir()
        if PurePath(file.name).suffix == ".js"
    }
