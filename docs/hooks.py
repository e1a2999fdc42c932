"""Hooks of MkDocs: pages made of other files, links between them, and what a built site must be.

Files outside ``docs`` stay where GitHub shows them, and become pages here. A link that leads to one
of them is turned to its page; one that leads to a file with no page becomes plain text.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

PACKAGES = (
    "fastrtc",
    "fastrtc-core",
    "fastrtc-gradio",
    "fastrtc-stt",
    "fastrtc-telephony",
    "fastrtc-tts",
    "fastrtc-vad",
    "fastrtc-webrtc",
    "fastrtc-websocket",
)

COPIED = {
    "ARCHITECTURE.md": "architecture.md",
    "BENCHMARKS.md": "benchmarks.md",
    "CONTRIBUTING.md": "contributing.md",
    "MIGRATING.md": "migrating.md",
}

PAGES = {
    **COPIED,
    "README.md": "index.md",
    "examples": "examples.md",
    "examples/README.md": "examples.md",
    **{
        f"packages/{package}{page}": f"reference/{package.removeprefix('fastrtc-')}.md"
        for package in PACKAGES
        for page in ("", "/README.md")
    },
}
"""Which file or folder of the repository is which page."""

FENCED = re.compile(r"(^ *```.*?^ *```)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
CODE = re.compile(r"(?<![`\w])`(\w+)(?:\([^`]*\))?`(?!`)")
HEADING_OR_LINK = re.compile(r"(^ *#.*$|\[[^\]]*\]\([^)]*\))", re.MULTILINE)
DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)
EXAMPLE = re.compile(r"`([\w/]+(?:\.py|/))`")

REQUESTS = (
    re.compile(
        r"<(?:script|img|iframe|source|audio|video)\b[^>]*?\ssrc=[\"']?((?:https?:)?//[^\"'\s>]+)"
    ),
    re.compile(r"<link\b(?![^>]*rel=[\"']?canonical)[^>]*?\shref=[\"']?((?:https?:)?//[^\"'\s>]+)"),
    re.compile(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)"),
    re.compile(r"[\"'`](https?://(?:unpkg\.com|cdn\.|cdnjs\.|fonts\.|[\w.]*jsdelivr)[^\"'`]*)"),
)
"""What makes a browser ask another host, in HTML, CSS and JavaScript."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made of other files."""
    from mkdocs.structure.files import File

    pages = {page: _read(source) for source, page in COPIED.items()}
    pages["examples.md"] = _examples()
    pages["changelog.md"] = "".join(_changelogs())
    for page, content in pages.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn links to files of the repository into links to their pages."""
    uri = page.file.src_uri
    source = {page: source for source, page in COPIED.items()}.get(uri, f"docs/{uri}")
    source = {"docs/examples.md": "examples/README.md"}.get(source, source)
    turned = turn_links(markdown, source, uri, files.get_file_from_path)
    return turned if uri.startswith("reference/") else link_names(turned, public_names())


def on_post_build(config: Any) -> None:
    """Refuse a site whose pages would ask other hosts.

    Material's scripts name a host from which they would load what this site has no use for: a
    polyfill for pages opened from disk, and a drawing library. They are told that it is here.
    """
    site = Path(config.site_dir)
    for script in site.glob("assets/javascripts/*.js"):
        text = script.read_text(encoding="utf-8")
        script.write_text(text.replace("https://unpkg.com/", "not-here/"), encoding="utf-8")
    found = [f"{path.relative_to(site)}: {url}" for path, url in requests_elsewhere(site)]
    if found:
        raise SystemExit("pages would ask other hosts:\n" + "\n".join(found))


def turn_links(markdown: str, source: str, page: str, find: Callable[[str], object | None]) -> str:
    """Return the text with links of a file in the repository as links of a page.

    Args:
        markdown: The text.
        source: Path of the file in the repository.
        page: Path of the page in ``docs``.
        find: Returns what there is at a path in ``docs``, or None.

    """

    def turn(match: re.Match[str]) -> str:
        label, target, anchor = match[1], match[2], match[3] or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        path = PAGES.get(path) or PAGES.get(path.rstrip("/")) or path
        path = path.removeprefix("docs/")
        if find(path) is None and not path.startswith("assets/"):
            return label if "`" in label or " " in label else f"`{label}`"
        return f"[{label}]({posixpath.relpath(path, posixpath.dirname(page) or '.')}{anchor})"

    parts = FENCED.split(markdown)
    parts[::2] = [LINK.sub(turn, text) for text in parts[::2]]
    return "".join(parts)


def public_names() -> dict[str, str]:
    """Return where the reference has each public name, but for names that are there twice."""
    found: dict[str, list[str]] = {}
    for page in sorted((ROOT / "docs" / "reference").glob("*.md")):
        if page.name != "testing.md":
            for path in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
                found.setdefault(path.rpartition(".")[2], []).append(path)
    return {name: paths[0] for name, paths in found.items() if len(paths) == 1}


def link_names(markdown: str, names: Mapping[str, str]) -> str:
    """Return the text with the first mention of each public name as a link to the reference."""
    left = dict(names)

    def turn(match: re.Match[str]) -> str:
        path = left.pop(match[1], None)
        return match[0] if path is None else f"[{match[0]}][{path}]"

    parts = FENCED.split(markdown)
    for number in range(0, len(parts), 2):
        pieces = HEADING_OR_LINK.split(parts[number])
        pieces[::2] = [CODE.sub(turn, piece) for piece in pieces[::2]]
        parts[number] = "".join(pieces)
    return "".join(parts)


def requests_elsewhere(site: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of a built site that make a browser ask another host, with the URL."""
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text(encoding="utf-8")
            for url in sorted({url for pattern in REQUESTS for url in pattern.findall(text)}):
                yield path, url


def _read(source: str) -> str:
    return (ROOT / source).read_text(encoding="utf-8")


def _changelogs() -> Iterator[str]:
    yield "# Changelog\n\nEach package has its own versions.\n\n"
    for package in PACKAGES:
        path = ROOT / "packages" / package / "CHANGELOG.md"
        if not path.exists():
            continue
        _, _, text = path.read_text(encoding="utf-8").partition("\n")
        yield f"## {package}\n\n{re.sub('^## ', '### ', text, flags=re.MULTILINE).strip()}\n\n"


def _examples() -> str:
    """Return the list of examples, each with a link to its code below it."""
    code: list[str] = []

    def link(match: re.Match[str]) -> str:
        place = ROOT / "examples" / match[1]
        files = [place] if place.is_file() else [place / "app.py", *sorted(place.glob("*.html"))]
        files = [path for path in files if path.is_file()]
        if not files:
            return match[0]
        ids = [re.sub(r"\W+", "-", str(path.relative_to(ROOT))) for path in files]
        for path, anchor in zip(files, ids, strict=True):
            section = f"## {path.relative_to(ROOT / 'examples')} {{ #{anchor} }}"
            if not any(section in other for other in code):
                language = {".py": "python", ".html": "html"}[path.suffix]
                text = path.read_text(encoding="utf-8")
                code.append(f"{section}\n\n```{language}\n{text}```\n\n")
        return f"[{match[0]}](#{ids[0]})"

    listed = EXAMPLE.sub(link, _read("examples/README.md"))
    return f"{listed}\n\n{''.join(code)}"
