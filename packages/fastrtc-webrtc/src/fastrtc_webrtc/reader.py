"""Takes what a client sends over its data channel to its session."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from fastrtc_core import Limits, ProtocolError, Session
from fastrtc_webrtc.channel import (
    PONG,
    AppMessage,
    Inputs,
    Ping,
    Stop,
    error_message,
    parse_message,
)

logger = logging.getLogger("fastrtc_webrtc")

BURST_SECONDS: Final = 2.0
"""Messages may come as fast as they like for so long, see `Limits.messages_per_second`."""


class ChannelReader:
    """Reads the messages of one client.

    Args:
        session: Where they go.
        limits: How large and how many they may be.
        leave: Called when the client says that it leaves.

    """

    def __init__(self, session: Session, limits: Limits, leave: Callable[[], None]) -> None:
        self._session = session
        self._limits = limits
        self._leave = leave
        self._now = asyncio.get_running_loop().time
        self._room = limits.messages_per_second * BURST_SECONDS
        self._counted = self._now()
        self._too_many = False

    def receive(self, message: str | bytes) -> None:
        """Take a message; one that is wrong is answered by an error, and the session goes on."""
        if self._session.closed:
            return
        try:
            if self._count():
                self._act(message)
        except ProtocolError as error:
            logger.debug("session %s: %s", self._session.id, error)
            self._session.send(error_message(error))

    def _act(self, message: str | bytes) -> None:
        match parse_message(message, self._limits.message_bytes):
            case Ping():
                self._session.send(PONG)
            case Inputs(args=args):
                self._session.set_args(*args)
            case AppMessage(data=data):
                self._session.receive_message(data)
            case Stop():
                self._leave()

    def _count(self) -> bool:
        """Count a message; one too many is ignored, which is said once."""
        now, rate = self._now(), self._limits.messages_per_second
        self._room = min(self._room + (now - self._counted) * rate, rate * BURST_SECONDS)
        self._counted = now
        if self._room >= 1:
            self._room -= 1
            self._too_many = False
            return True
        if self._too_many:
            return False
        self._too_many = True
        raise ProtocolError(
            "too_many_messages", f"more than {rate:g} messages a second are ignored"
        )
