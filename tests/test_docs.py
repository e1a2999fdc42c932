"""The site's reference leaves out nothing, and its checks see what they are for.

The site itself is built by ``hatch run docs:build``, which checks links, anchors and requests.
"""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import fastrtc

ROOT = Path(__file__).parents[1]
PUBLIC = sorted(
    [
        *(
            path.parent.name
            for path in ROOT.glob("packages/*/src/*/__init__.py")
            if path.parent.name != "fastrtc"
        ),
        "fastrtc_core.audio",
        "fastrtc_core.speech",
        "fastrtc_core.testing",
        "fastrtc_telephony.testing",
        "fastrtc_webrtc.testing",
    ]
)


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def documented() -> set[int]:
    return {id(_resolve(name)) for name in _directives()}


def _directives() -> Iterator[str]:
    for page in ROOT.glob("docs/reference/*.md"):
        yield from re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def _resolve(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("module", PUBLIC)
def test_no_public_name_is_missing(module: str, documented: set[int]) -> None:
    loaded = import_module(module)
    assert loaded.__all__
    missing = [name for name in loaded.__all__ if id(getattr(loaded, name)) not in documented]
    assert not missing


def test_no_name_of_the_facade_is_missing(documented: set[int]) -> None:
    missing = [name for name in fastrtc._WHERE if id(getattr(fastrtc, name)) not in documented]
    assert not missing


def test_nothing_is_documented_twice() -> None:
    names = list(_directives())
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("text", "source", "page", "turned"),
    [
        ("[a](../README.md)", "docs/speech.md", "speech.md", "[a](index.md)"),
        ("[a](docs/speech.md#weights)", "MIGRATING.md", "migrating.md", "[a](speech.md#weights)"),
        ("[a](../speech.md)", "docs/guide/audio.md", "guide/audio.md", "[a](../speech.md)"),
        ("[a b](tools/x.py)", "MIGRATING.md", "migrating.md", "a b"),
        ("[x.py](tools/x.py)", "MIGRATING.md", "migrating.md", "`x.py`"),
        ("[a](https://example.org)", "README.md", "index.md", "[a](https://example.org)"),
        ("```\n[a](tools/x.py)\n```", "README.md", "index.md", "```\n[a](tools/x.py)\n```"),
    ],
)
def test_links_lead_to_pages(
    hooks: ModuleType, text: str, source: str, page: str, turned: str
) -> None:
    pages = {"index.md", "speech.md", "migrating.md"}
    found = hooks.turn_links(text, source, page, lambda path: path if path in pages else None)
    assert found == turned


def test_names_lead_to_the_reference(hooks: ModuleType) -> None:
    text = (
        "# `Stream`\n`Stream` [`Stream`](x.md) `Stream` `Stream.mount`\n```\n`Limits`\n```\n`f(1)`"
    )
    linked = hooks.link_names(text, {"Stream": "core.Stream", "Limits": "core.Limits", "f": "m.f"})
    assert linked == text.replace("\n`Stream`", "\n[`Stream`][core.Stream]").replace(
        "`f(1)`", "[`f(1)`][m.f]"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script src="https://cdn.example.org/x.js"></script>'),
        ("a.html", '<link rel="stylesheet" href="//fonts.googleapis.com/css">'),
        ("a.html", "<img alt='' src=https://example.org/x.png>"),
        ("a.css", "@font-face { src: url(https://example.org/x.woff2) }"),
        ("a.css", '@import "https://example.org/x.css";'),
        ("a.js", 'load("https://unpkg.com/mermaid@11/dist/mermaid.min.js")'),
    ],
)
def test_requests_to_other_hosts_are_seen(
    hooks: ModuleType, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    assert len(list(hooks.requests_elsewhere(tmp_path))) == 1


def test_links_and_own_files_are_no_requests_to_other_hosts(
    hooks: ModuleType, tmp_path: Path
) -> None:
    page = '<a href="https://example.org">x</a><script src="../x.js"></script><img src="data:,">'
    (tmp_path / "a.html").write_text(page)
    assert not list(hooks.requests_elsewhere(tmp_path))


def test_the_checks_need_no_mkdocs(hooks: ModuleType) -> None:
    assert hooks.PAGES
    assert "mkdocs" not in sys.modules
