"""``fastrtc plugins``: what is installed that plugs in, by whom, and what it can do."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from fastrtc.terminal import write
from fastrtc_core.detection import PauseDetectionModel, StreamingPauseDetectionModel
from fastrtc_core.plugins import Found, found, groups, load

SPEECH: Final = ("fastrtc.stt", "fastrtc.tts")
MODELS: Final = (*SPEECH, "fastrtc.pause_detection")


@dataclass(frozen=True, slots=True)
class Listed:
    """A plugin, and what was found out about it."""

    plugin: Found
    capabilities: dict[str, object] | None
    """Of a model; None where there is none, or it says nothing of them."""
    error: str | None
    """Why it can't be used, in a line."""


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("plugins", help="list the installed parts that plug in")
    parser.set_defaults(command=_plugins)
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


def _plugins(options: argparse.Namespace) -> int:
    everything = [_listed(plugin) for group in groups() for plugin in found(group)]
    if options.json:
        for listed in everything:
            told = {"capabilities": listed.capabilities, "error": listed.error}
            write(json.dumps(asdict(listed.plugin) | told))
        return 0
    group = ""
    for listed in everything:
        if listed.plugin.group != group:
            group = listed.plugin.group
            write(group)
        write(_as_lines(listed))
    if not everything:
        write("nothing is installed that plugs in; try: pip install 'fastrtc[all]'")
    return 0


def _listed(plugin: Found) -> Listed:
    try:
        candidate = load(plugin.group, plugin.name)
        if plugin.group not in MODELS:
            return Listed(plugin, None, None)
        if not callable(candidate):
            return Listed(plugin, None, f"it is no function that returns a model: {candidate!r}")
        return Listed(plugin, _capabilities(candidate, plugin.group), None)
    except Exception as error:  # noqa: BLE001 - a stranger's code: the others are listed all the same
        return Listed(plugin, None, one_line(error))


def _capabilities(make: Callable[[], object], group: str) -> dict[str, object] | None:
    """Make a model, which loads nothing, and ask it."""
    model = make()
    if group in SPEECH:
        told: Any = getattr(model, "capabilities", None)
        return None if told is None else asdict(told)
    forms = {"streaming": StreamingPauseDetectionModel, "batch": PauseDetectionModel}
    return {name: isinstance(model, form) for name, form in forms.items()}


def one_line(error: Exception) -> str:
    """Say what was raised, in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _as_lines(listed: Listed) -> str:
    plugin = listed.plugin
    owner = f"{plugin.package} {plugin.version}" if plugin.package else "unknown package"
    line = f"  {plugin.name:<16} {owner:<28} {plugin.value}"
    if listed.error is not None:
        return f"{line}\n    can't be used: {listed.error}"
    told = _as_words(listed.capabilities or {})
    return f"{line}\n    {told}" if told else line


def _as_words(capabilities: dict[str, object]) -> str:
    """Say what is true, and list what there is of each."""
    words: list[str] = []
    for name, value in capabilities.items():
        if value is True:
            words.append(name)
        elif isinstance(value, str):
            words.append(f"{name} {value}")
        elif isinstance(value, list | tuple) and value:
            more = f" and {len(value) - 8} more" if len(value) > 8 else ""
            words.append(f"{name} {' '.join(map(str, value[:8]))}{more}")
    return ", ".join(words)
