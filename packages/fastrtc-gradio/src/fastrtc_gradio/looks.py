"""How a component looks: checked where it is set, and told to the page as one object."""

import base64
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from fastrtc_core.messages import JSON

Variant = Literal["wave", "textbox"]

LARGEST_ICON: Final = 512 * 1024
"""Bytes of an icon's file: it travels inside the page."""

ICON_TYPES: Final = ("image/jpeg", "image/png", "image/svg+xml", "image/webp")

BUTTON_LABELS: Final = {"start": "Start", "stop": "Stop", "waiting": "Connecting"}

_OF_TEXTBOX: Final = {"textbox": {"start": "Talk"}}
"""Other words where the button is not what begins: people may type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Looks of one component; sizes in pixels where they are numbers, else in CSS units.

    Raises:
        ValueError: Something can't be shown: the text says what.

    """

    variant: Variant = "wave"
    height: int | str | None = None
    width: int | str | None = None
    full_screen: bool = True
    mirror_webcam: bool = True
    icon: str | None = None
    icon_button_color: str | None = None
    pulse_color: str | None = None
    icon_radius: int | None = None
    button_labels: Mapping[str, str] = field(default_factory=dict)
    interactive: bool = True

    def __post_init__(self) -> None:
        if self.variant not in ("wave", "textbox"):
            raise ValueError(f"variant must be wave or textbox, not {self.variant!r}")
        for name in ("height", "width"):
            value = getattr(self, name)
            if isinstance(value, int | float) and not value > 0:
                raise ValueError(f"{name} must be positive, not {value!r}")
        if self.icon_radius is not None and not 0 <= self.icon_radius <= 50:
            raise ValueError(f"icon_radius is a percentage from 0 to 50, not {self.icon_radius!r}")
        unknown = set(self.button_labels) - set(BUTTON_LABELS)
        if unknown:
            raise ValueError(
                f"button_labels are start, stop and waiting; not {', '.join(sorted(unknown))}"
            )

    @property
    def _camera(self) -> dict[str, JSON]:
        """What the camera is asked for where the stream asks for nothing."""
        width, height = (1280, 720) if self.full_screen else (500, 500)
        return {
            "facingMode": "user",
            "width": {"ideal": width},
            "height": {"ideal": height},
            "frameRate": {"ideal": 30},
        }

    def for_page(self) -> dict[str, JSON]:
        """Return what the page's ``panel.js`` takes."""
        given = {key: text for key, text in self.button_labels.items() if text}
        return {
            "variant": self.variant,
            "camera": self._camera,
            "height": css_length(self.height),
            "width": css_length(self.width),
            "fullScreen": self.full_screen,
            "mirror": self.mirror_webcam,
            "icon": None if self.icon is None else icon_url(self.icon),
            "iconButtonColor": self.icon_button_color,
            "pulseColor": self.pulse_color,
            "iconRadius": None if self.icon_radius is None else f"{self.icon_radius}%",
            "labels": {**BUTTON_LABELS, **_OF_TEXTBOX.get(self.variant, {}), **given},
            "interactive": self.interactive,
        }


def css_length(value: int | str | None) -> str | None:
    """Return a length for CSS: numbers are pixels."""
    return f"{value}px" if isinstance(value, int | float) else value


def icon_url(icon: str) -> str:
    """Return the URL of an image: a URL as it is, a file as a ``data:`` URL.

    Raises:
        ValueError: The file is missing, too large, or no image that browsers show.

    """
    if icon.startswith(("http://", "https://", "data:")):
        return icon
    path = Path(icon)
    if not path.is_file():
        raise ValueError(f"icon is neither a URL nor a file: {icon!r}")
    media_type, _ = mimetypes.guess_type(path.name)
    if media_type not in ICON_TYPES:
        raise ValueError(f"icon must be an svg, png, jpeg or webp image, not {icon!r}")
    content = path.read_bytes()
    if len(content) > LARGEST_ICON:
        raise ValueError(f"icon is larger than {LARGEST_ICON} bytes: {icon!r}")
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
