"""Who may open a media stream: whoever has the token that a call was answered with, once."""

import asyncio
import secrets
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Final

from fastrtc_telephony.errors import TicketError
from fastrtc_telephony.events import CallInfo

VALID: Final = 60.0
"""Seconds from answering a call to its media stream: a greeting is said meanwhile."""

TOKEN_BYTES: Final = 16  # 128 random bits


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was answered, and the place that is kept for it."""

    info: CallInfo
    place: ExitStack
    expiry: asyncio.TimerHandle


class Tickets:
    """The tickets that were issued and not used yet; each keeps a place, so they are as many."""

    def __init__(self, valid: float = VALID) -> None:
        self._valid = valid
        self._open: dict[str, Ticket] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, token: object) -> bool:
        return token in self._open

    def issue(self, info: CallInfo, place: AbstractContextManager[None]) -> str:
        """Return a token for a call's media stream.

        Args:
            info: The call.
            place: Is entered, and left when the ticket is used or has expired.

        Raises:
            AdmissionError: There is no place.

        """
        stack = ExitStack()
        stack.enter_context(place)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expiry = asyncio.get_running_loop().call_later(self._valid, self._expire, token)
        self._open[token] = Ticket(info, stack, expiry)
        return token

    def redeem(self, token: str, info: CallInfo | None = None) -> CallInfo:
        """Return the call that a token is for, once; its place is free then.

        Args:
            token: From the media stream.
            info: The call that the stream says it belongs to, if it does.

        Raises:
            TicketError: There is no such token, or it is another call's.

        """
        ticket = self._open.get(token)
        if ticket is None:
            raise TicketError(
                f"the media stream's token is not one of a call that was answered in the last "
                f"{self._valid:g} s, or was used already"
            )
        said = "" if info is None else info.call_id  # not all streams say it
        if said and ticket.info.call_id and said != ticket.info.call_id:
            raise TicketError(f"the token is for the call {ticket.info.call_id!r}, not {said!r}")
        ticket.expiry.cancel()
        self._expire(token)
        return ticket.info

    def _expire(self, token: str) -> None:
        self._open.pop(token).place.close()
