import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import fastrtc
import fastrtc_core
import fastrtc_vad


def loaded_by(code: str) -> set[str]:
    code = f"import sys\n{code}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {name for name in run.stdout.split() if name.startswith("fastrtc_") and "." not in name}


def test_a_part_is_imported_when_a_name_of_it_is_used() -> None:
    assert loaded_by("import fastrtc") == set()
    assert loaded_by("from fastrtc import Stream") == {"fastrtc_core"}
    assert loaded_by("from fastrtc import AlgoOptions") == {"fastrtc_core", "fastrtc_vad"}


def test_a_missing_part_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fastrtc._WHERE, "Fly", "fastrtc_wings")
    with pytest.raises(ImportError, match=r"^fastrtc\.Fly needs .* pip install fastrtc-wings$"):
        fastrtc.Fly  # noqa: B018 - the access is what is tested


def test_what_a_part_itself_misses_is_named_instead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fastrtc_wings.py").write_text("import feathers_that_are_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(fastrtc._WHERE, "Fly", "fastrtc_wings")
    with pytest.raises(ModuleNotFoundError, match="feathers_that_are_not_there"):
        fastrtc.Fly  # noqa: B018 - the access is what is tested


def test_type_checkers_see_the_names_that_are_there() -> None:
    tree = ast.parse(Path(fastrtc.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (node.module, alias.name, alias.asname)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {(module, name, name) for name, module in fastrtc._WHERE.items()}
    for name, module in fastrtc._WHERE.items():
        assert getattr(fastrtc, name) is getattr(import_module(module), name)


@pytest.mark.parametrize("part", [fastrtc_core, fastrtc_vad])
def test_all_names_of_a_part_are_there(part: object) -> None:
    assert set(getattr(part, "__all__")) <= set(dir(fastrtc))  # noqa: B009 - not typed on modules


def test_other_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Fly'"):
        fastrtc.Fly  # noqa: B018 - the access is what is tested
