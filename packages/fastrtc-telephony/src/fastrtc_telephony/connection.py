"""One call, from its media stream's opening to its end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final, Protocol

from fastrtc_core import (
    AdmissionError,
    CloseReason,
    ConnectionRequest,
    DigitPressed,
    ProtocolError,
    Session,
    Stream,
)
from fastrtc_core.allowance import Allowance
from fastrtc_core.transport import TELEPHONE
from fastrtc_telephony.calls import Call, remember
from fastrtc_telephony.carrier import TOKEN, Carrier
from fastrtc_telephony.errors import SignatureError, TicketError
from fastrtc_telephony.events import (
    Audio,
    CallEnded,
    CallEvent,
    CallInfo,
    CallStarted,
    KeyPressed,
    MarkReached,
    Reply,
)
from fastrtc_telephony.media import MediaProtocol, Outgoing
from fastrtc_telephony.settings import TelephoneSettings
from fastrtc_telephony.wire import CallWire

logger = logging.getLogger("fastrtc_telephony")

MOST_FAULTS: Final = 20
"""Wrong messages, without a right one between them, that end a call."""

LINGER: Final = 0.3
"""Seconds that a carrier has to end the stream itself, where it wants to."""

CLOSING: Final = 0.4
"""Seconds for what is left to be sent when a call ends; its caller has hung up or is about to."""

NORMAL_CLOSURE: Final = 1000  # these: RFC 6455 section 7.4.1
GOING_AWAY: Final = 1001
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013

_BY_CODE: Final = {
    "concurrency_limit_reached": TRY_AGAIN_LATER,
    "workers_exhausted": TRY_AGAIN_LATER,
    "message_too_big": MESSAGE_TOO_BIG,
}
_BY_REASON: Final = {
    CloseReason.HANDLER_FAILED: INTERNAL_ERROR,
    CloseReason.SHUTDOWN: GOING_AWAY,
}


class Socket(Protocol):
    """What carries messages; every method raises ConnectionError when the peer is gone."""

    async def receive(self) -> str | bytes:
        """Wait for a message."""
        ...

    async def send(self, data: str | bytes) -> None:
        """Send a message."""
        ...

    async def close(self, code: int) -> None:
        """End the connection."""
        ...

    def abort(self) -> None:
        """Cut the connection."""
        ...


Admit = Callable[[str | None, CallInfo], CallInfo]
"""Given the token of a stream's first message, if any, and the call, returns the call as it is
known here; raises AdmissionError."""


class Connection:
    """One media stream, already accepted.

    Args:
        stream: What is served.
        socket: The connection.
        carrier: Whose it is.
        settings: How calls are taken.
        request: Who has connected.
        admit: Decides on the call.

    """

    def __init__(
        self,
        *,
        stream: Stream,
        socket: Socket,
        carrier: Carrier,
        settings: TelephoneSettings,
        request: ConnectionRequest,
        admit: Admit,
    ) -> None:
        self._stream = stream
        self._socket = socket
        self._carrier = carrier
        self._settings = settings
        self._request = request
        self._admit = admit
        self._limits = stream.limits(TELEPHONE)
        self._allowance = Allowance(self._limits)
        self._protocol: MediaProtocol = carrier.protocol()
        self._now = asyncio.get_running_loop().time
        self._faults = 0
        self._over = False
        """Whether the carrier has said that the call is over."""

    async def serve(self) -> None:
        """Serve the call until it ends."""
        code = NORMAL_CLOSURE
        try:
            reason = await self._converse()
            if reason is CloseReason.CLIENT_STALLED:
                logger.warning("%s takes nothing any more: cut", self._carrier.name)
                self._socket.abort()
                return
            code = _BY_REASON.get(reason, NORMAL_CLOSURE)
        except ProtocolError as error:
            logger.warning("%s: call ended: %s", self._carrier.name, error)
            code = _BY_CODE.get(error.code, POLICY_VIOLATION)
        except AdmissionError as error:
            forged = isinstance(error, SignatureError | TicketError)
            log = logger.warning if forged else logger.info
            log("%s: call refused: %s", self._carrier.name, error)
            code = _BY_CODE.get(error.code, POLICY_VIOLATION)
        except ConnectionError as error:
            logger.debug("%s: %s", self._carrier.name, error)
            return
        except Exception:
            await self._socket.close(INTERNAL_ERROR)
            raise
        await self._say_goodbye()
        await self._socket.close(code)

    async def _converse(self) -> CloseReason:
        start = await self._handshake()
        if start is None:
            return CloseReason.CLIENT_LEFT
        token = start.info.parameters.get(TOKEN)
        own = {name: value for name, value in start.info.parameters.items() if name != TOKEN}
        info = self._admit(token, replace(start.info, parameters=own))
        request = replace(self._request, metadata=info.to_metadata())
        wire = CallWire(self._protocol, self._socket.send, self._settings.lead)
        async with self._stream.connect(request, wire) as session:
            logger.info("%s: call %s is session %s", info.carrier, info.call_id, session.id)
            wire.serve(session)
            remember(Call(info, session, wire, self._carrier, self._stream.call))
            await self._feed(session, wire)
        return await session.wait_closed()

    async def _handshake(self) -> CallStarted | None:
        """Wait for the stream to start; None if it ends instead."""
        try:
            async with asyncio.timeout(self._limits.handshake):
                async for event in self._events():
                    if isinstance(event, CallStarted):
                        return event
        except TimeoutError:
            message = f"the stream did not start within {self._limits.handshake:g} s"
            raise ProtocolError("no_start", message, fatal=True) from None
        return None

    async def _feed(self, session: Session, wire: CallWire) -> None:
        async for event in self._events():
            match event:
                case Audio():
                    if session.mode != "receive":
                        await session.push_audio(event.samples, self._protocol.line.rate)
                case MarkReached():
                    wire.reached(event.name)
                case KeyPressed():
                    session.publish(DigitPressed(event.key))
                case CallStarted():
                    pass  # a protocol starts once

    async def _events(self) -> AsyncIterator[CallEvent]:
        """Yield what the carrier says, until it says that the call is over."""
        while not self._over:
            for event in await self._receive():
                if isinstance(event, Reply):
                    await self._socket.send(event.message)
                elif isinstance(event, CallEnded):
                    self._over = True
                    return
                else:
                    yield event

    async def _receive(self) -> list[CallEvent]:
        """Take a message. What is wrong with it is told to the log, until there is too much."""
        data = await self._socket.receive()
        if isinstance(data, str):
            self._allowance.admit_text(data, self._now())
        else:
            self._allowance.admit(len(data), self._now())
        try:
            events = list(self._protocol.receive(data))
        except ProtocolError as error:
            self._faults += 1
            if error.fatal or self._faults > MOST_FAULTS or not self._protocol.started:
                raise
            log = logger.warning if self._faults == 1 else logger.debug
            log("%s: a message is left out: %s", self._carrier.name, error)
            return []
        self._faults = 0
        return events

    async def _say_goodbye(self) -> None:
        """End the stream as the carrier wants it, soon."""
        if self._over:
            return
        try:
            async with asyncio.timeout(LINGER):
                await self._send_all(self._protocol.send_end())
                if self._protocol.closes and self._protocol.started:
                    async for _ in self._events():
                        pass
        except (TimeoutError, ConnectionError, ProtocolError) as error:
            logger.debug("%s: no goodbye: %r", self._carrier.name, error)

    async def _send_all(self, messages: Outgoing) -> None:
        for message in messages:
            await self._socket.send(message)
