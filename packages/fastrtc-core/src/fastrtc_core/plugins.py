"""Finding installed parts by entry point: one name, one load, nothing registered by import.

Groups, each a table ``[project.entry-points."fastrtc.<group>"]`` of the plugin's pyproject.toml:

``fastrtc.transports``
    A `fastrtc_core.transport.TransportPlugin`; `Stream.mount` mounts all of them.
``fastrtc.ui``
    A callable that takes a Stream and returns what `Stream.ui` is; the name is ``default``.
``fastrtc.pause_detection``, ``fastrtc.stt``, ``fastrtc.tts``
    A callable without required arguments that returns a model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from fastrtc_core.errors import PluginError, PluginNotFoundError

PREFIX: Final = "fastrtc."
"""What the names of all groups begin with."""


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A plugin that an installed package offers; it is not loaded for that."""

    group: str
    name: str
    package: str
    """Name of its distribution; empty if that is unknown."""
    version: str
    """Of the distribution."""
    value: str
    """Where it is, such as ``my_package.models:MyModel``."""


def groups() -> list[str]:
    """Return the groups in which installed packages offer something, sorted."""
    return sorted(group for group in entry_points().groups if group.startswith(PREFIX))


def found(group: str) -> list[Found]:
    """Return who offers what in a group, by name; nothing is loaded.

    A name that two packages claim is there twice.
    """
    return sorted({_found(entry) for entry in entry_points(group=group)})


def names(group: str) -> list[str]:
    """Return the names that installed packages offer in a group, sorted."""
    return sorted({entry.name for entry in entry_points(group=group)})


def load(group: str, name: str) -> object:
    """Load the one plugin of this name.

    Raises:
        PluginNotFoundError: No installed package offers it; the error lists what is there.
        PluginError: Two packages claim the name, or loading it failed.

    """
    claims = [entry for entry in entry_points(group=group) if entry.name == name]
    if not claims:
        raise PluginNotFoundError(group, name, names(group))
    if len({entry.value for entry in claims}) > 1:
        owners = " and ".join(sorted(_owner(entry) for entry in claims))
        raise PluginError(f"{owners} both offer {name!r} in {group}; uninstall one of them")
    return _load(claims[0])


def load_all(group: str) -> Iterator[tuple[str, object]]:
    """Load every plugin of a group, by name in order.

    Raises:
        PluginError: As for `load`.

    """
    for name in names(group):
        yield name, load(group, name)


def _found(entry: EntryPoint) -> Found:
    package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
    return Found(entry.group, entry.name, package, version, entry.value)


def _load(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"{entry.name!r} in {entry.group} of {_owner(entry)} can't be loaded "
            f"from {entry.value}: {error}"
        ) from error


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unknown package"
