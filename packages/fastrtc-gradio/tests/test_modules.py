import re
from importlib.resources import files

import pytest

from fastrtc_gradio import modules as module
from fastrtc_gradio.modules import component_file, modules


def test_every_module_comes_after_those_it_imports() -> None:
    seen: set[str] = set()
    for name, text in modules():
        assert set(re.findall(r'from "\./([^"]+)"', text)) <= seen
        seen.add(name)
    assert list(dict(modules()))[-1] == "panel.js"


def test_nothing_is_left_over() -> None:
    own = {file.name for file in files("fastrtc_gradio").joinpath("component_files").iterdir()}
    assert own - set(dict(modules())) == {"view.css", "view.html", "view.js"}


def test_a_circle_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"panel.js": 'import { a } from "./a.js";', "a.js": 'import { b } from "./panel.js";'}
    monkeypatch.setattr(module, "_texts", lambda: texts)
    with pytest.raises(ValueError, match=r"panel.js -> a.js -> panel.js"):
        modules.__wrapped__()


@pytest.mark.parametrize("name", ["view.html", "view.css"])
def test_templates_have_nothing_that_gradio_would_evaluate(name: str) -> None:
    text = component_file(name)
    assert not re.search(r"\$\{|\{\{|`|\\", text)


def test_files_are_small_and_readable() -> None:
    folder = files("fastrtc_gradio").joinpath("component_files")
    texts = [file.read_text("utf-8") for file in folder.iterdir()]
    assert sum(map(len, texts)) < 50_000
    assert max(len(line) for text in texts for line in text.splitlines()) < 300
