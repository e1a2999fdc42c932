"""Between a component and its stream: whose session is whose, and requests that come by Gradio.

The one module that needs the WebRTC stack, which takes a moment to load: it is imported when a
component is connected to a handler.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastrtc_core import AdditionalOutputs, CloseReason, ConnectionRequest, Session, Stream
from fastrtc_core.messages import JSON
from fastrtc_gradio.errors import NotYoursError
from fastrtc_webrtc import WebRTCTransport
from fastrtc_webrtc.protocol import failure

logger = logging.getLogger("fastrtc_gradio")

ENDED_KEPT: Final = 64
"""Sessions that are remembered after their end, for outputs that are fetched late."""

Reply = tuple[int, Mapping[str, JSON]]


@dataclass(frozen=True, slots=True)
class _Conversation:
    user: str
    session: Session


class Link:
    """A stream's sessions that began in a component, each of one Gradio user.

    A user is the page in one browser window (Gradio's ``session_hash``). An id is of no use to
    anybody else, whether it was guessed or stolen.

    Args:
        stream: Whose sessions.

    Raises:
        TypeError: Its settings are no `fastrtc_webrtc.WebRTCSettings`.
        ValueError: Its RTC configurations or RTP parameters can't be used.

    """

    def __init__(self, stream: Stream) -> None:
        transport = stream.transport("webrtc")
        if not isinstance(transport, WebRTCTransport):
            raise TypeError(f"the WebRTC transport is not fastrtc-webrtc's: {transport!r}")
        self.stream: Final = stream
        self.transport: Final = transport
        self._conversations: dict[str, _Conversation] = {}

    async def ask(self, path: str, body: object, user: str, who: ConnectionRequest) -> Reply:
        """Do what a request of the browser client asks for, see `fastrtc_webrtc.routes`.

        Args:
            path: ``webrtc/config`` or ``webrtc/offer``.
            body: JSON; None where nothing is posted.
            user: Who is at the page.
            who: Where the request came from.

        """
        if (refusal := self.transport.throttled(who.client)) is not None:
            return refusal
        if path == "webrtc/config":
            return await self.transport.configuration()
        text = json.dumps(body)
        most = self.transport.settings.max_sdp_bytes
        if path != "webrtc/offer" or not isinstance(body, dict) or len(text) > most:
            return failure("bad_request", f"a request must be an object of at most {most} bytes")
        named = self._conversations.get(str(body.get("webrtc_id")))
        if named is not None and named.user != user:
            logger.warning("a request for a session of somebody else's was refused")
            return failure("unknown_session", NotYoursError(str(body["webrtc_id"])).message)
        status, answer = await self.transport.reply(text, "application/json", who)
        if "sdp" in answer:
            self._remember(str(answer["webrtc_id"]), user)
        return status, answer

    def session(self, webrtc_id: str | None, user: str) -> Session | None:
        """Return a live session of a user's; None if it has ended or is not known.

        Raises:
            NotYoursError: It is somebody else's.

        """
        found = self._find(webrtc_id, user)
        return None if found is None or found.session.closed else found.session

    def output(self, webrtc_id: str | None, user: str, number: int) -> AdditionalOutputs | None:
        """Return an additional output of a session by its number, counted from 0.

        None if the session is not known, or so much came since that the output was dropped.

        Raises:
            NotYoursError: The session is somebody else's.

        """
        found = self._find(webrtc_id, user)
        return None if found is None else found.session.outputs.at(number)

    def leave(self, user: str) -> None:
        """End the sessions of a user who has closed the page."""
        for conversation in self._conversations.values():
            if conversation.user == user:
                conversation.session.close(CloseReason.CLIENT_LEFT, "The page was left.")

    def _find(self, webrtc_id: str | None, user: str) -> _Conversation | None:
        found = self._conversations.get(webrtc_id) if webrtc_id else None
        if found is not None and found.user != user:
            logger.warning("an event for a session of somebody else's was refused")
            raise NotYoursError(webrtc_id or "")
        return found

    def _remember(self, webrtc_id: str, user: str) -> None:
        if webrtc_id in self._conversations:  # reconnected
            known = self._conversations[webrtc_id].session
            if not known.closed:
                return
        live = {session.id: session for session in self.stream.sessions}
        if webrtc_id not in live:  # it has ended already
            return
        ended = [id for id, one in self._conversations.items() if one.session.closed]
        for id in ended[:-ENDED_KEPT]:
            del self._conversations[id]
        self._conversations[webrtc_id] = _Conversation(user, live[webrtc_id])
