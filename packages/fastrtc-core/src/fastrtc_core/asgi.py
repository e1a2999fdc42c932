"""A server's WebSocket as ASGI gives it, with Python's own errors and an end that is bounded.

The core knows no web framework: what has `receive` and `send` of ASGI's WebSocket messages is one,
Starlette's `WebSocket` for example.
"""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any, Final, Protocol, runtime_checkable

logger = logging.getLogger("fastrtc_core")

CLOSE_TIMEOUT: Final = 5.0
"""Seconds for what is left to be sent when a connection ends; then it is cut."""


class WebSocketLike(Protocol):
    """What sends and receives the messages of ASGI's WebSocket connections."""

    async def receive(self) -> MutableMapping[str, Any]:
        """Wait for an event and return it."""
        ...

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send an event."""
        ...


@runtime_checkable
class _Transport(Protocol):
    def abort(self) -> None: ...

    def get_write_buffer_size(self) -> int: ...


class Socket:
    """A WebSocket that was accepted; every method raises ConnectionError when the peer is gone.

    Args:
        websocket: The framework's.
        gone: What its `send` raises when the peer is gone, beside OSError and RuntimeError.
        close_timeout: Seconds for what is left to be sent at the end.

    """

    def __init__(
        self,
        websocket: WebSocketLike,
        gone: type[Exception],
        close_timeout: float = CLOSE_TIMEOUT,
    ) -> None:
        self._websocket = websocket
        self._gone = (gone, RuntimeError)  # the latter: closed on our side
        self._close_timeout = close_timeout

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
        """End the connection within the time for it, or twice that if the peer does not read.

        Args:
            code: RFC 6455 section 7.4.
            text: A last message.

        """
        try:
            async with asyncio.timeout(self._close_timeout):
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
            asyncio.get_running_loop().call_later(self._close_timeout, transport.abort)

    def _transport(self) -> _Transport | None:
        """Find the asyncio transport behind a server's `receive`, as there is in uvicorn.

        ASGI can't cut a connection. Other servers are left to end it in their own time.
        """
        server = getattr(getattr(self._websocket, "_receive", None), "__self__", None)
        transport = getattr(server, "transport", None)
        return transport if isinstance(transport, _Transport) else None

    async def _send(self, message: dict[str, object]) -> None:
        try:
            await self._websocket.send(message)
        except self._gone as error:
            raise ConnectionResetError("the client has left") from error
