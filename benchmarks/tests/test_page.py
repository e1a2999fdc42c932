from pathlib import Path

from benchmarks.page import renew, renew_part

PART = "<!-- webrtc -->\nold\n<!-- /webrtc -->\n"


def test_a_part_is_put_at_the_end(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n")
    renew_part(page, "webrtc", "new\n")
    assert page.read_text() == "# Page\n\n<!-- webrtc -->\nnew\n<!-- /webrtc -->\n"


def test_a_part_is_replaced_where_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{PART}\nafter\n")
    renew_part(page, "webrtc", "new")
    assert page.read_text() == "before\n\n<!-- webrtc -->\nnew\n<!-- /webrtc -->\n\nafter\n"


def test_the_rest_is_renewed_and_parts_stay(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Old\n\n{PART}")
    renew(page, "# New\n")
    assert page.read_text() == f"# New\n\n{PART}"


def test_a_page_that_is_not_there_is_made(tmp_path: Path) -> None:
    renew(tmp_path / "one.md", "# New\n")
    renew_part(tmp_path / "two.md", "webrtc", "new")
    assert (tmp_path / "one.md").read_text() == "# New\n"
    assert (tmp_path / "two.md").read_text() == "<!-- webrtc -->\nnew\n<!-- /webrtc -->\n"
