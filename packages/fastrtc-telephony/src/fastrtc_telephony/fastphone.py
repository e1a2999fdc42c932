"""A temporary telephone number, from the FastPhone service.

The service is not part of this project. What it does: registered with the address of a server, it
returns a number and a code; who calls the number and types the code is connected to
``/telephone/handler`` of that server, as Twilio connects calls.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import uvicorn
from starlette.applications import Starlette

from fastrtc_core import Stream
from fastrtc_telephony.errors import FastPhoneError
from fastrtc_telephony.settings import TelephoneSettings
from fastrtc_telephony.transport import TelephoneTransport
from fastrtc_telephony.tunnels import open_tunnel

logger = logging.getLogger("fastrtc_telephony")

SERVICES: Final = ("https://api.fastrtc.org", "https://fastrtc-fastphone.hf.space")
"""Where the service is, or else is; ``FASTRTC_FASTPHONE_URL`` stands for others."""

SERVICE_URL: Final = "FASTRTC_FASTPHONE_URL"
TUNNEL: Final = "FASTRTC_TUNNEL"
TOKEN: Final = "HF_TOKEN"
NO_MINUTES_LEFT: Final = 202
PATIENCE: Final = 30.0
"""Seconds for the service to answer: it may have to wake up."""


class RegistrationError(FastPhoneError, httpx.HTTPStatusError):
    """The service refuses to register this server."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What the service gives."""

    phone: str
    code: str
    reset_date: str

    def told(self) -> str:
        """Return what to tell the person."""
        code = f"{self.code[:3]} {self.code[3:]}" if len(self.code) == 6 else self.code
        until = f" The minutes of this month are renewed on {self.reset_date}." * bool(
            self.reset_date
        )
        return f"Your stream is on the telephone: call {self.phone}, code {code}.{until}"


async def serve(
    stream: Stream, token: str | None, host: str, port: int, options: Mapping[str, Any]
) -> None:
    """Serve a stream on a temporary telephone number, until Ctrl-C.

    Args:
        stream: What is served.
        token: Of Hugging Face; None for ``HF_TOKEN`` or the one that is stored on this machine.
        host: Where to listen.
        port: Where to listen; 0 for any that is free.
        options: ``tunnel`` and ``services``, see `open_tunnel` and `SERVICES`; the others are
            uvicorn's.

    Raises:
        FastPhoneError: There is no token, no tunnel, or no service.
        RegistrationError: The service refuses.

    """
    given = dict(options)
    tunnel = given.pop("tunnel", None) or os.environ.get(TUNNEL)
    services = given.pop("services", None) or _services()
    token = token or _token()
    app = Starlette()
    # Calls come by way of the service, which signs them with secrets of its own.
    settings = replace(TelephoneSettings(), insecure=True)
    TelephoneTransport(stream, settings).mount(app, "", None)
    failure: Exception | None = None
    with _listen(host, port) as listener:
        # By default logging stays as the application has set it up.
        server = _Server(uvicorn.Config(app, **{"log_config": None, **given}))
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve([listener]))
            await server.listening.wait()
            try:
                async with open_tunnel(tunnel, host, listener.getsockname()[1]) as url:
                    registration = await register(services, token, urlsplit(url).netloc)
                    sys.stdout.write(f"{registration.told()}\n")
                    sys.stdout.flush()
                    await asyncio.wait([serving])
            except Exception as error:  # noqa: BLE001 - raised below, when the server has ended
                failure = error
            server.should_exit = True
    if failure is not None:
        raise failure


async def register(services: tuple[str, ...], token: str, address: str) -> Registration:
    """Register a server.

    Args:
        services: URLs of the service, the next one for when one can't be reached.
        token: Of Hugging Face.
        address: Host and port by which the server is reached.

    Raises:
        FastPhoneError: No service can be reached, there are no minutes left, or its answer makes
            no sense.
        RegistrationError: The service refuses.

    """
    failures: list[str] = []
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        for service in services:
            url = f"{service.rstrip('/')}/register"
            try:
                answer = await client.post(
                    url, json={"url": address}, headers={"Authorization": token}
                )
            except httpx.HTTPError as error:
                failures.append(f"{service}: {error or type(error).__name__}")
                continue
            return _registration(answer)
    raise FastPhoneError(
        f"the FastPhone service can't be reached ({'; '.join(failures)}); a number of your own "
        "works without it: see the telephone guide"
    )


def _registration(answer: httpx.Response) -> Registration:
    if answer.is_error:
        hint = ": is the token right?" if answer.status_code in (401, 403) else ""
        raise RegistrationError(
            f"the FastPhone service answers {answer.status_code}{hint} {answer.text[:200]}".strip(),
            request=answer.request,
            response=answer,
        )
    if answer.status_code == NO_MINUTES_LEFT:
        raise FastPhoneError("you have no FastPhone minutes left this month")
    try:
        found = answer.json()
        return Registration(str(found["phone"]), str(found["code"]), str(found["reset_date"] or ""))
    except (ValueError, KeyError, TypeError):
        raise FastPhoneError(
            f"the FastPhone service answers what makes no sense: {answer.text[:200]!r}"
        ) from None


def _services() -> tuple[str, ...]:
    own = os.environ.get(SERVICE_URL)
    return (own,) if own else SERVICES


def _token() -> str:
    """Return the token of Hugging Face that is set or stored here, where its own tools keep it."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    stored = Path(os.environ.get("HF_TOKEN_PATH") or home / "token")
    token = os.environ.get(TOKEN) or (stored.read_text().strip() if stored.is_file() else "")
    if not token:
        raise FastPhoneError(
            "FastPhone needs a token of Hugging Face: fastphone(token=...), HF_TOKEN in the "
            "environment, or `hf auth login`; there are tokens at "
            "https://huggingface.co/settings/tokens"
        )
    return token


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening: Final = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise FastPhoneError(f"port {port} of {host} can't be served: {error.strerror}") from None
