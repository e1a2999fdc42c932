"""FastRTC streams over WebSocket, in any ASGI application.

Installing this package is enough: `fastrtc_core.Stream.mount` finds `WebSocketTransport` by its
entry point. `ServerProtocol` is the protocol alone, without any I/O.
"""

from fastrtc_websocket.connection import ModalityError, SocketWire
from fastrtc_websocket.events import StartOptions
from fastrtc_websocket.protocol import ServerProtocol
from fastrtc_websocket.transport import WebSocketTransport

__version__ = "0.1.0"

__all__ = [
    "ModalityError",
    "ServerProtocol",
    "SocketWire",
    "StartOptions",
    "WebSocketTransport",
]
