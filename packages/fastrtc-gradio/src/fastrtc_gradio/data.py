"""What reply functions get of the variant ``textbox``: text that was typed, or sound."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class WebRTCData:
    """One turn of a person who may type or talk; also the component's value in that variant."""

    webrtc_id: str
    """Id of the session; empty before one has begun."""

    textbox: str = ""
    """What was typed; empty where it was spoken."""

    audio: tuple[int, NDArray[np.int16]] | None = None
    """What was said: Hz, and int16 shaped ``(1, samples)``; None where it was typed."""


class Typed:
    """Text on its way to a reply function, which gets it once.

    Args:
        text: What was typed.

    """

    def __init__(self, text: str) -> None:
        self._text = text

    def take(self) -> str:
        """Return the text, and nothing from the second time on."""
        text, self._text = self._text, ""
        return text
