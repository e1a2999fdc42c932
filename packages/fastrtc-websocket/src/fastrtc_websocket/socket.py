"""A server's WebSocket as ASGI gives it, with Python's own errors and an end that is bounded."""

import asyncio
import logging
from typing import Final, Protocol, runtime_checkable

from starlette.websockets import WebSocket, WebSocketDisconnect

logger = logging.getLogger("fastrtc_websocket")

CLOSE_TIMEOUT: Final = 5.0
"""Seconds for what is left to be sent when a connection ends; then it is cut."""


@runtime_checkable
class _Transport(Protocol):
    def abort(self) -> None: ...

    def get_write_buffer_size(self) -> int: ...


class Socket:
    """A WebSocket; every method raises ConnectionError when the peer is gone."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes:
        """Wait for a message and return it."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise ConnectionResetError(f"the client has left, code {message.get('code')}")
        text: str | None = message.get("text")
        if text is not None:
            return text
        data: bytes = message["bytes"]
        return data

    async def send(self, data: str | bytes) -> None:
        """Send a message."""
        kind = "text" if isinstance(data, str) else "bytes"
        await self._send({"type": "websocket.send", kind: data})

    async def close(self, code: int, text: str | None = None) -> None:
        """End the connection within `CLOSE_TIMEOUT`, or a second one if the peer does not read.

        Args:
            code: RFC 6455 section 7.4.
            text: A last message.

        """
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                if text is not None:
                    await self.send(text)
                await self._send({"type": "websocket.close", "code": code})
        except TimeoutError:
            self.abort()
        except ConnectionError:
            logger.debug("the client left before the connection was closed")
        else:
            self._abort_if_unread()

    def abort(self) -> None:
        """Cut the connection, whatever was not sent."""
        transport = self._transport()
        if transport is not None:
            transport.abort()

    def _abort_if_unread(self) -> None:
        """Have a connection cut to whose peer not even the closing frame could be sent.

        An asyncio transport that is closed waits for its peer to take what is left, for ever.
        """
        transport = self._transport()
        if transport is not None and transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, transport.abort)

    def _transport(self) -> _Transport | None:
        """Find the asyncio transport behind a server's `receive`, as there is in uvicorn.

        ASGI can't cut a connection. Other servers are left to end it in their own time.
        """
        server = getattr(self._websocket._receive, "__self__", None)
        transport = getattr(server, "transport", None)
        return transport if isinstance(transport, _Transport) else None

    async def _send(self, message: dict[str, object]) -> None:
        try:
            await self._websocket.send(message)
        except (WebSocketDisconnect, RuntimeError) as error:  # the latter: closed on our side
            raise ConnectionResetError("the client has left") from error
