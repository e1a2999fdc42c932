"""A public address for a server on this machine."""

import asyncio
import re
import secrets
import shlex
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from fastrtc_telephony.errors import FastPhoneError

OPENING: Final = 30.0
"""Seconds for a tunnel to say where it is."""

CLOSING: Final = 5.0
"""Seconds for a tunnel's program to end."""

_ADDRESS: Final = re.compile(
    r"https://[A-Za-z0-9.-]+\.[A-Za-z]{2,}[^\s|\"']*|https?://127[^\s\"']*"
)


@asynccontextmanager
async def open_tunnel(tunnel: str | None, host: str, port: int) -> AsyncIterator[str]:
    """Have a server reached from everywhere while the block runs; gives its URL.

    Args:
        tunnel: A URL that leads here already (``https://mine.ngrok.app``); or a command that opens
            a tunnel, prints its URL and stays (``cloudflared tunnel --url http://{host}:{port}``);
            None for Gradio's own tunnel, where Gradio is installed.
        host: Of the server.
        port: Of the server.

    Raises:
        FastPhoneError: There is no tunnel.

    """
    if tunnel is None:
        yield await _gradio(host, port)
    elif tunnel.startswith(("https://", "http://")):
        yield tunnel
    else:
        async with _command(tunnel.format(host=host, port=port)) as url:
            yield url


@asynccontextmanager
async def _command(command: str) -> AsyncIterator[str]:
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command), stdout=PIPE, stderr=STDOUT
        )
    except (OSError, ValueError) as error:
        raise FastPhoneError(f"the tunnel {command!r} can't be started: {error}") from None
    try:
        url = await _first_address(process, command)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(_read_on(process))
            failure: Exception | None = None
            try:
                yield url
            except Exception as error:  # noqa: BLE001 - raised below, not wrapped in a group
                failure = error
            reading.cancel()
        if failure is not None:
            raise failure
    finally:
        await _end(process)


async def _first_address(process: Process, command: str) -> str:
    assert process.stdout is not None
    said = ""
    with suppress(TimeoutError):
        async with asyncio.timeout(OPENING):
            async for line in process.stdout:
                said = line.decode(errors="replace").strip()
                if found := _ADDRESS.search(said):
                    return found[0]
    raise FastPhoneError(f"the tunnel {command!r} has named no address; it said last: {said!r}")


async def _read_on(process: Process) -> None:
    """Take what the program says, lest it waits for that."""
    assert process.stdout is not None
    while await process.stdout.read(1 << 16):
        pass


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(CLOSING):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _gradio(host: str, port: int) -> str:
    try:
        from gradio.networking import setup_tunnel  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise FastPhoneError(
            "there is no tunnel: name one that leads here, fastphone(tunnel='https://...'), or a "
            "command that opens one, fastphone(tunnel='cloudflared tunnel --url "
            "http://{host}:{port}'); or install Gradio, which has its own"
        ) from None
    options: dict[str, Any] = {
        "local_host": host,
        "local_port": port,
        "share_token": secrets.token_urlsafe(32),
        "share_server_address": None,
        "share_server_tls_certificate": None,
    }
    try:
        url: str = await asyncio.to_thread(lambda: setup_tunnel(**options))
    except Exception as error:
        raise FastPhoneError(f"Gradio's tunnel can't be opened: {error}") from error
    return url
