"""A telephone call as an application sees it."""

from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakKeyDictionary

from fastrtc_core import CloseReason, Session, get_current_context
from fastrtc_telephony.carrier import Carrier
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.tones import check_keys, tones
from fastrtc_telephony.wire import CallWire

InThread = Callable[[Callable[[], object]], Awaitable[object]]


class Call:
    """A call, as long as its session lives.

    Its methods are for the session's event loop; from a thread of a sync handler, a call of one is
    handed over: ``session.run_from_thread(call.transfer(number))``.
    """

    def __init__(
        self,
        info: CallInfo,
        session: Session,
        wire: CallWire,
        carrier: Carrier,
        in_thread: InThread,
    ) -> None:
        self.info: Final = info
        self.session: Final = session
        self._wire = wire
        self._carrier = carrier
        self._in_thread = in_thread

    async def hang_up(self) -> None:
        """End the call at once. To let what is said be heard, return `CloseStream` instead.

        Raises:
            CallControlError: The carrier was to end it too, and did not; the session has ended.

        """
        try:  # first: with the session ends whoever awaits this, if it is the handler
            await self._in_thread(lambda: self._carrier.hang_up(self.info))
        finally:
            self.session.close(CloseReason.HANDLER, "hung up")

    async def transfer(self, to: str) -> None:
        """Have the call go on at another number; this session ends.

        Args:
            to: A number in E.164 form, such as ``+14155550123``.

        Raises:
            CallControlError: The carrier can't, or does not.

        """
        await self._in_thread(lambda: self._carrier.transfer(self.info, to))
        self.session.close(CloseReason.HANDLER, f"transferred to {to}")

    async def press(self, keys: str) -> None:
        """Press keys, and wait until they were.

        Args:
            keys: Of ``0123456789*#ABCD``, and ``w`` for half a second of silence.

        Raises:
            ValueError: There is another character among them.

        """
        keys = check_keys(keys)
        if not await self._wire.press(keys):
            await self.session.say((self._wire.rate, tones(keys, self._wire.rate))).wait()


_calls: Final[WeakKeyDictionary[Session, Call]] = WeakKeyDictionary()


def remember(call: Call) -> None:
    """Have a call found by its session."""
    _calls[call.session] = call


def call_of(session: Session) -> Call | None:
    """Return the call that a session serves; None if it is no telephone's."""
    return _calls.get(session)


def current_call() -> Call | None:
    """Return the call of the handler that calls this; None if it is no telephone's.

    Raises:
        RuntimeError: Called outside a handler.

    """
    return call_of(get_current_context().session)
