"""The microphone and loudspeaker of this machine, for a telephone call."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastrtc.terminal import CommandError, write

if TYPE_CHECKING:
    from fastrtc_telephony.testing import Phone

BLOCK: Final = 0.02
"""Seconds of sound that the device gives and takes at once."""


async def talk(phone: "Phone") -> None:
    """Talk and listen until the server ends the call, or Ctrl-C.

    Raises:
        CommandError: There is no sound device, or what speaks to it is not installed.

    """
    loop = asyncio.get_running_loop()

    def exchange(heard: Any, played: Any, frames: int, time: Any, status: Any) -> None:
        """Take a block from the microphone, and give one to the loudspeaker; in its own thread."""
        loop.call_soon_threadsafe(phone.feed, np.array(heard[:, 0], np.int16))
        now = phone.now
        newest = phone.ear.window(max(0.0, now - 2 * frames / phone.rate), now)[-frames:]
        played[:] = 0
        played[frames - newest.size :, 0] = newest

    with _device(phone.rate, exchange):
        write("You are on the telephone; Ctrl-C hangs up.")
        try:
            await phone.over.wait()
        except asyncio.CancelledError:  # Ctrl-C: what was heard is still to be written
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()


def _device(rate: int, exchange: Any) -> Any:
    try:
        import sounddevice
    except ImportError:
        raise CommandError(
            "a microphone needs sounddevice, which is not installed: "
            'pip install "fastrtc[microphone]"'
        ) from None
    except OSError as error:  # its library
        raise CommandError(f"the sound device can't be used: {error}") from None
    try:
        return sounddevice.Stream(
            samplerate=rate,
            blocksize=round(rate * BLOCK),
            dtype="int16",
            channels=1,
            callback=exchange,
        )
    except sounddevice.PortAudioError as error:
        raise CommandError(f"the sound device can't be used: {error}") from None
