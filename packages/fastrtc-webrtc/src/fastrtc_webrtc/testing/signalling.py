"""The HTTP side of a test client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any, Final, Literal

from fastrtc_core.messages import JSON

Trickle = Literal["before", "after"]

OFFER: Final = "/webrtc/offer"

Post = Callable[[str, Mapping[str, JSON]], Awaitable[tuple[int, dict[str, Any]]]]
"""Posts JSON to a path of the server; returns the status and the object in the answer."""


PATIENCE: Final = 30.0
"""Seconds for an answer: a machine that is busy with other things is no failure of the server's."""


class SignallingError(ConnectionRefusedError):
    """The server has refused what a client asked for."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"the server answered {status}: {body}")
        self.status: Final = status
        self.body: Final = body
        self.meta: Final[Mapping[str, Any]] = body.get("meta") or {}
        self.code: Final[str | None] = self.meta.get("error")


@asynccontextmanager
async def http_post(url: str, **options: Any) -> AsyncIterator[Post]:
    """Give a `Post` that goes to a real server; needs httpx.

    Args:
        url: Of the server, with the path at which the stream is mounted.
        options: For `httpx.AsyncClient`: header fields, for example, or a ``transport``
            that leads to an application in the same process.

    """
    from httpx import AsyncClient

    async with AsyncClient(**{"timeout": PATIENCE, **options}) as client:

        async def post(path: str, body: Mapping[str, JSON]) -> tuple[int, dict[str, Any]]:
            response = await client.post(url.rstrip("/") + path, json=body)
            is_json = response.headers.get("content-type", "").startswith("application/json")
            return response.status_code, response.json() if is_json else {}

        yield post


@dataclass(frozen=True, slots=True, kw_only=True)
class SignallingOptions:
    """What a client says of itself."""

    trickle: Trickle | None = None
    """When candidates are sent: with the offer (None), ``after`` its answer, or ``before`` it."""

    webrtc_id: str | None = field(default_factory=lambda: token_urlsafe(9))
    """The id to ask for; None to be given one."""

    metadata: Mapping[str, JSON] = field(default_factory=dict)
    wants: Sequence[str] = ()


class Signaller:
    """Speaks the documented protocol with a server."""

    def __init__(self, post: Post, options: SignallingOptions) -> None:
        self._post = post
        self._options = options
        self.id = options.webrtc_id
        self.token: str | None = None
        """What the server gave for coming back to the session."""

    async def post(self, body: Mapping[str, JSON]) -> dict[str, Any]:
        """Post something to the route for offers and return the answer.

        Raises:
            SignallingError: The server refuses.

        """
        status, answer = await self._post(OFFER, body)
        if status != HTTPStatus.OK or answer.get("status") == "failed":
            raise SignallingError(status, answer)
        return answer

    async def offer(self, sdp: str) -> str:
        """Offer and return the answer's SDP; candidates go as the options say, but for ``after``.

        Raises:
            SignallingError: The server refuses.

        """
        trickle = self._options.trickle
        asking = self.post(self._offer(without_candidates(sdp) if trickle else sdp))
        if trickle == "before":
            _, answer = await asyncio.gather(self.send_candidates(sdp), asking)
        else:
            answer = await asking
        self.id, self.token = answer.get("webrtc_id", self.id), answer.get("token")
        description: str = answer["sdp"]
        return description

    async def send_candidates(self, sdp: str) -> None:
        """Send the candidates of an offer, and that there are no more."""
        candidates: list[JSON] = [
            {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0} for line in candidates_of(sdp)
        ]
        for candidate in (*candidates, None):
            await self.post({"type": "ice-candidate", "webrtc_id": self.id, "candidate": candidate})

    async def bye(self) -> None:
        """Say that the session is over."""
        await self.post({"type": "bye", "webrtc_id": self.id, "token": self.token})

    def _offer(self, sdp: str) -> dict[str, JSON]:
        optional: dict[str, JSON] = {
            "webrtc_id": self.id,
            "metadata": dict(self._options.metadata),
            "wants": list(self._options.wants),
            "token": self.token,
        }
        given = {name: value for name, value in optional.items() if value}
        return {"sdp": sdp, "type": "offer", **given}


def without_candidates(sdp: str) -> str:
    """Return an SDP as it is before any candidate is known."""
    lines = sdp.splitlines()
    kept = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return "\r\n".join(kept) + "\r\n"


def candidates_of(sdp: str) -> list[str]:
    """Return the candidates of the first media section of an SDP, without ``a=``."""
    section = sdp.split("\r\nm=")[1]
    return [line[2:] for line in section.splitlines() if line.startswith("a=candidate:")]
