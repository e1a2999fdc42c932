"""A listener that lets you finish: longer pauses, no interruptions, and other sample rates.

It says how long you spoke, in beeps: one a second.
"""

from collections.abc import Iterator

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import AlgoOptions, ReplyOnPause, SileroVadOptions, Stream

HEARD, SAID = 16000, 16000  # Hz

Audio = tuple[int, NDArray[np.int16]]


def count(audio: Audio) -> Iterator[Audio]:
    """Called with what you said at the rate that was asked for, shaped (1, samples)."""
    rate, said = audio
    times = np.arange(SAID // 5) / SAID
    beep = 6000 * np.sin(2 * np.pi * 440 * times) * np.hanning(times.size)
    silence = np.zeros(SAID // 10)
    for _ in range(round(said.shape[1] / rate) or 1):
        yield SAID, np.concatenate([beep, silence]).astype(np.int16)


stream = Stream(
    ReplyOnPause(
        count,
        can_interrupt=False,  # the beeps end, whatever you say meanwhile
        algo_options=AlgoOptions(
            audio_chunk_duration=1.5,  # seconds that are looked at,
            started_talking_threshold=0.2,  # speech in them that begins a turn,
            speech_threshold=0.1,  # and below which it ends: a pause of 1.4 s
        ),
        model_options=SileroVadOptions(
            threshold=0.6,  # probability from which on sound is speech
            min_speech_duration_ms=250,  # a cough is shorter
            min_silence_duration_ms=300,
        ),
        input_sample_rate=HEARD,
        output_sample_rate=SAID,
    ),
    modality="audio",
    mode="send-receive",
)

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
