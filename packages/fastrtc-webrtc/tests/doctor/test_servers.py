"""STUN and TURN servers, real ones and such that do not work."""

import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aioice import Connection
from aioice.ice import StunProtocol
from aioice.turn import create_turn_endpoint

from fastrtc_webrtc.credentials import get_coturn_credentials
from fastrtc_webrtc.doctor import Finding, check_servers, check_stun, check_turn

LOCAL = "127.0.0.1"
SECRET = "north-by-northwest"
SHORT = 0.2

Coturn = Callable[..., int]


async def checked(configuration: Any, patience: float = 5) -> list[Finding]:
    return [finding async for finding in check_servers(configuration, patience=patience)]


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def turn(port: int, transport: str = "", **account: str) -> dict[str, Any]:
    return {
        "urls": f"turn:{LOCAL}:{port}{transport}",
        "username": "anna",
        "credential": SECRET,
        **account,
    }


@pytest.mark.parametrize("transport", ["", "?transport=udp", "?transport=tcp"])
async def test_a_relay_works(coturn: Coturn, transport: str) -> None:
    port = coturn()
    finding = only(await checked([turn(port, transport)]))
    assert finding == Finding(
        "ok", f"The TURN server turn:{LOCAL}:{port}{transport} relays, from {LOCAL}."
    )


async def test_nothing_stays_behind(coturn: Coturn, leaving_nothing: Callable[..., Any]) -> None:
    port = coturn()
    async with leaving_nothing():
        await checked([turn(port), turn(port, credential="no"), {"urls": f"stun:{LOCAL}:{port}"}])


async def test_a_wrong_password(coturn: Coturn) -> None:
    port = coturn()
    finding = only(await checked([turn(port, credential="wrong")]))
    assert finding.level == "fault"
    assert finding.text == (
        f"The TURN server turn:{LOCAL}:{port} refuses the user name anna or its password (401)."
    )
    assert "expired" in finding.advice
    assert "wrong" not in str(finding)


async def test_credentials_that_have_ended(coturn: Coturn) -> None:
    port = coturn(secret=True)
    url = f"turn:{LOCAL}:{port}"
    long_ago = datetime(2024, 5, 1, tzinfo=UTC).timestamp()
    finding = only(
        await checked(get_coturn_credentials(SECRET, url, ttl=3600, now=long_ago)["iceServers"])
    )
    assert finding.level == "fault"
    assert f"{url} refuses credentials (401) that ended at 2024-05-01 01:00:00 UTC" in finding.text
    assert "Get new ones" in finding.advice
    good = only(await checked(get_coturn_credentials(SECRET, url)["iceServers"]))
    assert good.level == "ok"


@asynccontextmanager
async def relay_in_use(port: int) -> AsyncIterator[None]:
    _, relayed = await create_turn_endpoint(
        lambda: StunProtocol(Connection(ice_controlling=True)),
        server_addr=(LOCAL, port),
        username="anna",
        password=SECRET,
    )
    try:
        yield
    finally:
        await relayed.close()


async def test_a_server_that_has_given_all_it_has(coturn: Coturn) -> None:
    port = coturn("--user-quota=1")
    async with relay_in_use(port):
        finding = only(await checked([turn(port)]))
    assert finding.level == "fault"
    assert finding.text == (
        f"The TURN server turn:{LOCAL}:{port} refuses: 486 Allocation Quota Reached."
    )


async def test_nothing_listens() -> None:
    with socket.create_server((LOCAL, 0)) as probe:
        port = probe.getsockname()[1]
    url = f"turn:{LOCAL}:{port}?transport=tcp"
    finding = await check_turn(url, "anna", SECRET)
    assert finding.level == "fault"
    assert finding.text == f"Nothing listens at {url}."


async def test_a_turn_server_that_is_silent(silent_port: int) -> None:
    finding = await check_turn(f"turn:{LOCAL}:{silent_port}", "anna", SECRET, patience=SHORT)
    assert finding.level == "fault"
    assert finding.text == (
        f"The TURN server turn:{LOCAL}:{silent_port} does not answer within 0.2 s."
    )
    assert "?transport=tcp" in finding.advice


async def test_a_turn_server_without_tls(coturn: Coturn) -> None:
    port = coturn()
    url = f"turns:localhost:{port}"
    finding = await check_turn(url, "anna", SECRET, patience=1)
    assert finding.level == "fault"
    # What is said depends on whether it waits for more, or takes the hello for nonsense.
    assert finding.text.startswith(f"The TURN server {url} ")
    assert re.search("breaks the connection off|does not (speak TLS|answer)", finding.text)


async def test_a_stun_server(coturn: Coturn) -> None:
    port = coturn()
    finding = only(await checked({"urls": f"stun:{LOCAL}:{port}"}))
    assert finding == Finding(
        "ok",
        f"The STUN server stun:{LOCAL}:{port} answers; there is no NAT between: it sees {LOCAL}.",
    )


async def test_a_stun_server_that_is_silent(silent_port: int) -> None:
    url = f"stun:{LOCAL}:{silent_port}"
    finding = await check_stun(url, patience=SHORT)
    assert finding.level == "fault"
    assert finding.text == f"The STUN server {url} does not answer within 0.2 s."
    assert "TURN server over TCP or TLS" in finding.advice


async def test_names_that_lead_nowhere() -> None:
    stun = await check_stun("stun:nowhere.invalid:3478")
    turn = await check_turn("turn:nowhere.invalid", "anna", SECRET)
    assert stun.text == "The name nowhere.invalid of stun:nowhere.invalid:3478 can't be looked up."
    assert turn.text == "The name nowhere.invalid of turn:nowhere.invalid can't be looked up."


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("turn:[::1]:3478", "named by an IPv6 address"),
        ("turns:localhost?transport=udp", "TURN over DTLS"),
        ("stuns:localhost", "STUN over TLS"),
    ],
)
async def test_what_only_browsers_can_use(url: str, words: str) -> None:
    finding = only(await checked({"urls": url, "username": "anna", "credential": SECRET}))
    assert finding.level == "note"
    assert finding.text.startswith(f"{url} was not asked: ")
    assert words in finding.text


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ([{"urls": "turn:localhost"}], "'turn:localhost' needs a username and a credential"),
        ([{"urls": "localhost:3478"}], "'localhost:3478' is no URL of an ICE server"),
        ("nonsense", "a configuration is a dict"),
    ],
)
async def test_a_configuration_that_is_none(servers: Any, words: str) -> None:
    finding = only(await checked(servers))
    assert finding.level == "fault"
    assert words in finding.text
    assert "rtc_configuration" in finding.advice


async def test_no_server_gives_nothing_to_find() -> None:
    assert await checked(None) == []
