"""The shape of the repository, where no other tool looks at it."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
MEMBERS = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
PROJECTS: dict[str, dict[str, Any]] = {
    member.name: tomllib.loads((member / "pyproject.toml").read_text())["project"]
    for member in MEMBERS
}
FACADE = "fastrtc"
BELOW = {"fastrtc-gradio": {"fastrtc-webrtc"}}  # beside the core
MOST_LINES = 500
IMPORTED_AS = {"pyjwt": "jwt"}
# Of extras, what the gate does not install: PyTorch and a tunnel's package are large, a microphone
# needs PortAudio, and whatever runs the tests is newer than the oldest pytest.
NOT_TRIED = {"gradio", "kokoro", "misaki", "pytest", "silero-vad", "sounddevice", "torch"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
CORE_MAY_IMPORT = sys.stdlib_module_names | {"fastrtc_core", "numpy"}
# What an extra brings is imported inside the function that needs it.
CORE_MAY_IMPORT_LATE = CORE_MAY_IMPORT | {"av", "huggingface_hub", "tqdm"}
NOT_LOADED_BY = {
    "fastrtc_core": {"aiortc", "av", "onnxruntime", "starlette", "torch", "uvicorn", "websockets"},
    "fastrtc_gradio": {"aiortc", "av", "fastrtc_vad", "fastrtc_webrtc", "onnxruntime", "torch"},
    "fastrtc_stt": {
        "av",
        "huggingface_hub",
        "moonshine_onnx",
        "moonshine_voice",
        "onnxruntime",
        "pocketsphinx",
        "tokenizers",
        "torch",
    },
    "fastrtc_telephony": {"aiortc", "av", "cryptography", "httpx", "jwt", "twilio", "websockets"},
    "fastrtc_tts": {"av", "httpx", "kokoro_onnx", "onnxruntime", "torch", "websockets"},
    "fastrtc_vad": {"aiortc", "av", "starlette", "torch", "uvicorn", "websockets"},
    "fastrtc_webrtc": {"httpx", "onnxruntime", "torch", "twilio", "uvicorn", "websockets"},
    "fastrtc_websocket": {"aiortc", "av", "onnxruntime", "torch", "uvicorn"},
    "fastrtc": {
        "fastrtc_core",
        "fastrtc_gradio",
        "fastrtc_stt",
        "fastrtc_telephony",
        "fastrtc_tts",
        "fastrtc_vad",
        "fastrtc_webrtc",
        "fastrtc_websocket",
        "gradio",
        "numpy",
    },
}

each_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)


def import_name(member: Path) -> str:
    return member.name.replace("-", "_")


def python_files() -> list[Path]:
    folders = ("benchmarks", "examples", "packages", "scripts", "tests", "tools")
    return [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    ]


def imported_roots(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the top-level name of every import in a tree."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name.partition(".")[0]) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module.partition(".")[0]


def requirements(project: dict[str, Any]) -> list[Requirement]:
    extras: dict[str, list[str]] = project.get("optional-dependencies", {})
    return [
        Requirement(line) for group in (project["dependencies"], *extras.values()) for line in group
    ]


def tried_in_its_oldest_version(member: str) -> Iterator[str]:
    """Yield what a member is tested with in `hatch.toml`, where the oldest versions are taken."""
    environments = tomllib.loads((ROOT / "hatch.toml").read_text())["envs"]
    part = member.removeprefix("fastrtc-")
    if member == FACADE:  # with all that others depend on
        yield from environments["default"]["dependencies"]
        yield from (line for project in PROJECTS.values() for line in project["dependencies"])
    elif part == "core":
        yield from environments["core-extras"]["extra-dependencies"]
    else:
        overrides = environments["alone"]["overrides"]["matrix"]["part"]["dependencies"]
        yield from (line["value"] for line in overrides if part in line["if"])


def test_core_imports_numpy_and_the_standard_library() -> None:
    for path in (ROOT / "packages/fastrtc-core/src/fastrtc_core").rglob("*.py"):
        tree = ast.parse(path.read_text())
        functions = (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS))
        late = {line for function in functions for line, _ in imported_roots(function)}
        for line, name in imported_roots(tree):
            allowed = CORE_MAY_IMPORT_LATE if line in late else CORE_MAY_IMPORT
            assert name in allowed, f"{path.name}:{line} imports {name}"


@pytest.mark.parametrize("package", sorted(NOT_LOADED_BY))
def test_import_loads_only_what_it_may(package: str) -> None:
    code = f"import sys, {package}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert package in loaded
    assert not NOT_LOADED_BY[package] & set(loaded)


@each_member
def test_members_need_only_what_is_below_them_at_its_present_version(member: Path) -> None:
    for requirement in requirements(PROJECTS[member.name]):
        if requirement.name not in PROJECTS:
            assert requirement.specifier, f"{requirement} has no lower bound"
            continue
        below = {"fastrtc-core", *BELOW.get(member.name, ())}
        assert member.name == FACADE or requirement.name in below, str(requirement)
        version = PROJECTS[requirement.name]["version"]
        assert requirement.specifier.contains(version, prereleases=True), str(requirement)


@each_member
def test_the_oldest_of_what_extras_bring_is_tried(member: Path) -> None:
    tried = {need.name: need for need in map(Requirement, tried_in_its_oldest_version(member.name))}
    extras: dict[str, list[str]] = PROJECTS[member.name].get("optional-dependencies", {})
    for need in (Requirement(line) for lines in extras.values() for line in lines):
        if need.name in NOT_TRIED or need.name in PROJECTS:
            continue
        assert need.name in tried, f"hatch.toml does not try {need}"
        assert need.specifier == tried[need.name].specifier, f"{need}, but {tried[need.name]} tried"


@each_member
def test_member_declares_what_it_imports(member: Path) -> None:
    names = [need.name for need in requirements(PROJECTS[member.name])]
    declared = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}
    allowed = sys.stdlib_module_names | declared | {import_name(member)}
    if member.name == FACADE:  # whatever is installed; the extras name the parts
        allowed |= {import_name(other) for other in MEMBERS}
    for path in (member / "src").rglob("*.py"):
        for line, name in imported_roots(ast.parse(path.read_text())):
            assert name in allowed, f"{path.name}:{line} imports {name}, which is not declared"


@each_member
def test_member_is_complete(member: Path) -> None:
    for name in ("README.md", "CHANGELOG.md", "LICENSE"):
        assert (member / name).read_text().strip(), f"{name} is empty"
    assert (member / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (member / "src" / import_name(member) / "py.typed").exists()
    assert PROJECTS[member.name]["name"] == member.name


@each_member
def test_version_is_the_same_everywhere(member: Path) -> None:
    version = PROJECTS[member.name]["version"]
    assert f"## {version}" in (member / "CHANGELOG.md").read_text()
    package = import_module(import_name(member))
    assert getattr(package, "__version__", version) == version


@each_member
def test_public_names_exist_and_are_listed_once(member: Path) -> None:
    package = import_module(import_name(member))
    if member.name == FACADE:  # its names depend on what is installed, so `import *` is no use
        assert not hasattr(package, "__all__")
        return
    assert len(set(package.__all__)) == len(package.__all__)
    missing = [name for name in package.__all__ if not hasattr(package, name)]
    assert not missing


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in python_files()}
    too_long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > MOST_LINES}
    assert not too_long


def test_test_folders_are_no_packages() -> None:
    found = list(ROOT.glob("packages/*/tests/**/__init__.py"))
    assert not found, "two packages' tests of the same name would clash"


def test_the_facade_can_install_every_part() -> None:
    extras: dict[str, list[str]] = PROJECTS[FACADE]["optional-dependencies"]
    parts = {name.removeprefix("fastrtc-") for name in PROJECTS} - {FACADE, "core"}
    # The documented name of two parts, and what the command line can use.
    assert parts == set(extras) - {"all", "stopword", "microphone"}
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == parts
