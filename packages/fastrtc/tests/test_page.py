import re
from html.parser import HTMLParser
from importlib.resources import files

import httpx
import pytest
from starlette.applications import Starlette

from fastrtc.page import page_routes
from fastrtc_core import plugins

FILES = sorted(file.name for file in files("fastrtc").joinpath("page_files").iterdir())
TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
}


def browser(path: str = "") -> httpx.AsyncClient:
    app = Starlette(routes=page_routes(path))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server")


class Links(HTMLParser):
    """Collects what a page loads, and whether anything of it is inline."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [link for name in ("src", "href") if (link := found.get(name))]
        self.inline += [name for name in found if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in found):
            self.inline.append(tag)


@pytest.mark.parametrize("name", FILES)
async def test_every_file_is_served_as_what_it_is(name: str) -> None:
    async with browser() as client:
        answer = await client.get(f"/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == TYPES[name.rpartition(".")[2]]
    assert answer.text


async def test_the_page_is_allowed_nothing_from_elsewhere() -> None:
    async with browser() as client:
        answer = await client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert not re.search(r"unsafe|https?:|\*", policy)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for device in ("camera", "display-capture", "microphone"):
        assert f"{device}=(self)" in answer.headers["permissions-policy"]


@pytest.mark.parametrize("path", ["", "/voice"])
async def test_the_page_finds_its_files_below_any_path(path: str) -> None:
    async with browser(path) as client:
        page = await client.get(f"{path}/")
        links = Links(page.text)
        assert links.links
        for link in links.links:
            assert (await client.get(str(page.url.join(link)))).status_code == 200, link
    assert not links.inline


@pytest.mark.parametrize("path", ["", "/voice"])
async def test_the_page_is_told_what_is_installed(path: str) -> None:
    async with browser(path) as client:
        answer = await client.get(f"{path}/transports.json")
    assert answer.json() == plugins.names("fastrtc.transports")
    assert answer.headers["cache-control"] == "no-store"


async def test_other_files_are_not_served() -> None:
    async with browser() as client:
        for name in ("page.py", "../page.py", "%2e%2e/page.py", "nothing.js"):
            assert (await client.get(f"/{name}")).status_code == 404
