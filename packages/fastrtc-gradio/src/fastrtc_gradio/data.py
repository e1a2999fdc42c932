"""What reply functions get of the variant ``textbox``: text that was typed, or sound."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.handlers import TurnInput


@dataclass(slots=True)
class WebRTCData:
    """One turn of a person who may type or talk; also the component's value in that variant."""

    webrtc_id: str
    """Id of the session; empty before one has begun."""

    textbox: str = ""
    """What was typed; empty where it was spoken."""

    audio: tuple[int, NDArray[np.int16]] | None = None
    """What was said: Hz, and int16 shaped ``(1, samples)``; None where it was typed."""


class Typed(TurnInput):
    """Text on its way to a reply function, which gets it once.

    Args:
        webrtc_id: Id of the session.
        text: What was typed.

    """

    def __init__(self, webrtc_id: str, text: str = "") -> None:
        self._webrtc_id = webrtc_id
        self._text = text

    def of_turn(self, audio: tuple[int, NDArray[np.int16]]) -> WebRTCData:
        """Return what was typed, and what was said from the second time on."""
        text, self._text = self._text, ""
        said = None if text or audio[1].size == 0 else audio
        return WebRTCData(self._webrtc_id, text, said)
