from pathlib import Path

import pytest

from fastrtc_core.testing import check_import


async def test_a_module_that_keeps_the_rules() -> None:
    report = await check_import("json", seconds=5.0, forbidden=("numpy",))
    report.raise_for_failures()
    assert str(report).startswith("import json: 3 of 3 rules kept")


async def test_each_broken_rule_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_one.py").write_text("import time, xml.dom\ntime.sleep(0.2)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report = await check_import("slow_one", seconds=0.1, forbidden=("xml", "torch"))
    told = [failure.failure for failure in report.failures]
    assert told[0] is not None
    assert told[0].startswith("it takes 0.2")
    assert told[1] == "it loads xml"


async def test_a_module_that_is_not_there() -> None:
    report = await check_import("no_such_module")
    assert len(report.failures) == 3
    assert "No module named 'no_such_module'" in str(report)
