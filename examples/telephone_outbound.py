"""Calls people, and notices when a machine answers.

Needs ``fastrtc-core fastrtc-vad fastrtc-telephony[server,twilio] fastapi``, and in the environment
``TWILIO_ACCOUNT_SID``, ``TWILIO_AUTH_TOKEN``, ``TWILIO_FROM`` (a number of yours), ``PUBLIC_URL``
(where Twilio reaches this server) and ``CALL_KEY``, which whoever orders a call must know::

    curl -X POST localhost:8000/call -H "Authorization: Bearer $CALL_KEY" \\
        -H "Content-Type: application/json" -d '{"to": "+14155550123"}'

Twilio listens who answers before it connects the call (``machine_detection``), and says so.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from numpy.typing import NDArray
from pydantic import BaseModel

from fastrtc_core import CloseStream, Stream
from fastrtc_telephony import CallControlError, TelephoneSettings, Twilio, current_call
from fastrtc_vad import ReplyOnPause

RATE = 8000
FROM = os.environ.get("TWILIO_FROM", "+14155550100")
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000")

Audio = tuple[int, NDArray[np.int16]]


def tone(hertz: float, seconds: float) -> Audio:
    """Return a tone, where a voice would speak."""
    times = np.arange(round(RATE * seconds)) / RATE
    return RATE, (8000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16).reshape(1, -1)


def open_conversation() -> Iterator[Audio | CloseStream]:
    """Greet a person; leave a message with a machine, and hang up."""
    call = current_call()
    answered_by = call.info.parameters.get("AnsweredBy", "human") if call else "human"
    if answered_by.startswith("machine"):
        yield tone(440, 2.0)
        yield CloseStream("left a message")
    elif answered_by == "fax":
        yield CloseStream("a fax")
    else:
        yield tone(660, 0.5)


def answer(audio: Audio) -> Iterator[Audio]:
    """Answer what was said."""
    yield audio


twilio = Twilio()
stream = Stream(
    ReplyOnPause(
        answer, startup_fn=open_conversation, input_sample_rate=RATE, output_sample_rate=RATE
    ),
    modality="audio",
    mode="send-receive",
    transport_settings={"telephone": TelephoneSettings(carriers=[twilio], public_url=PUBLIC_URL)},
)
app = FastAPI()
stream.mount(app)


class Order(BaseModel):
    """Whom to call."""

    to: str


@app.post("/call")
async def call(order: Order, request: Request) -> dict[str, str]:
    """Call somebody."""
    key = os.environ.get("CALL_KEY", "")
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not key or not secrets.compare_digest(given, key):
        raise HTTPException(401, "calls cost money: whoever orders one must know CALL_KEY")
    try:
        sid = await asyncio.to_thread(
            twilio.dial,
            to=order.to,
            from_=FROM,
            url=f"{PUBLIC_URL}/telephone/incoming",
            machine_detection="DetectMessageEnd",  # a machine has had its say before we begin
        )
    except CallControlError as error:
        raise HTTPException(502, str(error)) from error
    return {"sid": sid}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
