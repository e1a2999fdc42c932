from pathlib import Path

import pytest
from benchmarks.catalogue import Row, Share
from benchmarks.findings import Findings
from benchmarks.report import Sheet, markdown, started
from benchmarks.subjects import Contestant

OURS, ONE, OTHER = (
    Contestant(key, key, "module", lambda: Path("python")) for key in ("ours", "one", "other")
)
ROW = Row("cpu", "Processor", "%", at_most_of=Share("cpu", ("one", "other"), 0.8, "of the better"))


@pytest.mark.parametrize(
    ("cells", "met"),
    [
        ({"ours": 4.0, "one": 5.0, "other": 9.0}, "yes"),
        ({"ours": 4.1, "one": 9.0, "other": 5.0}, "no"),
        ({"ours": 4.0, "one": "failed", "other": 5.0}, "yes"),
        ({"ours": 4.0, "one": "failed"}, "unknown"),
        ({"ours": "failed", "one": 5.0}, "no"),
    ],
)
def test_a_target_is_a_share_of_the_better(
    tmp_path: Path, cells: dict[str, float | str], met: str
) -> None:
    misses = tmp_path / "misses.md"
    misses.write_text("")
    sheet = Sheet("Title", [ROW], [OURS, ONE, OTHER], frozenset({"ours"}), misses, "")
    results = started("command", {})
    for subject in (OURS, ONE, OTHER):
        if subject.key in cells:
            results.add("probe", subject, Findings({"cpu": cells[subject.key]}))
    assert f"| {met} |" in markdown(results, sheet)
