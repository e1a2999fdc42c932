"""TURN servers for those who can't be reached directly: credentials of every provider we know.

Every function returns a `TurnCredentials`: the dict that a browser's RTCPeerConnection takes, which
also knows when it ends. Given to a stream as functions, they are called when credentials are
needed, and again before those end::

    Stream(..., rtc_configuration=get_cloudflare_turn_credentials_async)

Arguments win over environment variables, and an empty variable counts as none.
"""

from fastrtc_webrtc.credentials.cloudflare import (
    get_cloudflare_turn_credentials,
    get_cloudflare_turn_credentials_async,
)
from fastrtc_webrtc.credentials.coturn import get_coturn_credentials
from fastrtc_webrtc.credentials.huggingface import (
    get_hf_turn_credentials,
    get_hf_turn_credentials_async,
)
from fastrtc_webrtc.credentials.providers import get_turn_credentials, get_turn_credentials_async
from fastrtc_webrtc.credentials.requests import CredentialsError
from fastrtc_webrtc.credentials.twilio import get_twilio_turn_credentials
from fastrtc_webrtc.credentials.values import TurnCredentials

__all__ = [
    "CredentialsError",
    "TurnCredentials",
    "get_cloudflare_turn_credentials",
    "get_cloudflare_turn_credentials_async",
    "get_coturn_credentials",
    "get_hf_turn_credentials",
    "get_hf_turn_credentials_async",
    "get_turn_credentials",
    "get_turn_credentials_async",
    "get_twilio_turn_credentials",
]
