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
from importlib.metadata import EntryPoint, entry_points

from fastrtc_core.errors import PluginError, PluginNotFoundError


def names(group: str) -> list[str]:
    """Return the names that installed packages offer in a group, sorted."""
    return sorted({entry.name for entry in entry_points(group=group)})


def load(group: str, name: str) -> object:
    """Load the one plugin of this name.

    Raises:
        PluginNotFoundError: No installed package offers it; the error lists what is there.
        PluginError: Two packages claim the name, or loading it failed.

    """
    found = [entry for entry in entry_points(group=group) if entry.name == name]
    if not found:
        raise PluginNotFoundError(group, name, names(group))
    if len({entry.value for entry in found}) > 1:
        owners = " and ".join(sorted(_owner(entry) for entry in found))
        raise PluginError(f"{owners} both offer {name!r} in {group}; uninstall one of them")
    return _load(found[0])


def load_all(group: str) -> Iterator[tuple[str, object]]:
    """Load every plugin of a group, by name in order.

    Raises:
        PluginError: As for `load`.

    """
    for name in names(group):
        yield name, load(group, name)


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
