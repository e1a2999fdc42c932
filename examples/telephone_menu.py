"""A menu by the telephone's keys: 1 for one tune, 2 for another, 0 for somebody else, # to end.

Pressing a key stops what is heard. Needs ``fastrtc-core fastrtc-telephony[server]``; with
``fastrtc-telephony[twilio]`` and an account, 0 transfers the call to ``OPERATOR``.
"""

import os

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc_core import (
    AsyncStreamHandler,
    CloseStream,
    DigitPressed,
    EmitType,
    Event,
    Session,
    Stream,
)
from fastrtc_telephony import CallControlError, ConfigurationError, call_of

RATE = 8000
OPERATOR = os.environ.get("OPERATOR", "+14155550123")
TUNES = {"1": (523, 659, 784, 1047), "2": (440, 523, 659, 880)}


def tune(notes: tuple[int, ...], seconds: float = 0.4) -> tuple[int, NDArray[np.int16]]:
    """Return notes one after another."""
    times = np.arange(round(RATE * seconds)) / RATE
    sound = [8000 * np.sin(2 * np.pi * hertz * times) for hertz in notes]
    return RATE, np.concatenate(sound).astype(np.int16).reshape(1, -1)


class Menu(AsyncStreamHandler):
    """Plays a tone to begin with, and listens to keys only."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)

    def copy(self) -> "Menu":
        return Menu()

    async def start_up(self) -> None:
        self.session.say(tune((880,)))

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        """Pay no attention to what is said."""

    async def emit(self) -> EmitType:
        return None


async def choose(session: Session, event: Event) -> None:
    """Do what the key says."""
    if not isinstance(event, DigitPressed):
        return
    session.interrupt()
    if event.digit in TUNES:
        session.say(tune(TUNES[event.digit]))
    elif event.digit == "#":
        session.say(iter([tune((440, 330)), CloseStream("goodbye")]))
    elif event.digit == "0" and (call := call_of(session)) is not None:
        try:
            await call.transfer(OPERATOR)
        except (CallControlError, ConfigurationError) as error:
            print(f"not transferred: {error}", flush=True)
            session.say(tune((200, 200)))


stream = Stream(Menu(), modality="audio", mode="send-receive", on_event=choose)
app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
