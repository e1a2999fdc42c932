import pytest
from benchmarks.gradio.probes.page import figures
from benchmarks.gradio.probes.wire import in_page
from benchmarks.gradio.traffic import Traffic

HERE = "http://127.0.0.1:7860"


def test_a_visit_without_sound_counts_as_one_and_has_no_times() -> None:
    first = [
        {"pressed": 500.0, "sound": 700.0},
        {"pressed": 9000.0},
        {"pressed": 600.0, "sound": 900.0},
    ]
    cells = figures(first, [{"pressed": 200.0, "sound": 400.0}])
    assert cells == {
        "page.heard": 75.0,
        "page.p50": 800.0,
        "page.max": 900.0,
        "page.usable": 550.0,
        "page.pressed.p50": 250.0,
        "page.pressed.max": 300.0,
        "page.again": 400.0,
    }


def test_nothing_heard_is_no_figure() -> None:
    assert figures([{"pressed": 500.0}], [{}]) == {"page.heard": 0.0}


@pytest.fixture
def traffic() -> Traffic:
    found = Traffic()
    for key, url, size in [
        ("1", f"{HERE}/", 1000),
        ("2", f"{HERE}/gradio_api/component_server/", 200),
        ("3", "https://fonts.example/css", 30),
        ("4", f"blob:{HERE}/1b4e28ba", 4),
        ("5", "data:image/svg+xml,%3csvg/%3e", 5),
    ]:
        found.asked({"requestId": key, "request": {"url": url}})
        found.answered({"requestId": key, "encodedDataLength": size})
    return found


def test_what_stays_in_the_browser_is_no_request(traffic: Traffic) -> None:
    assert traffic.outside == ["https://fonts.example/css"]
    assert traffic.to_server == [f"{HERE}/", f"{HERE}/gradio_api/component_server/"]
    assert traffic.size() == 1230
    assert traffic.size("component_server", "custom_component") == 200


def test_an_answer_to_what_was_asked_before_is_left_out(traffic: Traffic) -> None:
    traffic.answered({"requestId": "0", "encodedDataLength": 7})
    assert traffic.size() == 1230


@pytest.mark.parametrize("props", [{"modality": "audio"}, {"options": {"modality": "audio"}}])
def test_a_component_in_the_page_is_known_by_its_modality(props: dict[str, object]) -> None:
    config = {"components": [{"props": {"value": "é"}}, {"props": {"options": None}}]}
    assert in_page(config) == 0
    config["components"].append({"props": {**props, "value": "é"}})
    assert in_page(config) == len(str({**props, "value": "é"}).encode())
