"""Asking a provider over HTTP, with httpx, by a client of the caller's or one of our own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fastrtc_core import FastRTCError, MissingPackageError
from fastrtc_webrtc.credentials.values import TurnCredentials, unix_time

if TYPE_CHECKING:
    import httpx

TIMEOUT: Final = 10.0
"""Seconds for each step of a request; a client that is the caller's has its own."""

LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})

ADVICE: Final[Mapping[int, str]] = {
    400: "; the ttl may be longer than it allows",
    401: "; the token is not valid",
    403: "; the token does not allow this",
    404: "; it does not know this key id",
    429: "; too many requests, or the quota is used up",
}


class CredentialsError(FastRTCError):
    """A provider gave no TURN credentials.

    Attributes:
        provider: Who was asked.
        status: The HTTP status of its answer; None if there was none.

    """

    def __init__(self, provider: str, problem: str, status: int | None = None) -> None:
        super().__init__(provider, problem, status)
        self.provider = provider
        self.problem = problem
        self.status = status

    def __str__(self) -> str:
        return f"{self.provider} gave no TURN credentials: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsRequest:
    """A request that has not been sent.

    Raises:
        ValueError: The token would leave the machine unencrypted, or can't be one.

    """

    provider: str
    method: str
    url: str
    token: str = field(repr=False)
    ttl: int

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
            raise ValueError(f"the token for {self.provider} is sent by https only: {self.url}")
        # Said here, since what httpx says of a bad header shows all of it.
        if not (self.token.isascii() and self.token.isprintable()) or " " in self.token:
            raise ValueError(
                f"the token for {self.provider} has spaces or characters that no token has: was "
                "it copied with something else?"
            )

    @property
    def arguments(self) -> dict[str, Any]:
        """What httpx is given: the lifetime goes into the body of a POST, else into the URL."""
        place = "json" if self.method == "POST" else "params"
        return {
            "method": self.method,
            "url": self.url,
            "headers": {"Authorization": f"Bearer {self.token}"},
            place: {"ttl": self.ttl},
        }


def fetch(request: CredentialsRequest, client: "httpx.Client | None") -> TurnCredentials:
    """Send a request and wait for the answer.

    Raises:
        CredentialsError: There was none, or no good one.
        MissingPackageError: httpx is not installed.
        TypeError: The client is no ``httpx.Client``.

    """
    httpx = _httpx(request)
    asked_at = unix_time()
    try:
        if client is None:
            with httpx.Client(timeout=TIMEOUT) as own:
                response = own.request(**request.arguments)
        elif isinstance(client, httpx.Client):
            response = client.request(**request.arguments)
        else:
            raise TypeError(f"client must be an httpx.Client here, not {_kind(client)}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unanswered(request, error) from error
    return _read(request, response, asked_at)


async def fetch_async(
    request: CredentialsRequest, client: "httpx.AsyncClient | None"
) -> TurnCredentials:
    """Do what `fetch` does on an event loop, with an ``httpx.AsyncClient``."""
    httpx = _httpx(request)
    asked_at = unix_time()
    try:
        if client is None:
            async with httpx.AsyncClient(timeout=TIMEOUT) as own:
                response = await own.request(**request.arguments)
        elif isinstance(client, httpx.AsyncClient):
            response = await client.request(**request.arguments)
        else:
            raise TypeError(f"client must be an httpx.AsyncClient here, not {_kind(client)}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unanswered(request, error) from error
    return _read(request, response, asked_at)


def _httpx(request: CredentialsRequest) -> Any:
    try:
        import httpx
    except ImportError as error:
        what = f"asking {request.provider} for TURN credentials"
        raise MissingPackageError(what, "fastrtc-webrtc[turn]") from error
    return httpx


def _kind(client: object) -> str:
    return f"{type(client).__module__.partition('.')[0]}.{type(client).__qualname__}"


def _unanswered(request: CredentialsRequest, error: Exception) -> CredentialsError:
    host = urlsplit(request.url).hostname
    return CredentialsError(
        request.provider, f"{host} did not answer ({type(error).__name__}: {error})"
    )


def _read(
    request: CredentialsRequest, response: "httpx.Response", asked_at: float
) -> TurnCredentials:
    """Take the credentials from an answer, whose text is not repeated: it may hold secrets."""
    status = response.status_code
    if not response.is_success:
        problem = f"it answered with status {status}{ADVICE.get(status, '')}"
        raise CredentialsError(request.provider, problem, status)
    try:
        answer = response.json()
    except ValueError:  # not chained: the error holds the text
        raise CredentialsError(request.provider, "its answer is not JSON", status) from None
    if not isinstance(answer, dict) or not answer.get("iceServers"):
        raise CredentialsError(request.provider, "its answer has no iceServers", status)
    return TurnCredentials(answer, expires=asked_at + request.ttl)
