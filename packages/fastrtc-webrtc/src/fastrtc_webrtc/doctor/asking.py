"""Requests to a stream's routes."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from fastrtc_core import MissingPackageError


class NoAnswerError(Exception):
    """A server did not answer; the text is the reason, a part of a sentence."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    content: dict[str, Any]
    """What the body says; nothing if it is no JSON object."""

    location: str | None
    """Where it leads, if it answers with a redirection."""


def need_httpx() -> ModuleType:
    """Return httpx.

    Raises:
        MissingPackageError: It is not installed.

    """
    try:
        import httpx
    except ModuleNotFoundError:
        raise MissingPackageError("looking at a running stream", "fastrtc-webrtc[turn]") from None
    return httpx


async def ask(url: str, body: dict[str, Any] | None = None, *, patience: float) -> Answer:
    """Send a GET request, or a POST request if there is a body.

    Args:
        url: Where to.
        body: Sent as JSON.
        patience: Seconds for every step of it.

    Raises:
        MissingPackageError: httpx is not installed.
        NoAnswerError: There is no answer.

    """
    httpx = need_httpx()
    method = "GET" if body is None else "POST"
    try:
        async with httpx.AsyncClient(timeout=patience) as client:
            response = await client.request(method, url, json=body)
    except httpx.TimeoutException as error:
        raise NoAnswerError(f"there is no answer within {patience:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswerError(str(error).rstrip(".") or type(error).__name__) from error
    next_request = response.next_request
    return Answer(
        response.status_code,
        _object(response),
        str(next_request.url) if next_request is not None else None,
    )


def _object(response: Any) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
