"""TURN servers, for visitors and servers behind firewalls: whoever gives credentials, by name.

`TURN_PROVIDER` is one of `PROVIDERS`. What each needs is in the environment: `HF_TOKEN`;
`CLOUDFLARE_TURN_KEY_ID` and `CLOUDFLARE_TURN_KEY_API_TOKEN`; `TWILIO_ACCOUNT_SID` and
`TWILIO_AUTH_TOKEN`; and of a server of your own its `TURN_URL` with a `TURN_SECRET`, or with
`TURN_USER` and `TURN_PASSWORD`.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc import (
    ReplyOnPause,
    Stream,
    get_cloudflare_turn_credentials_async,
    get_coturn_credentials,
    get_hf_turn_credentials_async,
    get_turn_credentials_async,
)

URL = os.environ.get("TURN_URL", "turn:turn.example.com:3478")


def with_password(ttl: float = 0) -> dict[str, Any]:
    """Return what a browser's RTCPeerConnection takes; this form has no end."""
    user, password = os.environ.get("TURN_USER", "user"), os.environ.get("TURN_PASSWORD", "")
    return {"iceServers": [{"urls": URL, "username": user, "credential": password}]}


PROVIDERS: dict[str, Callable[..., Any]] = {
    "cloudflare": get_cloudflare_turn_credentials_async,  # or HF_TOKEN, if that is all there is
    "hf": get_hf_turn_credentials_async,  # deprecated
    "twilio": partial(get_turn_credentials_async, "twilio"),
    "coturn": partial(get_coturn_credentials, os.environ.get("TURN_SECRET", ""), URL),
    "password": with_password,
}
provider = PROVIDERS[os.environ.get("TURN_PROVIDER", "password")]


def echo(audio: tuple[int, NDArray[np.int16]]) -> Iterator[tuple[int, NDArray[np.int16]]]:
    yield audio


stream = Stream(
    ReplyOnPause(echo),
    modality="audio",
    mode="send-receive",
    rtc_configuration=provider,  # asked for visitors: theirs end after ten minutes
    server_rtc_configuration=partial(provider, ttl=36_000),  # seconds; the server keeps its longer
)

app = Starlette()
stream.mount(app)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
