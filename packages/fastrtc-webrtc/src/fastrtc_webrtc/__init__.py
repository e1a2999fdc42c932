"""FastRTC streams over WebRTC, in any ASGI application."""

from fastrtc_webrtc.settings import WebRTCSettings

__version__ = "0.1.0"

__all__ = ["WebRTCSettings"]
