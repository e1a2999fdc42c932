from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from fastrtc_core import PluginError, PluginNotFoundError, plugins

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Pretend that packages with these (name, value) entry points in fastrtc.stt are installed."""

    def pretend(*entries: tuple[str, str]) -> None:
        found = EntryPoints(EntryPoint(name, value, "fastrtc.stt") for name, value in entries)
        monkeypatch.setattr(
            plugins, "entry_points", lambda group: found if group == "fastrtc.stt" else ()
        )

    yield pretend  # noqa: PT022 - monkeypatch cleans up


def test_names_are_sorted(install: Install) -> None:
    install(("whisper", "a:b"), ("moonshine", "c:d"))
    assert plugins.names("fastrtc.stt") == ["moonshine", "whisper"]
    assert plugins.names("fastrtc.tts") == []


def test_one_is_loaded_and_no_other(install: Install) -> None:
    install(("json", "json:dumps"), ("broken", "no_such_module:thing"))
    import json

    assert plugins.load("fastrtc.stt", "json") is json.dumps


def test_one_that_is_missing_is_named_with_those_that_are_there(install: Install) -> None:
    install(("moonshine", "c:d"))
    with pytest.raises(PluginNotFoundError, match=r"'whisper' in fastrtc.stt; installed: moonsh"):
        plugins.load("fastrtc.stt", "whisper")


def test_two_owners_of_a_name_are_an_error(install: Install) -> None:
    install(("whisper", "json:dumps"), ("whisper", "json:loads"))
    with pytest.raises(PluginError, match="both offer 'whisper'"):
        plugins.load("fastrtc.stt", "whisper")


def test_the_same_entry_found_twice_is_one(install: Install) -> None:
    install(("whisper", "json:dumps"), ("whisper", "json:dumps"))
    assert callable(plugins.load("fastrtc.stt", "whisper"))


@pytest.mark.parametrize("value", ["no_such_module:thing", "json:no_such_name"])
def test_one_that_can_not_be_loaded_says_from_where(install: Install, value: str) -> None:
    install(("whisper", value))
    with pytest.raises(PluginError, match=f"'whisper' .* can't be loaded from {value}") as caught:
        plugins.load("fastrtc.stt", "whisper")
    assert caught.value.__cause__ is not None


def test_all_of_a_group(install: Install) -> None:
    install(("loads", "json:loads"), ("dumps", "json:dumps"))
    assert [name for name, _ in plugins.load_all("fastrtc.stt")] == ["dumps", "loads"]


def test_what_is_found_is_not_loaded(install: Install) -> None:
    install(("whisper", "no_such_module:thing"), ("whisper", "other:thing"), ("ears", "a:b"))
    assert [(item.name, item.value) for item in plugins.found("fastrtc.stt")] == [
        ("ears", "a:b"),
        ("whisper", "no_such_module:thing"),
        ("whisper", "other:thing"),
    ]


def test_who_offers_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "my_ears-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-ears\nVersion: 1.5\n")
    (metadata / "entry_points.txt").write_text("[fastrtc.hearing]\nears = my_ears:Ears\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "fastrtc.hearing" in plugins.groups()
    [found] = plugins.found("fastrtc.hearing")
    assert found == plugins.Found("fastrtc.hearing", "ears", "my-ears", "1.5", "my_ears:Ears")
