import base64
from pathlib import Path
from typing import Any

import pytest

from fastrtc_gradio.looks import LARGEST_ICON, Looks, css_length, icon_url


@pytest.mark.parametrize(
    ("given", "wanted"), [(None, None), (300, "300px"), ("50vh", "50vh"), (12.5, "12.5px")]
)
def test_lengths(given: Any, wanted: str | None) -> None:
    assert css_length(given) == wanted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variant": "circle"}, "wave or textbox, not 'circle'"),
        ({"height": 0}, "height must be positive, not 0"),
        ({"width": -5}, "width must be positive, not -5"),
        ({"icon_radius": 60}, "percentage from 0 to 50, not 60"),
        ({"button_labels": {"begin": "Go"}}, "start, stop and waiting; not begin"),
    ],
)
def test_what_cannot_be_shown(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Looks(**options)


def test_labels_have_defaults() -> None:
    labels = Looks(button_labels={"start": "Talk", "stop": ""}).for_page()["labels"]
    assert labels == {"start": "Talk", "stop": "Stop", "waiting": "Connecting"}


def test_who_may_type_is_asked_to_talk() -> None:
    labels: Any = Looks(variant="textbox").for_page()["labels"]
    assert labels["start"] == "Talk"


@pytest.mark.parametrize(("full_screen", "width"), [(True, 1280), (False, 500)])
def test_the_camera_is_asked_for_what_can_be_shown(full_screen: bool, width: int) -> None:
    camera: Any = Looks(full_screen=full_screen).for_page()["camera"]
    assert camera["width"] == {"ideal": width}
    assert camera["facingMode"] == "user"


@pytest.mark.parametrize("url", ["https://example.org/a.png", "data:image/png;base64,AAAA"])
def test_urls_stay_as_they_are(url: str) -> None:
    assert icon_url(url) == url


def test_a_file_travels_in_the_page(tmp_path: Path) -> None:
    icon = tmp_path / "phone.svg"
    icon.write_text("<svg/>")
    head, _, content = icon_url(str(icon)).partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(content) == b"<svg/>"


def test_icons_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"neither a URL nor a file: 'missing.png'"):
        icon_url("missing.png")
    text = tmp_path / "icon.txt"
    text.write_text("no image")
    with pytest.raises(ValueError, match="svg, png, jpeg or webp"):
        icon_url(str(text))
    large = tmp_path / "large.png"
    large.write_bytes(bytes(LARGEST_ICON + 1))
    with pytest.raises(ValueError, match="larger than"):
        icon_url(str(large))
