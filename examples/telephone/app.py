"""A server for telephone calls and nothing else: no WebRTC, no page.

Says good day, repeats what it hears at each pause, and knows how often it has done so. Run it with
``uvicorn app:app --port 8000``, ring it with ``fastrtc call http://127.0.0.1:8000 --wav q.wav``.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from fastrtc_core import AdditionalOutputs, Limits, Stream
from fastrtc_telephony import current_call
from fastrtc_vad import ReplyOnPause

RATE = 8000  # what a telephone has

Audio = tuple[int, NDArray[np.int16]]


def beeps(count: int) -> Audio:
    """Return so many short tones."""
    times = np.arange(RATE // 10) / RATE
    beep = np.concatenate([8000 * np.sin(2 * np.pi * 660 * times), np.zeros(RATE // 10)])
    return RATE, np.tile(beep, count).astype(np.int16).reshape(1, -1)


def greet() -> Iterator[Audio]:
    """Be the first to speak."""
    yield beeps(1)


def repeat(audio: Audio, turns: int = 0) -> Iterator[Audio | AdditionalOutputs]:
    """Say again what was said, then one beep for each turn.

    A telephone sends no inputs, so there is a default; what is yielded as `AdditionalOutputs` comes
    back as the arguments of the next turn.
    """
    call = current_call()
    if call is not None:
        print(f"{call.info.caller}: turn {turns + 1}", flush=True)
    yield audio
    yield beeps(turns + 1)
    yield AdditionalOutputs(turns + 1)


async def healthy(request: Request) -> PlainTextResponse:
    """Tell a load balancer that all is well."""
    return PlainTextResponse(f"{len(stream.sessions)} calls\n")


stream = Stream(
    ReplyOnPause(repeat, startup_fn=greet, input_sample_rate=RATE, output_sample_rate=RATE),
    modality="audio",
    mode="send-receive",
    limits={"telephone": Limits(concurrency=20, time=600)},  # the 21st hears the busy tone
)
app = Starlette(routes=[Route("/health", healthy)])
stream.mount(app)
