"""A generator that is sent to everybody who listens, from its beginning."""

from collections.abc import Iterator

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import Stream

RATE = 24000
SCALE = (262, 294, 330, 349, 392, 440, 494, 523)  # C4 to C5, in Hz


def radio() -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield a scale, note by note, as fast as it is heard."""
    times = np.arange(RATE // 4) / RATE
    for hertz in SCALE:
        yield RATE, 0.2 * np.sin(2 * np.pi * hertz * times) * np.hanning(times.size)


stream = Stream(radio, modality="audio", mode="receive")

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
