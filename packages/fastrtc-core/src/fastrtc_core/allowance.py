"""How much a client may send: the size of a message, and how many a second."""

from typing import Final

from fastrtc_core.errors import ProtocolError
from fastrtc_core.transport import Limits

BURST: Final = 2.0
"""Seconds over which the rate of messages is averaged, as `Limits.messages_per_second` says."""


class Allowance:
    """A token bucket that fills at the rate allowed. It owns no clock.

    Args:
        limits: What the client may send.

    """

    def __init__(self, limits: Limits) -> None:
        self._longest = limits.message_bytes
        self._per_second = limits.messages_per_second
        self._most = max(1.0, BURST * limits.messages_per_second)
        self._left = self._most
        self._counted_at = 0.0

    def admit_text(self, text: str, now: float) -> None:
        """Count a text message; see `admit`."""
        size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
        self.admit(size, now)

    def admit(self, size: int, now: float) -> None:
        """Count a message.

        Args:
            size: In bytes.
            now: Seconds on a monotonic clock, always the same one.

        Raises:
            ProtocolError: It is too long, or one too many; fatal.

        """
        earned = (now - self._counted_at) * self._per_second
        self._counted_at = now
        self._left = min(self._most, self._left + earned) - 1.0
        if self._left < 0.0:
            message = f"more than {self._per_second:g} messages per second"
            raise ProtocolError("too_many_messages", message, fatal=True)
        if size > self._longest:
            message = f"a message of {size} bytes, where {self._longest} are allowed"
            raise ProtocolError("message_too_big", message, fatal=True)
