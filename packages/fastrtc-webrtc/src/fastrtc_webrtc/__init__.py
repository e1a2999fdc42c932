"""FastRTC streams over WebRTC, in any ASGI application.

Installing this package is enough: `fastrtc_core.Stream.mount` finds `WebRTCTransport` by its entry
point.
"""

from fastrtc_webrtc.credentials import (
    CredentialsError,
    TurnCredentials,
    get_cloudflare_turn_credentials,
    get_cloudflare_turn_credentials_async,
    get_coturn_credentials,
    get_hf_turn_credentials,
    get_hf_turn_credentials_async,
    get_turn_credentials,
    get_turn_credentials_async,
    get_twilio_turn_credentials,
)
from fastrtc_webrtc.iceservers import ConfigurationError
from fastrtc_webrtc.settings import WebRTCSettings
from fastrtc_webrtc.transport import WebRTCTransport

__version__ = "0.1.0"

__all__ = [
    "ConfigurationError",
    "CredentialsError",
    "TurnCredentials",
    "WebRTCSettings",
    "WebRTCTransport",
    "get_cloudflare_turn_credentials",
    "get_cloudflare_turn_credentials_async",
    "get_coturn_credentials",
    "get_hf_turn_credentials",
    "get_hf_turn_credentials_async",
    "get_turn_credentials",
    "get_turn_credentials_async",
    "get_twilio_turn_credentials",
]
