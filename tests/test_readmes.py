"""What pages show works: Python runs, commands exist, JavaScript and data are read, links lead on.

Pages are the READMEs, the other Markdown of the root, and what is in ``docs``.
"""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import pytest
import uvicorn

import fastrtc.cli
import fastrtc.demo

ROOT = Path(__file__).parents[1]
RUNNER = Path(__file__).parent / "programs" / "run_page.py"
GUARD = 120  # seconds for a page

PAGES = sorted(
    path
    for pattern in ("*.md", "packages/*/README.md", "docs/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
FENCED = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
TITLE = re.compile(r'title="([^"]+)"')
CHECKED = {"html", "ini", "js", "json", "nginx", "python", "sh", "text", "toml", "xml", ""}
"""`text` and nothing at all are what programs print; `ini` and `nginx` are other programs'."""

NOT_OURS = {
    *("VPC", "SECRET", "SUBNET", "apt-get", "aws", "cd", "docker", "export", "git"),
    *("openssl", "pre-commit", "pytest", "sudo", "turnutils_stunclient", "turnutils_uclient"),
}
"""What else a shell is asked for; only its syntax is looked at."""


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    title: str | None
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCED.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        title = TITLE.search(found["info"])
        code = dedent(found["code"])
        yield Block(page, line, found["language"], title and title[1], code)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def blocks_in(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def test_there_is_something_to_check() -> None:
    assert len(PAGES) > 30
    assert all(len(blocks_in(language)) > 1 for language in ("python", "sh", "js", "json"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_fence_is_of_a_kind_that_is_checked(page: Path) -> None:
    blocks = list(blocks_of(page))
    assert not {block.language for block in blocks} - CHECKED
    fences = re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks)


# Python

Runs = dict[Path, "Future[subprocess.CompletedProcess[str]]"]


def run_page(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a page's blocks in a process of their own, in a folder with the files that it shows."""
    blocks = list(blocks_of(page))
    given = {
        "name": str(page.relative_to(ROOT)),
        "files": {block.title: block.code for block in blocks if block.title},
        "blocks": [
            {"code": block.code, "line": block.line}
            for block in blocks
            if block.language == "python"
        ],
    }
    return subprocess.run(
        [sys.executable, "-W", "error", str(RUNNER)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=GUARD,
    )


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    """Run the pages that are asked for, two at a time: they mostly wait."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    asked = [
        Path(str(item.callspec.params["page"])) for item in items if item.originalname == PYTHON
    ]
    with ThreadPoolExecutor(2) as pool:
        yield {page: pool.submit(run_page, page, tmp_path_factory.mktemp("page")) for page in asked}
        pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(2 * GUARD)
@pytest.mark.parametrize(
    "page",
    sorted({block.page for block in blocks_in("python")}),
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_python_runs(page: Path, runs: Runs, require: Callable[[str], str]) -> None:
    if any('"espeak"' in block.code for block in blocks_of(page)):
        require("espeak-ng")
    run = runs[page].result()
    assert run.returncode == 0, run.stderr


PYTHON = test_python_runs.__name__


# Commands


def commands_of(block: Block) -> Iterator[list[str]]:
    """Yield the words of each command of a shell script, without comments."""
    for line in block.code.replace("\\\n", " ").splitlines():
        for command in line.split("&&"):
            if words := shlex.split(re.sub(r"\$\([^)]*\)", "X", command), comments=True):
                yield words


SHELL = [
    pytest.param(words, id=f"{block}-{number}")
    for block in blocks_in("sh")
    for number, words in enumerate(commands_of(block))
]


@pytest.mark.parametrize("block", blocks_in("sh"), ids=str)
def test_shell_is_read(block: Block, require: Callable[[str], str]) -> None:
    run = subprocess.run(
        [require("sh"), "-n"], input=block.code, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("words", SHELL)
def test_command_exists(words: list[str]) -> None:
    program, *arguments = words
    check = PROGRAMS.get(program)
    if check is not None:
        check(arguments)
    else:
        assert program.partition("=")[0] in NOT_OURS, f"what is {program}?"


def check_fastrtc(arguments: list[str]) -> None:
    if arguments not in (["--help"], ["--version"]):
        fastrtc.cli._parser().parse_args(arguments)


def check_demo(arguments: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fastrtc.demo, "run", lambda command, options: 0)
        assert fastrtc.demo.main(arguments) == 0


def check_script(arguments: list[str]) -> None:
    script, *rest = arguments
    assert (ROOT / script).is_file()
    if script == "scripts/demo":
        check_demo(rest)


def check_python(arguments: list[str]) -> None:
    if arguments[:2] == ["-m", "fastrtc.demo"]:
        check_demo(arguments[2:])
    elif arguments[:2] == ["-m", "pip"]:
        check_pip(arguments[2:])
    elif arguments[0] == "-m":
        assert (ROOT / arguments[1].replace(".", "/")).is_dir()
    else:
        assert (ROOT / arguments[0]).is_file()


def check_pip(arguments: list[str]) -> None:
    """Packages of ours have the extras that are asked for."""
    assert arguments[0] == "install"
    for wanted in arguments[1:]:
        found = re.fullmatch(r"(?:\./packages/)?(fastrtc(?:-\w+)?)(?:\[([\w,-]+)\])?", wanted)
        if found is None:
            assert not wanted.startswith(("fastrtc", "./packages/")), wanted
            continue
        path = ROOT / "packages" / found[1] / "pyproject.toml"
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        extras = set(found[2].split(",")) if found[2] else set()
        assert extras <= set(project.get("optional-dependencies", {})), wanted


def check_hatch(arguments: list[str]) -> None:
    environments = tomllib.loads((ROOT / "hatch.toml").read_text(encoding="utf-8"))["envs"]
    action, *rest = arguments
    if action == "run":
        environment, _, script = rest[0].rpartition(":")
        assert script in environments[environment or "default"]["scripts"], rest[0]
    else:
        assert action in {"build", "env", "publish", "version"}


def check_uvicorn(arguments: list[str]) -> None:
    uvicorn.main.make_context("uvicorn", list(arguments))


def check_bash(arguments: list[str]) -> None:
    assert (ROOT / arguments[0]).is_file()


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "bash": check_bash,
    "fastrtc": check_fastrtc,
    "hatch": check_hatch,
    "pip": check_pip,
    "python": check_python,
    "sh": check_script,
    "uvicorn": check_uvicorn,
}


# Other languages


class Scripts(HTMLParser):
    """Gathers the scripts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts.append(data)


@pytest.mark.parametrize("block", blocks_in("html", "js"), ids=str)
def test_javascript_is_read(block: Block, require: Callable[[str], str], tmp_path: Path) -> None:
    scripts = [block.code]
    if block.language == "html":
        parser = Scripts()
        parser.feed(block.code)
        scripts = parser.scripts
    for number, script in enumerate(scripts):
        module = tmp_path / f"{number}.mjs"
        module.write_text(script, encoding="utf-8")
        run = subprocess.run(
            [require("node"), "--check", str(module)], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr


PARSERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "xml": ElementTree.fromstring,
}


@pytest.mark.parametrize("block", blocks_in(*PARSERS), ids=str)
def test_data_is_read(block: Block) -> None:
    assert PARSERS[block.language](block.code) is not None


# Links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    made = {"docs/examples.md", "docs/migrating.md"}  # of other files, when the site is built
    missing = [
        link
        for link in links
        if not (page.parent / link).exists()
        and str((page.parent / link).resolve().relative_to(ROOT)) not in made
    ]
    assert not missing
